"""Learns from past requests what `services.responsible` serves: the evidence, and the trees that weigh it.

The trees learn from requests that were ranked by evidence older than they, block by block in time, as it will be when
they serve; from a request's own past they would learn to trust what they cannot have.
"""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import scipy.sparse as sp
from scipy.optimize import minimize
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from services.responsible.asked import Asked, alike_kinds, filed, keys_of, linear_row
from services.responsible.evidence import Evidence, Linear, Neighbours, Roles, Row, Tables
from services.responsible.mentions import Mentions

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.cli.learning.past import Assignment

HALF_LIFE_DAYS = 240.0
"""A report that is so much older counts half."""
FEWEST_OF_CLASS = 10
"""Bodies with fewer reports are one class of the linear model, told apart by counts alone."""
MOST_WEIGHTS = 8_000_000
COMMON, FEWEST_COMMON = 0.03, 50
"""A word of more reports tells nobody's neighbours apart."""
STRENGTH, STEPS, PAIRS_KEPT = 4.0, 60, 4
OF_ONE_AREA, FEWEST_LOCAL, LOCAL_ROLES = 0.85, 5, 3
"""A body with this share of its reports in one area, and so many at least, is local; so many roles local ones have."""
CHUNK = 1_000
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Past requests, the oldest first, broken up once for all fits."""

    asked: list[Asked]
    bodies: np.ndarray
    """Positions among `names`."""
    days: np.ndarray
    names: tuple[str, ...]
    layers: tuple[str, ...]
    filed: list[dict[str, int]]
    rows: list[tuple[dict[int, float], list[int]]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Requests ranked by evidence older than they: candidates, what speaks for each, and who it was."""

    candidates: np.ndarray
    features: np.ndarray
    answers: np.ndarray


def asked_of(each: Assignment) -> Asked:
    """Give what a ranking may look at of a past request."""
    return Asked(
        text=each.text,
        service_code=each.service_code,
        address=each.address,
        latitude=each.place.latitude if each.place else None,
        longitude=each.place.longitude if each.place else None,
        areas=tuple(each.areas.items()),
    )


def known(past: Sequence[Assignment], departments: Sequence[str], names: Sequence[str], layers: Sequence[str]) -> Known:
    """Break requests up; `names` are the responsible bodies' own, `departments` their ids in the same order."""
    number = {code: position for position, code in enumerate(departments)}
    asked = [asked_of(each) for each in past]
    return Known(
        asked=asked,
        bodies=np.array([number[each.department] for each in past], dtype=np.int64),
        days=np.array([each.when.timestamp() / _DAY_S if each.when else 0.0 for each in past]),
        names=tuple(names),
        layers=tuple(layers),
        filed=[filed(each, layers) for each in asked],
        rows=[linear_row(each, keys_of(each, layers)) for each in asked],
    )


def evidence(known: Known, until: int) -> Evidence:
    """Give what the first `until` requests say."""
    days, bodies, size = known.days[:until], known.bodies[:until], len(known.names)
    weights = np.exp2(-(days[-1] - days) / HALF_LIFE_DAYS).astype(np.float32)
    often = np.bincount(bodies, minlength=size)
    last = np.full(size, days[0] - HALF_LIFE_DAYS)
    np.maximum.at(last, bodies, days)
    about = np.stack([np.log(often + 0.1), _parts(known, until), np.log1p(days[-1] - last)])
    learnt, rows = linear(known.rows[:until], bodies, size)
    roles = _roles(known, until)
    of_roles = fitted(learnt, rows, roles[bodies], int(roles.max()) + 1)
    return Evidence(
        names=known.names,
        layers=known.layers,
        mentions=Mentions(known.names),
        tables=_tables(known.filed[:until], bodies, weights),
        linear=learnt,
        roles=Roles(linear=of_roles, of=roles),
        neighbours=_neighbours(known, rows, len(learnt.vocabulary), weights),
        about=about.astype(np.float32),
    )


def block(by: Evidence, known: Known, start: int, end: int) -> Block:
    """Rank requests by evidence."""
    found = [by.gather(known.asked[at : min(at + CHUNK, end)]) for at in range(start, end, CHUNK)]
    return Block(
        candidates=np.concatenate([each[0] for each in found]),
        features=np.concatenate([each[1] for each in found]),
        answers=known.bodies[start:end],
    )


def _parts(known: Known, until: int) -> np.ndarray:
    """Give in how many parts of the town each body is at work: the exponential of the entropy over them."""
    counts = _counts(known, until, f"area {known.layers[0]}" if known.layers else "cell 9")
    whole = np.maximum(np.asarray(counts.sum(axis=1)).ravel(), 1.0)
    shares = counts.multiply(1.0 / whole[:, None]).tocsr()
    shares.data = -shares.data * np.log(shares.data)
    spread: np.ndarray = np.exp(np.asarray(shares.sum(axis=1)).ravel())
    return spread


def _counts(known: Known, until: int, kind: str) -> sp.csr_matrix:
    """Give (bodies, keys of the kind): how many of the first `until` requests each had."""
    keys, parts = np.unique([each.get(kind, 0) for each in known.filed[:until]], return_inverse=True)
    counts = sp.csr_matrix((np.ones(until), (known.bodies[:until], parts)), shape=(len(known.names), len(keys)))
    counts.sum_duplicates()
    return counts


def _roles(known: Known, until: int) -> np.ndarray:
    """Give each body's role: one of a few for bodies of a single area, by how categories share out; else its own."""
    roles = np.arange(len(known.names))
    if not known.layers:
        return roles
    areas = _counts(known, until, f"area {known.layers[0]}").toarray()
    often = areas.sum(axis=1)
    local = (areas.max(axis=1) >= OF_ONE_AREA * often) & (often >= FEWEST_LOCAL)
    categories = _counts(known, until, "category").toarray()[local]
    shapes = np.sqrt(categories / often[local, None])
    kinds = min(LOCAL_ROLES, len(np.unique(shapes, axis=0)))
    if not kinds:
        return roles
    with threadpool_limits(1):
        found = KMeans(kinds, n_init=5, random_state=0).fit(shapes, sample_weight=np.sqrt(often[local]))
    roles[local] = found.labels_
    roles[~local] = kinds + np.arange(int((~local).sum()))
    return roles


def _tables(filed: Sequence[dict[str, int]], bodies: np.ndarray, weights: np.ndarray) -> Tables:
    sums: dict[tuple[int, int], float] = defaultdict(float)
    for own, body, weight in zip(filed, bodies.tolist(), weights.tolist(), strict=True):
        for key in own.values():
            sums[key, body] += weight
    pairs = np.array(sorted(sums), dtype=np.int64).reshape(-1, 2)
    counts = np.array([sums[key, body] for key, body in pairs.tolist()], dtype=np.float32)
    keys, starts = np.unique(pairs[:, 0], return_index=True)
    return Tables(keys=keys, starts=np.append(starts, len(pairs)).astype(np.int64), bodies=pairs[:, 1], counts=counts)


def _neighbours(known: Known, rows: Sequence[Row], words: int, weights: np.ndarray) -> Neighbours:
    """File reports by word; the commonest words are left out, which weigh least and cost most to look up."""
    at = np.concatenate([row.words for row in rows])
    order = np.argsort(at, kind="stable")
    often = np.bincount(at, minlength=words)
    order = order[often[at[order]] <= max(COMMON * len(rows), FEWEST_COMMON)]
    reports = np.repeat(np.arange(len(rows)), [len(row.words) for row in rows])[order]
    said = np.concatenate([row.weights for row in rows])[order]
    starts = np.searchsorted(at[order], np.arange(words + 1))
    kinds = alike_kinds(known.layers)
    return Neighbours(
        starts=starts,
        reports=reports,
        weights=said.astype(np.float16),
        bodies=known.bodies[: len(rows)],
        recent=weights,
        filed=np.array([[own.get(kind, -1) for own in known.filed[: len(rows)]] for kind in kinds], dtype=np.int64),
        kinds=kinds,
    )


def linear(
    rows: Sequence[tuple[dict[int, float], list[int]]], bodies: np.ndarray, size: int
) -> tuple[Linear, list[Row]]:
    """Fit multinomial logistic regression, its squared weights held down, by L-BFGS; give the reports' rows as well."""
    classes = _classes(bodies, size)
    counts: dict[int, int] = defaultdict(int)
    for words, keys in rows:
        for each in (*words, *keys):
            counts[each] += 1
    fewest = 4 if len(rows) > 5_000 else 2  # noqa: PLR2004 - where texts are few, so are those that share a word
    room = MOST_WEIGHTS // (len(classes) + 1)
    common = sorted((-count, each) for each, count in counts.items() if count >= fewest)[:room]
    vocabulary = np.array(sorted(each for _, each in common), dtype=np.int64)
    rarity = np.array([1 + math.log((1 + len(rows)) / (1 + counts[each])) for each in vocabulary.tolist()])
    empty = Linear(
        vocabulary=vocabulary,
        rarity=rarity.astype(np.float32),
        weights=np.zeros((len(vocabulary) + 1, len(classes) + 1), dtype=np.float16),
        classes=classes,
    )
    found = [empty.row(words, keys) for words, keys in rows]
    return fitted(empty, found, bodies, size), found


def _classes(bodies: np.ndarray, size: int) -> np.ndarray:
    often = np.bincount(bodies, minlength=size)
    return np.flatnonzero(often >= min(FEWEST_OF_CLASS, often.max()))


def fitted(by: Linear, rows: Sequence[Row], bodies: np.ndarray, size: int) -> Linear:
    """Fit a linear model of the vocabulary of `by` to the bodies, or roles below `size`, that the rows were for."""
    classes = _classes(bodies, size)
    answers = np.full(size, len(classes))
    answers[classes] = np.arange(len(classes))
    ends = np.cumsum([0, *(len(row.at) for row in rows)])
    parts = (np.concatenate([row.values for row in rows]), np.concatenate([row.at for row in rows]), ends)
    texts = sp.csr_matrix(parts, shape=(len(rows), len(by.vocabulary)), dtype=np.float32)
    weights = _least(texts, answers[bodies], len(classes) + 1)
    return replace(by, weights=weights.astype(np.float16), classes=classes)


def _least(texts: sp.csr_matrix, answers: np.ndarray, classes: int) -> np.ndarray:
    """Give the weights (features and a start, classes) where the cross entropy and their squares are least."""
    turned, at, shape = texts.T.tocsr(), (np.arange(len(answers)), answers), (texts.shape[1] + 1, classes)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat.astype(np.float32).reshape(shape)
        scores = texts @ weights[:-1] + weights[-1]
        scores -= scores.max(axis=1, keepdims=True)
        own = scores[at]
        np.exp(scores, out=scores)
        total = scores.sum(axis=1, keepdims=True)
        found = STRENGTH * float((np.log(total[:, 0]) - own).sum(dtype=np.float64))
        scores /= total
        scores[at] -= 1.0
        scores *= STRENGTH
        slope = np.empty_like(weights)
        slope[:-1] = turned @ scores + weights[:-1]
        slope[-1] = scores.sum(axis=0)
        found += 0.5 * float(np.square(weights[:-1]).sum(dtype=np.float64))
        return found, slope.ravel().astype(np.float64)

    options = {"maxiter": STEPS, "maxcor": PAIRS_KEPT}
    found = minimize(cost, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options=options)
    weights: np.ndarray = found.x.astype(np.float32).reshape(shape)
    return weights
