"""KeypointControls: errors of 2D estimates, and what they must be seen beside."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lightning_modules.selfsup.controls import taken
from metrics.joint_mean import JointMean


class KeypointControls(nn.Module):
    """Errors of 2D estimates, in percent of the side of the crop around the person.

    - `keypoint_error`: of the estimates.
    - `keypoint_error_other`: the estimates' distance from another frame's truth.
    - `keypoint_error_sides`, `keypoint_error_other_sides`: the same, left and right exchanged in
      every estimate that comes closer so, as KeypointGAN (Jakab et al., CVPR 2020) evaluates:
      without labels, whether a person is seen from the front or from behind is hard to tell.
    - `right_sides`: percentage of estimates that do not come closer so.
    - `keypoint_error_mean`: of the mean pose.

    Args:
        mirror: each joint's counterpart on the other side, J of them.
    """

    def __init__(self, mirror: Sequence[int]) -> None:
        super().__init__()
        self.mirror = list(mirror)
        names = ("", "_sides", "_other", "_other_sides", "_mean")
        metrics = {f"keypoint_error{name}": JointMean(len(mirror)) for name in names}
        self.metrics = nn.ModuleDict(metrics | {"right_sides": JointMean(1)})

    def update(
        self, found: Tensor, truth: Tensor, other: Tensor, mean: Tensor, visible: Tensor
    ) -> None:
        """Add places (B, J, 2) in their crops, from 0 to 1, and the mean pose's (J, 2).

        `visible` (B, J) is 0 where the truth is not known.
        """
        errors, exchanged = _percent(found, truth), _percent(found[:, self.mirror], truth)
        wrong = _closer(exchanged, errors, visible)
        others, exchanged_others = _percent(found, other), _percent(found[:, self.mirror], other)
        otherwise = _closer(exchanged_others, others, visible)
        figures = {
            "keypoint_error": errors,
            "keypoint_error_sides": torch.where(wrong, exchanged, errors),
            "keypoint_error_other": others,
            "keypoint_error_other_sides": torch.where(otherwise, exchanged_others, others),
            "keypoint_error_mean": _percent(mean, truth),
        }
        for name, each in figures.items():
            self.metrics[name].update(each, visible)  # type: ignore[operator]
        sides = self.metrics["right_sides"]
        sides.update(100.0 * ~wrong, torch.ones_like(wrong))  # type: ignore[operator]

    def compute(self) -> dict[str, Tensor]:
        """The figures, which begin anew."""
        return taken(self.metrics)


def _percent(found: Tensor, truth: Tensor) -> Tensor:
    return 100 * (found - truth).norm(dim=-1)


def _closer(errors: Tensor, than: Tensor, visible: Tensor) -> Tensor:
    """Whether a pose's errors (B, J) are smaller in all than others, (B, 1)."""
    # what does not count may be anything
    return torch.where(visible > 0, errors - than, 0).sum(1, keepdim=True) < 0
