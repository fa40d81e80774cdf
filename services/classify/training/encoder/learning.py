"""The one loop by which what torch holds learns from texts."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
import torch.nn.functional as nn

WARM, LONGEST_STEP = 0.1, 1.0
"""Share of the steps in which the learning rate rises, before it falls to nothing; and the longest slope."""


def learn(
    model: torch.nn.Module,
    optimizer: torch.optim.Optimizer,
    tokens: Sequence[Sequence[int]],
    answers: torch.Tensor,
    on_progress: Callable[[float], None],
    *,
    size: int,
    rounds: int,
    doubt: float = 0.0,
) -> None:
    """Show a model all texts so many times, in batches; `doubt` is the label smoothing."""
    luck = np.random.default_rng(0)
    steps = rounds * -(-len(tokens) // size)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min(1.0, (step + 1) / (WARM * steps)) * max(0.0, (steps - step) / steps)
    )
    done = 0
    for _ in range(rounds):
        for places, ids, mask in _batches(tokens, size, luck):
            nn.cross_entropy(model(ids, mask), answers[places], label_smoothing=doubt).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), LONGEST_STEP)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
            rate.step()
            done += 1
            on_progress(done / steps)


def _batches(
    tokens: Sequence[Sequence[int]], size: int, luck: np.random.Generator
) -> Iterator[tuple[np.ndarray, torch.Tensor, torch.Tensor]]:
    """Give all texts once, in batches of like length: where they are, their tokens, and which of these are some."""
    lengths = np.array([len(each) for each in tokens])
    shuffled = luck.permutation(len(tokens))
    pools = np.array_split(shuffled, max(1, len(tokens) // (size * 20)))
    order = np.concatenate([pool[np.argsort(lengths[pool], kind="stable")] for pool in pools])
    parts = [order[first : first + size] for first in range(0, len(order), size)]
    for number in luck.permutation(len(parts)):
        places = parts[number]
        ids = np.zeros((len(places), lengths[places].max()), dtype=np.int64)
        mask = np.zeros(ids.shape, dtype=np.float32)
        for row, place in enumerate(places):
            ids[row, : lengths[place]] = tokens[place]
            mask[row, : lengths[place]] = 1
        yield places, torch.from_numpy(ids), torch.from_numpy(mask)
