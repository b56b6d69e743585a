"""Controls: what an unsupervised method's errors must be seen beside to mean anything."""

import torch
from torch import Tensor, nn

from metrics import AUC, NMPJPE, OFFICIAL_14, PAMPJPE, PCK
from metrics.functional import pa_mpjpe, procrustes_align, scale_align
from metrics.joint_mean import JointMean
from metrics.spread import Spread


class Controls(nn.Module):
    """Errors of knowing nothing, and signs of a method that has collapsed.

    P-MPJPE alone hardly shows that depth was learned: a pose without depth scores well by it.

    - `pa_mpjpe_flat`, `nmpjpe_flat`: the true pose with all depths 0.
    - `pa_mpjpe_mean`: the mean of the prior's poses in 3D, each aligned to it first.
    - `pa_mpjpe_other`: the predictions, against another frame's truth.
    - `n_pck`, `n_auc`: of 14 joints, each pose at its best scale about the pelvis, in percent.
    - `mirrored`: percentage of poses that come closer with their depths negated.
    - `depth_spread`, `true_depth_spread`: deviation of a pose's depths, mean over poses, mm.
    - `elevation_spread`: deviation of the elevations over poses, degrees.

    Args:
        joints: J.
    """

    mean: Tensor

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(joints, 3))
        self.metrics = nn.ModuleDict(
            {
                "pa_mpjpe_flat": PAMPJPE(),
                "nmpjpe_flat": NMPJPE(),
                "pa_mpjpe_mean": PAMPJPE(),
                "pa_mpjpe_other": PAMPJPE(),
                "n_pck": PCK(joints=OFFICIAL_14),
                "n_auc": AUC(joints=OFFICIAL_14),
                "mirrored": JointMean(1),
                "depth_spread": JointMean(1),
                "true_depth_spread": JointMean(1),
                "elevation_spread": Spread(),
            }
        )

    def fit(self, joints: Tensor) -> None:
        """Take the mean of poses (N, J, 3), found by turning each towards it until it stays."""
        mean = joints[0].double()
        for _ in range(10):
            mean = procrustes_align(joints, mean.expand_as(joints)).mean(0)
        self.mean.copy_(mean)

    def update(self, predicted: Tensor, joints: Tensor, other: Tensor, elevation: Tensor) -> None:
        """Add predicted, true and other frames' poses (B, J, 3), mm, and elevations (B,), rad."""
        flat = joints * joints.new_tensor([1, 1, 0])
        scaled = scale_align(predicted, joints)
        upside = predicted * predicted.new_tensor([1, 1, -1])
        closer = pa_mpjpe(upside, joints) < pa_mpjpe(predicted, joints)
        poses = {
            "pa_mpjpe_flat": (flat, joints),
            "nmpjpe_flat": (flat, joints),
            "pa_mpjpe_mean": (self.mean.double().expand_as(joints), joints),
            "pa_mpjpe_other": (predicted, other),
            "n_pck": (scaled, joints),
            "n_auc": (scaled, joints),
        }
        for name, pair in poses.items():
            self.metrics[name].update(*pair)  # type: ignore[operator]
        spreads = {
            "mirrored": 100.0 * closer,
            "depth_spread": predicted[..., 2].std(dim=1),
            "true_depth_spread": joints[..., 2].std(dim=1),
        }
        for name, figures in spreads.items():
            column = figures[:, None]
            self.metrics[name].update(column, torch.ones_like(column))  # type: ignore[operator]
        self.metrics["elevation_spread"].update(elevation.rad2deg())  # type: ignore[operator]

    def compute(self) -> dict[str, Tensor]:
        """The figures, which begin anew."""
        return taken(self.metrics)


def taken(metrics: nn.ModuleDict) -> dict[str, Tensor]:
    """The figures of metrics, which begin anew."""
    figures = {}
    for name, metric in metrics.items():
        figures[name] = metric.compute()  # type: ignore[operator]
        metric.reset()  # type: ignore[operator]
    return figures
