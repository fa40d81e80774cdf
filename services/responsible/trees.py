"""Boosted decision trees as arrays, asked for many rows at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

AT_ONCE = 500
"""Rows that go down all trees together: few are quick then, and many need no more memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """All nodes of all trees, one behind the other. At a leaf `left` and `right` are the node itself."""

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    """A row goes left where its feature is at most this."""
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]
    depth: int

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the sum of all trees' leaves for each row (rows, features)."""
        parts = [self._score(rows[at : at + AT_ONCE]) for at in range(0, len(rows), AT_ONCE)]
        return np.concatenate(parts) if parts else np.zeros(0, dtype=np.float32)

    def _score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = np.ascontiguousarray(rows).ravel()
        begin = (np.arange(len(rows), dtype=np.int64) * rows.shape[1])[:, None]
        node = np.tile(self.roots, (len(rows), 1))
        for _ in range(self.depth):
            goes_left = flat[begin + self.feature[node]] <= self.threshold[node]
            node = np.where(goes_left, self.left[node], self.right[node])
        total = np.zeros(len(rows), dtype=np.float32)
        for leaves in node.T:  # one after the other: a sum's last digit must not follow from how many rows there are
            total += self.value[leaves]
        return total

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give all as arrays, to be written."""
        found: dict[str, NDArray[np.generic]] = {
            f"tree_{name}": getattr(self, name) for name in ("roots", "feature", "threshold", "left", "right", "value")
        }
        return found | {"tree_depth": np.array(self.depth)}
