"""Boosted decision trees as arrays, asked for many rows at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


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
    start: float

    def score(self, rows: NDArray[np.float32]) -> NDArray[np.float32]:
        """Give the sum of all trees' leaves for each row (rows, features)."""
        total = np.full(len(rows), self.start, dtype=np.float32)
        flat = np.ascontiguousarray(rows).ravel()
        begin = np.arange(len(rows), dtype=np.int64) * rows.shape[1]
        for root in self.roots:
            node = np.full(len(rows), root, dtype=np.int32)
            for _ in range(self.depth):
                goes_left = flat[begin + self.feature[node]] <= self.threshold[node]
                node = np.where(goes_left, self.left[node], self.right[node])
            total += self.value[node]
        return total

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Give all as arrays, to be written."""
        found: dict[str, NDArray[np.generic]] = {
            f"tree_{name}": getattr(self, name) for name in ("roots", "feature", "threshold", "left", "right", "value")
        }
        return found | {"tree_shape": np.array([self.depth, self.start], dtype=np.float64)}
