"""Dropout masks from few random bits."""

import torch

_LEVELS = 1 << 16


def keep_mask(shape: torch.Size, p: float, device: torch.device) -> torch.Tensor:
    """True where a value is kept, each with probability 1 - p to within 1 / 131,072.

    Four values share one 64-bit random number: on a CPU, drawing one number a value takes as long
    as the products between them (`make bench`).

    Args:
        shape: of the mask.
        p: probability of False.
        device: where the mask is drawn, with its generator.
    """
    count = shape.numel()
    words = torch.empty(-(-count // 4), dtype=torch.int64, device=device).random_(-(2**63), None)
    levels = words.view(torch.int16)[:count].view(shape)
    return levels >= round(p * _LEVELS) - _LEVELS // 2
