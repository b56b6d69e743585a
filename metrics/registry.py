"""The metrics that a run can be measured by, by name or by the path of a user's own class.

A figure is named after its metric NAME: `NAME` is the mean over frames, `NAME_action` the mean of
the actions' means, `NAME_by_action/Walk` the mean of one action, and `NAME_by_GROUPING/GROUP` that
of another group which a protocol reports by. A metric of a user's own is named by its dotted path,
such as `mine.errors.WristError`.
"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from types import MappingProxyType

from torchmetrics import Metric

from datamodules.skeletons import H36M17, Skeleton
from metrics.pose import ALL_17, AUC, MPJPE, MPJVE, NMPJPE, OFFICIAL_14, PAMPJPE, PCK
from poseproof.errors import UserError

# what a run is measured by where nobody says otherwise
DEFAULT_METRICS = ("mpjpe", "pa_mpjpe", "nmpjpe", "mpjve", "pck", "auc", "pck_17", "auc_17")
# what the Evaluator measures where a protocol shifts keypoints
_CONSISTENCY = "consistency"
GROUPINGS = ("action", "scene", "rarity", "movement")


@dataclass(frozen=True)
class Measure:
    """How a metric is made, and which of its figures a run logs.

    Attributes:
        make: skeleton of the poses -> the metric; None where it is not measured on that skeleton.
        by_action: whether the mean over actions and that of each action are logged too.
        groupings: further groupings whose figures are logged; all where this is None.
    """

    make: Callable[[Skeleton], Metric | None]
    by_action: bool = True
    groupings: tuple[str, ...] | None = None

    def logs(self, grouping: str) -> bool:
        """Whether figures by a grouping other than action are logged."""
        return self.groupings is None or grouping in self.groupings


def _score(score: type[PCK] | type[AUC]) -> Measure:
    """As the evaluator of MPI-INF-3DHP has it, 14 joints of poses relative to their own pelvis."""

    def make(skeleton: Skeleton) -> Metric:
        return score(joints=OFFICIAL_14, root=0) if skeleton is H36M17 else score()

    return Measure(make, by_action=False, groupings=("scene",))


def _score_17(score: type[PCK] | type[AUC]) -> Measure:
    """As the released codes have it: all 17 joints, the predicted root as it is.

    That root is nearly always within 150 mm of the true one, which makes for a better score.
    """

    def make(skeleton: Skeleton) -> Metric | None:
        return score(joints=ALL_17) if skeleton is H36M17 else None

    return Measure(make, by_action=False, groupings=("scene",))


_MEASURES = MappingProxyType(
    {
        "mpjpe": Measure(lambda _: MPJPE()),
        "pa_mpjpe": Measure(lambda _: PAMPJPE(), groupings=()),
        "nmpjpe": Measure(lambda _: NMPJPE(), groupings=()),
        "mpjve": Measure(lambda _: MPJVE(), by_action=False, groupings=()),
        "pck": _score(PCK),
        "auc": _score(AUC),
        "pck_17": _score_17(PCK),
        "auc_17": _score_17(AUC),
    }
)


def known_metrics() -> tuple[str, ...]:
    """The names of the suite's metrics."""
    return tuple(_MEASURES)


def resolve(name: str) -> Measure:
    """The measure of a name of `known_metrics`, or of the dotted path of a Metric class.

    Raises:
        UserError: there is no such metric; the message suggests the nearest name.
    """
    if name in _MEASURES:
        return _MEASURES[name]
    module, _, attribute = name.rpartition(".")
    if not module:
        raise UserError(
            f"There is no metric {name!r}{_nearest(name, _MEASURES)} "
            f"Choose {', '.join(_MEASURES)}, or give the dotted path of a class of your own."
        )
    try:
        made = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        raise UserError(
            f"The metric {name!r} cannot be imported: {error}. Put the folder of its module on "
            "PYTHONPATH, and check the name."
        ) from error
    if not (isinstance(made, type) and issubclass(made, Metric)):
        raise UserError(
            f"{name} is not a metric: make it a class, of metrics.PoseError or torchmetrics.Metric."
        )
    return Measure(lambda _: made())


def check_figure(name: str, extra_names: Collection[str] = ()) -> None:
    """Check the name of a figure, such as `mpjpe_action`, without measuring anything.

    Args:
        name: name of the figure, as a test logs it without `test/`.
        extra_names: names of figures besides those of metrics, which methods measure of their own.

    Raises:
        UserError: nothing has such a figure; the message suggests the nearest name.
    """
    base = name.partition("/")[0]
    others = {_CONSISTENCY, *extra_names}
    if name in others or base in others:
        return
    metric, grouping = split_figure(name)
    if "." in metric:
        resolve(metric)
    elif metric not in _MEASURES:
        averages = [each + end for each in _MEASURES for end in ("", "_action", "_by_action")]
        raise UserError(
            f"There is no figure {name!r}{_nearest(base, [*averages, *others])} Name a metric "
            f"({', '.join(_MEASURES)}), with _action for the mean over actions or "
            "_by_action/Walking for one action, or what a method measures of its own."
        )
    slip = get_close_matches(grouping, GROUPINGS, 1, 0.75)
    if slip and grouping not in GROUPINGS:
        raise UserError(f"There is no grouping {grouping!r} in {name!r}: did you mean {slip[0]!r}?")


def split_figure(name: str) -> tuple[str, str]:
    """The metric of a figure, and what it is grouped by: nothing for a mean over all frames.

    `mpjpe_by_scene/GS` gives `mpjpe` and `scene`; `mpjpe_action` gives `mpjpe` and `action`.
    """
    head = name.partition("/")[0]
    metric, by, grouping = head.partition("_by_")
    if by:
        return metric, grouping
    if head.endswith("_action"):
        return head.removesuffix("_action"), "action"
    return head, ""


def metrics_of(figures: Iterable[str]) -> tuple[str, ...]:
    """What to measure so that there are these figures: the default metrics and users' own."""
    own = (split_figure(figure)[0] for figure in figures)
    return (*DEFAULT_METRICS, *dict.fromkeys(name for name in own if "." in name))


def _nearest(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says that there is no such name."""
    near = get_close_matches(name, list(known), 1)
    return f": did you mean {near[0]!r}?" if near else "."
