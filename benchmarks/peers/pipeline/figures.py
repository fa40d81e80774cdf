"""What is made of the moments at which reports went in and came out."""

from collections.abc import Mapping, Sequence

CALM = 10
"""So many reports in a row, each as soon as it should be, are a side that has recovered."""


def quantile(values: Sequence[float], share: float) -> float | None:
    """Give a quantile of unordered values, the nearest one above; None of nothing."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def latencies_ms(sent: Mapping[str, float], first: Mapping[str, float]) -> dict[str, float]:
    """Give milliseconds from in to out of those that came out, in the order of sending."""
    return {name: (first[name] - at) * 1000 for name, at in sent.items() if name in first}


def percentiles(sent: Mapping[str, float], first: Mapping[str, float]) -> dict[str, float | None]:
    """Give p50 and p99, milliseconds."""
    found = list(latencies_ms(sent, first).values())
    return {"p50_ms": _rounded(quantile(found, 0.5)), "p99_ms": _rounded(quantile(found, 0.99))}


def recovered_after(
    sent: Mapping[str, float], first: Mapping[str, float], burst_ended: float, limit_ms: float
) -> float | None:
    """Give the seconds from the end of a burst until reports come out within `limit_ms` again.

    It is the moment at which the first of `CALM` reports in a row was sent that all were. None: not in these.
    """
    run: list[float] = []
    for name, at in sent.items():
        took = (first[name] - at) * 1000 if name in first else None
        run = [*run, at] if took is not None and took <= limit_ms else []
        if len(run) == CALM:
            return round(max(0.0, run[0] - burst_ended), 2)
    return None


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
