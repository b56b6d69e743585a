"""Relative information encoding: keypoints relative to the root and to the current frame."""

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional as F

Operator = Literal["sub", "inner", "cross", "cosine", "sub_quadratic", "sub_81"]

# channels a joint
_CHANNELS = {
    None: 0,
    "sub": 2,
    "inner": 1,
    "cross": 1,
    "cosine": 1,
    "sub_quadratic": 4,
    "sub_81": 2,
}


class RelativeEncoding:
    """Encoding of a joint's keypoints in a window, the network's input (RIE, Eq. 9, 13, 14).

    A joint has up to three stacks of channels a frame: its position; its position relative to the
    root joint (P-ENH); and its position against that in the current frame (T-ENH), by an operator:
    sub, the difference; inner, cross and cosine, one number a joint; sub_quadratic, the difference
    and its square (SUB+SUB_S); sub_81, the difference in the middle third of the window
    and zero elsewhere (SUB(81f), 81 of 243 frames).

    The paper leaves open the channels of its operators and what fills SUB(81f) outside: the vectors
    are of the plane, so that inner and cross products are scalars, and zero says "no difference".

    Args:
        absolute: whether the positions themselves are encoded. Without them and without P-ENH, the
            current frame's difference, which is 0, is replaced by its position (supplement,
            Sec. 3).
        positional: whether positions relative to the root are encoded (P-ENH).
        temporal: operator of T-ENH, None for no T-ENH.

    Raises:
        ValueError: an encoding without any stack, or an unknown operator.
    """

    def __init__(
        self, absolute: bool = True, positional: bool = True, temporal: Operator | None = "sub"
    ) -> None:
        if temporal not in _CHANNELS:
            known = ", ".join(get_args(Operator))
            raise ValueError(
                f"There is no operator {temporal!r} for T-ENH: choose {known} or null."
            )
        if not (absolute or positional or temporal == "sub"):
            raise ValueError(
                "Without absolute positions, choose positional: true or temporal: sub."
            )
        self.absolute = absolute
        self.positional = positional
        self.temporal = temporal

    @property
    def channels(self) -> int:
        """Channels a joint and frame."""
        return 2 * self.absolute + 2 * self.positional + _CHANNELS[self.temporal]

    @property
    def is_linear(self) -> bool:
        """Whether it is linear in the positions of a frame, its root and the current frame."""
        return self.temporal is None or (
            self.temporal == "sub" and (self.absolute or self.positional)
        )

    def __call__(self, keypoints: Tensor, current: int) -> Tensor:
        """Encode (B, T, J, 2), the root first, to (B, T, J, channels).

        Args:
            keypoints: (B, T, J, 2) in [-1, 1] by image width.
            current: index of the current frame in the window.
        """
        stacks = [keypoints] if self.absolute else []
        if self.positional:
            stacks.append(keypoints - keypoints[:, :, :1])
        if self.temporal is not None:
            stacks.append(self._against_current(keypoints, current))
        return torch.cat(stacks, dim=-1)

    def _against_current(self, keypoints: Tensor, current: int) -> Tensor:
        now = keypoints[:, current : current + 1]
        if self.temporal == "inner":
            return (keypoints * now).sum(-1, keepdim=True)
        if self.temporal == "cross":
            return (keypoints * now.flip(-1) * now.new_tensor([1, -1])).sum(-1, keepdim=True)
        if self.temporal == "cosine":
            return F.cosine_similarity(keypoints, now, dim=-1)[..., None]
        differences = keypoints - now
        if self.temporal == "sub_quadratic":
            return torch.cat([differences, differences.square()], dim=-1)
        frames = torch.arange(keypoints.shape[1], device=keypoints.device)[:, None, None]
        if self.temporal == "sub_81":
            return differences * ((frames - current).abs() <= keypoints.shape[1] // 6)
        if not (self.absolute or self.positional):
            return torch.where(frames == current, keypoints, differences)
        return differences

    def fold(self, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Turn a linear encoding's weights into weights of plain positions.

        The sum over stacks of weight times stack is own times the positions, plus root times the
        root's position, plus current times the current frame's positions.

        Args:
            weight: (..., taps, J, channels), weights of the encoded stacks.

        Returns:
            own (..., taps, J, 2), root (..., taps, 1, 2) and current (..., J, 2).
        """
        own = weight.unflatten(-1, (-1, 2)).sum(-2)
        stacks = list(weight.unflatten(-1, (-1, 2)).unbind(-2))[self.absolute :]
        zero = torch.zeros_like(own)
        root = -stacks[0] if self.positional else zero
        current = -stacks[-1] if self.temporal else zero
        return own, root.sum(-2, keepdim=True), current.sum(-3)
