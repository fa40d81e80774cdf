"""How near in place and time reports of a family must be, by where its duplicates were."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec.structs import replace

from services.cli.matching.labelled import Labelled, held_against
from services.incidents.seen import Reach

if TYPE_CHECKING:
    from services.city.model import City
    from services.incidents.scorer import Scorer

FEWEST: Final = 20
"""Duplicates of a family that a reach is proposed from, at least."""
COVERED: Final = 0.95
HOUR_S: Final = 3600.0


def wider(reaches: Mapping[str, Reach], reports: Sequence[Labelled], factor: float) -> dict[str, Reach]:
    """Give reaches that look beyond what is set, for the families of these reports too."""
    names = {family for each in reports for family in each.seen.families}
    known = {name: reaches.get(name, Reach()) for name in names} | dict(reaches)
    return {
        name: replace(reach, radius_m=reach.radius_m * factor, window_s=reach.window_s * factor)
        for name, reach in known.items()
    }


def proposed(town: City, reports: Sequence[Labelled], reaches: Mapping[str, Reach], scorer: Scorer) -> Iterator[str]:
    """Give lines for categories.yaml: the radius and window that hold most duplicates of each family."""
    incidents = {each.seen.id: each.incident for each in reports}
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for each, compared in held_against(reports, reaches, scorer):
        scores = [
            (float(score), place)
            for place, (other, score) in enumerate(zip(compared.ids, compared.scores, strict=True))
            if (each.marked if each.incident is None else incidents[other] == each.incident)
        ]
        if scores:
            place = max(scores)[1]
            beyond = max(0.0, float(compared.pairs.metres[place]) - float(compared.pairs.off[place]))
            found[each.seen.families[0]].append((beyond, float(compared.pairs.seconds[place])))
    for family, pairs in sorted(found.items()):
        if len(pairs) < FEWEST or family not in town.families:
            continue
        metres, seconds = np.quantile(np.array(pairs), COVERED, axis=0)
        radius, hours = max(10, int(np.ceil(metres / 5) * 5)), max(1, int(np.ceil(seconds / HOUR_S)))
        now = town.families[family]
        yield (
            f"  {family}: match_radius_m: {radius}, match_window_hours: {hours} hold {COVERED:.0%} of its {len(pairs)} "
            f"duplicates; categories.yaml says {now.match_radius_m:g} and {now.match_window_hours:g}"
        )
