"""What a town's past says for each responsible body: counts by key, a linear model over words and keys, names said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from services.responsible.asked import KEY_WEIGHT, Asked, keys_of, kinds_of, linear_row
from services.responsible.mentions import Mentions

CANDIDATES = 12
LEAST_ALIKE = 0.1
"""Cosine from which on two texts have something to do with each other."""
NEAREST = 8
"""How many of the likest texts of a category are asked alone."""
ANY_CATEGORY = np.float32(0.03)
"""What a report of any category in an area counts for a body there, where one of the category counts 1."""
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


class Row(NamedTuple):
    """A report as positions in a vocabulary: its words alone, their weights of length 1, then keys as well."""

    words: Ints
    weights: Floats
    at: Ints
    values: Floats


def softmax(scores: np.ndarray, temperature: float = 1.0) -> np.ndarray:
    """Give the shares (rows, columns) of scores times a temperature; each row adds up to 1."""
    shares: np.ndarray = np.exp(temperature * (scores - scores.max(axis=1, keepdims=True)))
    shares /= shares.sum(axis=1, keepdims=True)
    return shares


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """How often each body had the reports of a key, older ones counting less; sorted by key."""

    keys: Ints
    starts: Ints
    """Where the entries of each key begin, and, at the end, how many there are."""
    bodies: Ints
    counts: Floats

    def look(self, asked: Sequence[Sequence[int]], size: int) -> Floats:
        """Give (reports, `size` bodies): the sums over the keys of each report."""
        found = np.zeros((len(asked), size), dtype=np.float32)
        rows = np.repeat(np.arange(len(asked)), [len(keys) for keys in asked])
        wanted = np.array([key for keys in asked for key in keys], dtype=np.int64)
        if not len(wanted) or not len(self.keys):
            return found
        at = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        known = self.keys[at] == wanted
        rows, at = rows[known], at[known]
        entries, lengths = entries_of(self.starts, at)
        np.add.at(found, (np.repeat(rows, lengths), self.bodies[entries]), self.counts[entries])
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """Multinomial logistic regression over hashed words and keys; `classes` are bodies, and the last is all others."""

    vocabulary: Ints
    """Sorted."""
    rarity: Floats
    weights: NDArray[np.float16]
    """(vocabulary and a start, classes and others)"""
    classes: Ints

    def row(self, words: Mapping[int, float], keys: Sequence[int]) -> Row:
        """Give a report as positions in the vocabulary, and weights; what is not known is left out."""
        at, known = self._find([*words])
        values = np.array([*words.values()], dtype=np.float32)[known] * self.rarity[at]
        values /= max(float(np.linalg.norm(values)), 1e-6)
        places, _ = self._find(keys)
        return Row(at, values, np.append(at, places), np.append(values, np.full(len(places), KEY_WEIGHT, np.float32)))

    def _find(self, hashes: Sequence[int]) -> tuple[Ints, NDArray[np.bool_]]:
        wanted = np.array(hashes, dtype=np.int64)
        if not len(self.vocabulary):
            return np.zeros(0, dtype=np.int64), np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self.vocabulary, wanted), len(self.vocabulary) - 1)
        known = self.vocabulary[at] == wanted
        return at[known], known

    def shares(self, rows: Sequence[Row], size: int) -> Floats:
        """Give (reports, `size` bodies): how probable each body is; 0 for those that are no class."""
        scores = np.empty((len(rows), self.weights.shape[1]), dtype=np.float32)
        for number, row in enumerate(rows):
            scores[number] = self.weights[-1] + row.values @ self.weights[row.at].astype(np.float32)
        found = np.zeros((len(rows), size), dtype=np.float32)
        found[:, self.classes] = softmax(scores)[:, :-1]
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """Past reports by word: whose were those that said nearly the same? Only words that several reports share."""

    starts: Ints
    """Where the entries of each word of the vocabulary begin, and, at the end, how many there are."""
    reports: Ints
    weights: NDArray[np.float16]
    """Of the word in the report, each report having length 1."""
    bodies: Ints
    """By report."""
    recent: Floats
    filed: Ints
    """(kinds, reports): the key of each of `kinds`; -1: none."""
    kinds: tuple[str, ...]
    """Of key, the category's first: texts that are alike tell most where the reports have these in common as well."""

    def look(self, rows: Sequence[Row], keys: Sequence[Mapping[str, Sequence[int]]], size: int) -> dict[str, Floats]:
        """Give (reports, `size` bodies) by name: squared cosines, summed over the past reports of each body.

        `alike` are all, the others those that share a key with the report, and the `NEAREST` of its category.
        """
        names = ("alike", *(f"alike, {kind}" for kind in self.kinds), "likest")
        found = {name: np.zeros((len(rows), size), dtype=np.float32) for name in names}
        for number, (row, own) in enumerate(zip(rows, keys, strict=True)):
            entries, lengths = entries_of(self.starts, row.words)
            products = np.repeat(row.weights, lengths) * self.weights[entries]
            cosines = np.bincount(self.reports[entries], weights=products, minlength=len(self.bodies))
            near = np.flatnonzero(cosines > LEAST_ALIKE)
            told, bodies = np.square(cosines[near]) * self.recent[near], self.bodies[near]
            found["alike"][number] = np.bincount(bodies, weights=told, minlength=size)
            for kind, filed in zip(self.kinds, self.filed, strict=True):
                shared = np.isin(filed[near], own.get(kind, ()))
                found[f"alike, {kind}"][number] = np.bincount(bodies, weights=told * shared, minlength=size)
            common = np.flatnonzero(np.isin(self.filed[0, near], own.get(self.kinds[0], ())))
            likest = common[np.argsort(-cosines[near[common]], kind="stable")[:NEAREST]]
            found["likest"][number] = np.bincount(bodies[likest], weights=cosines[near[likest]], minlength=size)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What kind of body a report is for: those that do the same, each in its own area, are one role.

    What the words of one district's reports say of its parks office they say of every district's; the area then tells
    these apart. Every other body is a role of its own.
    """

    linear: Linear
    """Its classes are roles; of the same vocabulary as the linear model of bodies."""
    of: Ints
    """The role of each body."""

    def look(self, rows: Sequence[Row], here: Floats) -> tuple[list[Floats], Floats]:
        """Give features (each reports, bodies) and shares (reports, bodies) that add up to 1.

        `here` (reports, bodies) is how often each body had such reports in the area.
        """
        shares = self.linear.shares(rows, int(self.of.max()) + 1)
        local = np.bincount(self.of)[self.of] > 1
        sums = np.zeros_like(shares)
        for role in np.unique(self.of[local]):
            sums[:, role] = here[:, self.of == role].sum(axis=1)
        role = shares[:, self.of]
        within = np.where(local, here / (sums[:, self.of] + np.float32(1e-3)), np.float32(1))
        whole = _shares(role * within)
        of_local = shares[:, np.unique(self.of[local])].sum(axis=1, keepdims=True)
        rare = 1 - shares.sum(axis=1, keepdims=True)
        told = (role, within, whole, whole - whole.max(axis=1, keepdims=True), of_local, rare, local.astype(np.float32))
        return [np.broadcast_to(each, here.shape) for each in told], whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that is known of the past of `bodies`, whose names are given."""

    names: tuple[str, ...]
    layers: tuple[str, ...]
    mentions: Mentions
    tables: Tables
    linear: Linear
    roles: Roles
    neighbours: Neighbours
    about: Floats
    """(3, bodies): how often, in how many parts of the town, and how long ago in days, by logarithm."""

    def gather(self, asked: Sequence[Asked]) -> tuple[Ints, Floats]:
        """Give for each report its candidates (reports, candidates) and what speaks for them (..., features).

        The candidates are the same whatever other reports are asked for.
        """
        size = len(self.names)
        keys = [keys_of(each, self.layers) for each in asked]
        rows = [self.linear.row(*linear_row(each, own)) for each, own in zip(asked, keys, strict=True)]
        linear = self.linear.shares(rows, size)
        mention = self.mentions.score([each.text for each in asked])
        counted = {kind: self.tables.look([own.get(kind, ()) for own in keys], size) for kind in kinds_of(self.layers)}
        counted |= self.neighbours.look(rows, keys, size)
        shares = {kind: _shares(counts) for kind, counts in counted.items()}
        common = np.exp(self.about[0])
        frequent = common / max(float(common.sum()), 1.0)
        agreed = sum(shares.values()) / np.float32(len(shares))
        here = np.zeros_like(linear)
        for layer in self.layers[:1]:
            here = counted[f"category, area {layer}"] + ANY_CATEGORY * counted[f"area {layer}"]
        by_role, likely = self.roles.look(rows, here)
        first = 0.75 * (linear + likely) + agreed + 0.2 * mention + 0.02 * frequent
        candidates = np.argsort(-first, axis=1, kind="stable")[:, :CANDIDATES]
        at = (np.arange(len(asked))[:, None], candidates)
        whole = [*shares.values(), *counted.values(), linear, mention, agreed, first]
        ahead = [each - each.max(axis=1, keepdims=True) for each in (linear, mention, agreed, shares["alike"])]
        own = [counted[kind] / common for kind in counted if kind == "category" or kind.startswith("area ")]
        found = [*(each[at] for each in (*whole, *ahead, *own, *by_role)), *(each[candidates] for each in self.about)]
        return candidates, np.stack(found, axis=-1).astype(np.float32)


def entries_of(starts: Ints, at: Ints) -> tuple[Ints, Ints]:
    """Give the positions of all entries of the lists `at`, one list behind the other, and each list's length."""
    lengths = starts[at + 1] - starts[at]
    begin = starts[at] - (lengths.cumsum() - lengths)
    return np.arange(lengths.sum()) + np.repeat(begin, lengths), lengths


def _shares(counts: Floats) -> Floats:
    shares: Floats = counts / (counts.sum(axis=1, keepdims=True) + np.float32(1e-6))
    return shares
