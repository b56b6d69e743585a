"""The figures that every lifter is judged by."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torchmetrics import MetricCollection

from datamodules.skeletons import H36M17, Skeleton
from metrics import ALL_17, AUC, MPJPE, MPJVE, NMPJPE, OFFICIAL_14, PAMPJPE, PCK
from metrics.pose_error import Average, PoseError

_ERRORS: dict[str, type[PoseError]] = {"mpjpe": MPJPE, "pa_mpjpe": PAMPJPE, "nmpjpe": NMPJPE}
_AVERAGES: dict[str, Average] = {"": "frame", "_action": "action", "_by_action": "none"}


class Errors(nn.Module):
    """The errors of predicted poses, by every grouping of a protocol.

    Args:
        groupings: batch column -> its groups' names.
        skeleton: joint layout of the poses.
    """

    def __init__(self, groupings: Mapping[str, Sequence[str]], skeleton: Skeleton) -> None:
        super().__init__()
        self.groupings = groupings
        held = {name: errors_by(name, len(groups), skeleton) for name, groups in groupings.items()}
        self.metrics = nn.ModuleDict(held)

    def update(self, predicted: Tensor, joints: Tensor, batch: Mapping[str, Tensor]) -> None:
        """Add predicted and true joints (B, J, 3), mm, of a batch as the protocols make them."""
        places = {"index": batch["index"], "sequence": batch["sequence"]}
        for grouping, errors in self.metrics.items():
            errors.update(predicted, joints, action=batch[grouping], **places)  # type: ignore[operator]

    def take(self) -> dict[str, Tensor]:
        """Name, and group where there are several -> figure over all ranks; begins anew."""
        figures = {}
        for grouping, errors in self.metrics.items():
            for name, value in errors.compute().items():  # type: ignore[operator]
                if value.ndim == 0:
                    figures[name] = value
                    continue
                for group, number in zip(self.groupings[grouping], value, strict=True):
                    if not number.isnan():
                        figures[f"{name}/{group}"] = number
            errors.reset()  # type: ignore[operator]
        return figures


def errors_by(grouping: str, count: int, skeleton: Skeleton) -> MetricCollection:
    """What is measured of predicted poses, in mm relative to the true root, by a grouping.

    By action `mpjpe`, `pa_mpjpe` and `nmpjpe`, as means over frames, over actions (`_action`) and
    of each action (`_by_action`), and over all frames `mpjve` and the scores. By scene `mpjpe` and
    the scores. By anything else `mpjpe`. The scores are `pck` and `auc` at the thresholds of
    MPI-INF-3DHP, in percent:

    - `pck`, `auc` as its evaluator has them: of Human3.6M-17 14 joints, predicted and true poses
      each relative to their own pelvis.
    - `pck_17`, `auc_17` as the released codes have them: all 17 joints, the predicted root as it
      is. It is nearly always within 150 mm, which makes for a better score.

    Another skeleton has `pck` and `auc` over all joints, the predicted root as it is.

    Args:
        grouping: batch column of the groups.
        count: how many groups there are.
        skeleton: joint layout of the poses.
    """
    if grouping == "action":
        figures = {
            name + suffix: metric(count, average)
            for name, metric in _ERRORS.items()
            for suffix, average in _AVERAGES.items()
        }
        shared = [[name + suffix for suffix in _AVERAGES] for name in _ERRORS]
        scores = _scores(skeleton, num_actions=count)
        alone = [[name] for name in (*scores, "mpjve")]
        return MetricCollection(
            {**figures, **scores, "mpjve": MPJVE()}, compute_groups=[*shared, *alone]
        )
    by_group: dict[str, Any] = {"num_actions": count, "average": "none"}
    figures = {"mpjpe": MPJPE(**by_group)}
    if grouping == "scene":
        figures |= _scores(skeleton, **by_group)
    return MetricCollection(
        {f"{name}_by_{grouping}": metric for name, metric in figures.items()},
        compute_groups=False,
    )


def _scores(skeleton: Skeleton, **kwargs: Any) -> dict[str, PoseError]:  # noqa: ANN401
    if skeleton is not H36M17:
        return {"pck": PCK(**kwargs), "auc": AUC(**kwargs)}
    return {
        "pck": PCK(joints=OFFICIAL_14, root=0, **kwargs),
        "auc": AUC(joints=OFFICIAL_14, root=0, **kwargs),
        "pck_17": PCK(joints=ALL_17, **kwargs),
        "auc_17": AUC(joints=ALL_17, **kwargs),
    }
