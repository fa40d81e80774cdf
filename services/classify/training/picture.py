"""A model's reliability diagram: of guesses as sure as this, so many were right."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from services.classify.training.calibrate import BINS, binned

PICTURE = "reliability.png"
BLUE, GREY = "#1f5fa8", "#8a8f98"


def draw(directory: Path, shares: np.ndarray, answers: np.ndarray, note: str) -> None:
    """Draw `reliability.png` into a model's directory from the shares (texts, categories) of texts held back."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == answers
    bins = binned(sure)
    held = [each for each in range(BINS) if (bins == each).any()]
    figure = Figure(figsize=(6, 6.4), layout="constrained")
    upper, lower = figure.subplots(2, height_ratios=(4, 1), sharex=True)
    upper.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle="--")
    upper.plot(
        [float(sure[bins == each].mean()) for each in held],
        [float(right[bins == each].mean()) for each in held],
        color=BLUE,
        marker="o",
    )
    upper.set(ylabel="share that was right", ylim=(0, 1), title=f"How right the model is when it is so sure\n{note}")
    lower.bar(
        [(each + 0.5) / BINS for each in held], [int((bins == each).sum()) for each in held], 0.8 / BINS, color=BLUE
    )
    lower.set(xlabel="confidence", ylabel="texts", xlim=(0, 1))
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(directory / PICTURE, dpi=120, metadata={"Software": "stormdrain"})
