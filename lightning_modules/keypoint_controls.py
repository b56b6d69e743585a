"""KeypointControls: errors of 2D estimates, and what they must be seen beside."""

from torch import Tensor, nn

from lightning_modules.controls import taken
from metrics.joint_mean import JointMean


class KeypointControls(nn.Module):
    """Errors of 2D estimates, in percent of the side of the crop around the person.

    - `keypoint_error`: of the estimates.
    - `keypoint_error_other`: the estimates' distance from another frame's truth.
    - `keypoint_error_mean`: of the mean pose.

    Args:
        joints: J.
    """

    def __init__(self, joints: int) -> None:
        super().__init__()
        names = ("keypoint_error", "keypoint_error_other", "keypoint_error_mean")
        self.metrics = nn.ModuleDict({name: JointMean(joints) for name in names})

    def update(
        self, found: Tensor, truth: Tensor, other: Tensor, mean: Tensor, visible: Tensor
    ) -> None:
        """Add places (B, J, 2) in their crops, from 0 to 1, and the mean pose's (J, 2).

        `visible` (B, J) is 0 where the truth is not known.
        """
        guesses = (found - truth, found - other, mean - truth)
        for metric, away in zip(self.metrics.values(), guesses, strict=True):
            metric.update(100 * away.norm(dim=-1), visible)  # type: ignore[operator]

    def compute(self) -> dict[str, Tensor]:
        """The figures, which begin anew."""
        return taken(self.metrics)
