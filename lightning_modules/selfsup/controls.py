"""Controls: what an unsupervised method's errors must be compared with to mean anything."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor
from torchmetrics import Metric

from metrics import AUC, NMPJPE, OFFICIAL_14, PAMPJPE, PCK
from metrics.aggregate import JointMean, Spread
from metrics.functional import pa_mpjpe, procrustes_align, scale_align


def pose_controls() -> dict[str, Metric]:
    """Errors of knowing nothing, and signs of a method that has collapsed.

    P-MPJPE alone hardly shows that depth was learned: a pose without depth scores well by it.

    - `pa_mpjpe_flat`, `nmpjpe_flat`: the true pose with all depths 0.
    - `pa_mpjpe_mean`: the mean of the prior's poses in 3D, each aligned to it first.
    - `pa_mpjpe_other`: the predictions, against another frame's truth.
    - `n_pck`, `n_auc`: of 14 joints, each pose at its best scale about the pelvis, in percent.
    - `mirrored`: percentage of poses that come closer with their depths negated.
    - `depth_spread`, `true_depth_spread`: deviation of a pose's depths, mean over poses, mm.
    - `elevation_spread`: deviation of the elevations over poses, degrees.
    """
    return {
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


def update_pose_controls(
    metrics: Mapping[str, Metric],
    predicted: Tensor,
    joints: Tensor,
    other: Tensor,
    elevation: Tensor,
    mean: Tensor,
) -> None:
    """Add a batch to what `pose_controls` made.

    Args:
        metrics: what `pose_controls` made, and possibly others.
        predicted: (B, J, 3) predicted joints, float64 mm.
        joints: (B, J, 3) true joints, likewise.
        other: (B, J, 3) true joints of other frames, likewise.
        elevation: (B,) estimated elevations of the camera, radians.
        mean: (J, 3) mean of the prior's poses, in any unit.
    """
    flat = joints * joints.new_tensor([1, 1, 0])
    scaled = scale_align(predicted, joints)
    upside = predicted * predicted.new_tensor([1, 1, -1])
    closer = pa_mpjpe(upside, joints) < pa_mpjpe(predicted, joints)
    poses = {
        "pa_mpjpe_flat": (flat, joints),
        "nmpjpe_flat": (flat, joints),
        "pa_mpjpe_mean": (mean.double().expand_as(joints), joints),
        "pa_mpjpe_other": (predicted, other),
        "n_pck": (scaled, joints),
        "n_auc": (scaled, joints),
    }
    for name, pair in poses.items():
        metrics[name].update(*pair)
    spreads = {
        "mirrored": 100.0 * closer,
        "depth_spread": predicted[..., 2].std(dim=1),
        "true_depth_spread": joints[..., 2].std(dim=1),
    }
    for name, figures in spreads.items():
        column = figures[:, None]
        metrics[name].update(column, torch.ones_like(column))
    metrics["elevation_spread"].update(elevation.rad2deg())


def mean_pose(joints: Tensor) -> Tensor:
    """The mean (J, 3) of poses (N, J, 3), found by turning each towards it until it stays."""
    mean = joints[0].double()
    for _ in range(10):
        mean = procrustes_align(joints, mean.expand_as(joints)).mean(0)
    return mean


def keypoint_controls(joints: int) -> dict[str, Metric]:
    """Errors of 2D estimates, in percent of the side of the crop around the person.

    - `keypoint_error`: of the estimates.
    - `keypoint_error_other`: the estimates' distance from another frame's truth.
    - `keypoint_error_sides`, `keypoint_error_other_sides`: the same, left and right exchanged in
      every estimate that comes closer so, as KeypointGAN (Jakab et al., CVPR 2020) evaluates:
      without labels, whether a person is seen from the front or from behind is hard to tell.
    - `right_sides`: percentage of estimates that do not come closer so.
    - `keypoint_error_mean`: of the mean pose.

    Args:
        joints: number of joints.
    """
    names = ("", "_sides", "_other", "_other_sides", "_mean")
    errors: dict[str, Metric] = {f"keypoint_error{name}": JointMean(joints) for name in names}
    return errors | {"right_sides": JointMean(1)}


def update_keypoint_controls(
    metrics: Mapping[str, Metric],
    found: Tensor,
    truth: Tensor,
    other: Tensor,
    mean: Tensor,
    visible: Tensor,
    mirror: Sequence[int],
) -> None:
    """Add a batch to what `keypoint_controls` made; places are in crops, from 0 to 1.

    Args:
        metrics: what `keypoint_controls` made, and possibly others.
        found: (B, J, 2) estimated places.
        truth: (B, J, 2) true places.
        other: (B, J, 2) true places of other frames.
        mean: (J, 2) mean pose.
        visible: (B, J), 0 where the truth is not known.
        mirror: each joint's counterpart on the other side, J of them.
    """
    exchange = list(mirror)
    errors, exchanged = _percent(found, truth), _percent(found[:, exchange], truth)
    wrong = _closer(exchanged, errors, visible)
    others, exchanged_others = _percent(found, other), _percent(found[:, exchange], other)
    otherwise = _closer(exchanged_others, others, visible)
    figures = {
        "keypoint_error": errors,
        "keypoint_error_sides": torch.where(wrong, exchanged, errors),
        "keypoint_error_other": others,
        "keypoint_error_other_sides": torch.where(otherwise, exchanged_others, others),
        "keypoint_error_mean": _percent(mean, truth),
    }
    for name, each in figures.items():
        metrics[name].update(each, visible)
    metrics["right_sides"].update(100.0 * ~wrong, torch.ones_like(wrong))


def _percent(found: Tensor, truth: Tensor) -> Tensor:
    return 100 * (found - truth).norm(dim=-1)


def _closer(errors: Tensor, than: Tensor, visible: Tensor) -> Tensor:
    """Whether a pose's errors (B, J) are smaller in all than others, (B, 1)."""
    # what does not count may be anything
    return torch.where(visible > 0, errors - than, 0).sum(1, keepdim=True) < 0
