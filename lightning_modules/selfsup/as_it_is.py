"""Applying a network that is not to learn by it."""

from typing import Any

from torch import Tensor, nn
from torch.func import functional_call


def as_it_is(module: nn.Module, images: Tensor) -> Any:  # noqa: ANN401
    """Apply a module that learns nothing by it; gradients go through to its input."""
    held = {name: weight.detach() for name, weight in module.named_parameters()}
    return functional_call(module, held, images)
