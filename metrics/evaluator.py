"""Evaluator: what is measured of a run, as a callback of its trainer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from datamodules.batch import Batch, Estimates
from metrics.aggregate import GroupSums, PoseError, averaged
from metrics.pose import MPJPE
from metrics.registry import DEFAULT_METRICS, Measure, resolve


@dataclass(frozen=True)
class FrameErrors:
    """Every frame of a test that this process has evaluated, in their order.

    Attributes:
        index: (N,) int64 numbers of the frames in the data.
        sequence: (N,) int64 numbers of their sequences.
        groupings: grouping -> the names of its groups.
        groups: grouping -> (N,) int64, each frame's group.
        errors: metric -> (N,) float64, of every metric that has one figure a pose.
    """

    index: Tensor
    sequence: Tensor
    groupings: Mapping[str, Sequence[str]]
    groups: Mapping[str, Tensor]
    errors: Mapping[str, Tensor]


class Evaluator(Callback):
    """Measures what a model predicts in validations and tests, and logs the figures.

    Figures are exact on any number of ranks, and logged as `val/NAME` or `test/NAME`, with NAME as
    `metrics.registry` says. Besides, it measures what the model measures of its own, see
    `PoseLifter.configure_metrics`. A figure of which nothing was measured is not logged. What
    every frame of a test has is in `frames` when the test has ended.

    Args:
        metrics: names of `metrics.registry.known_metrics`, or dotted paths of classes of your own,
            subclasses of `metrics.PoseError` or of `torchmetrics.Metric`.
    """

    def __init__(self, metrics: Sequence[str] = DEFAULT_METRICS) -> None:
        self.measures = {name: resolve(name) for name in dict.fromkeys(metrics)}
        self.frames: FrameErrors | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Make the metrics, for the groups that the protocol reports."""
        if stage == "predict":
            return
        model: Any = pl_module
        self._groupings: dict[str, list[str]] = trainer.datamodule.groupings()  # type: ignore[attr-defined]
        made = {name: each.make(model.skeleton) for name, each in self.measures.items()}
        metrics = {name: metric for name, metric in made.items() if metric is not None}
        self._per_pose = {n: each for n, each in metrics.items() if isinstance(each, PoseError)}
        others: dict[str, Metric | MetricCollection] = {
            n: each for n, each in metrics.items() if n not in self._per_pose
        }
        self._sums = {
            (name, grouping): GroupSums(len(groups))
            for grouping, groups in self._groupings.items()
            for name in self._per_pose
            if grouping == "action" or self.measures[name].logs(grouping)
        }
        self._others = MetricCollection(others, compute_groups=False) if others else None
        # between predictions from shifted and unshifted keypoints, where a protocol shifts them
        self._consistency = MPJPE()
        self._own: Mapping[str, Metric] = model.configure_metrics()
        self._rows: list[dict[str, Tensor]] = []

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the model to its device."""
        for module in self._modules():
            module.to(pl_module.device)

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Follow the model to its device, and keep nothing of an earlier test."""
        self.on_validation_start(trainer, pl_module)
        self.frames, self._rows = None, []

    def on_validation_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure a batch."""
        self._update(trainer, pl_module, outputs, batch)

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Measure a batch, and keep every frame's errors."""
        errors = self._update(trainer, pl_module, outputs, batch)
        if errors:
            columns = {name: batch[name] for name in ("index", "sequence", *self._groupings)}
            kept = {**columns, **{f"error/{name}": each for name, each in errors.items()}}
            self._rows.append({name: column.cpu() for name, column in kept.items()})

    def on_validation_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the figures over all ranks, and begin anew."""
        self._log(pl_module, "val")

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the figures over all ranks, and begin anew."""
        self._log(pl_module, "test")
        if self._rows:
            all_ = {name: torch.cat([row[name] for row in self._rows]) for name in self._rows[0]}
            self._rows = []
            self.frames = FrameErrors(
                index=all_["index"],
                sequence=all_["sequence"],
                groupings=self._groupings,
                groups={grouping: all_[grouping] for grouping in self._groupings},
                errors={name: all_[f"error/{name}"] for name in self._per_pose},
            )

    def _modules(self) -> list[nn.Module]:
        others = [] if self._others is None else [self._others]
        return [*self._sums.values(), *others, self._consistency, *self._own.values()]

    def _update(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        estimates: Estimates,
        batch: Batch,
    ) -> dict[str, Tensor]:
        """Add a batch to everything that is measured, and return the errors of its poses."""
        model: Any = pl_module
        errors: dict[str, Tensor] = {}
        # what the model measures of its own may run its networks, at the precision of a step
        with trainer.precision_plugin.forward_context():
            if "predicted_mm" in estimates:
                errors = self._measure(estimates, batch)
            model.update_metrics(self._own, batch, estimates)
        return errors

    def _measure(self, estimates: Estimates, batch: Batch) -> dict[str, Tensor]:
        predicted, true = estimates["predicted_mm"], estimates["true_mm"]
        columns = cast(Mapping[str, Tensor], batch)
        errors = {name: each.errors(predicted, true) for name, each in self._per_pose.items()}
        for (name, grouping), sums in self._sums.items():
            sums.update(errors[name], columns[grouping])
        if self._others is not None:
            places = {name: columns[name] for name in ("index", "sequence", "action")}
            self._others.update(predicted, true, **places)
        if "unshifted_mm" in estimates:
            self._consistency.update(predicted, estimates["unshifted_mm"])
        return errors

    def _log(self, model: LightningModule, stage: str) -> None:
        for name, figure in self._figures().items():
            model.log(f"{stage}/{name}", figure, prog_bar=name == "mpjpe")
        for module in self._modules():
            cast(Metric, module).reset()

    def _figures(self) -> dict[str, Tensor]:
        """Name, and group where there are several -> figure over all ranks."""
        figures: dict[str, Tensor] = {}
        for (name, grouping), sums in self._sums.items():
            if sums.update_called:
                total, count = sums.compute()
                figures |= self._averages(name, grouping, total, count)
        if self._others is not None and any(each.update_called for each in self._others.values()):
            figures |= self._others.compute()
        for name, metric in {"consistency": self._consistency, **self._own}.items():
            if metric.update_called:
                figures |= _named(name, metric.compute(), getattr(metric, "labels", ()))
        return figures

    def _averages(
        self, name: str, grouping: str, total: Tensor, count: Tensor
    ) -> dict[str, Tensor]:
        """The figures of a metric by a grouping."""
        measure: Measure = self.measures[name]
        figures = {}
        if grouping == "action":
            figures[name] = averaged(total, count, "frame")
            if not measure.by_action:
                return figures
            figures[f"{name}_action"] = averaged(total, count, "action")
        each = averaged(total, count, "none")
        return figures | _named(f"{name}_by_{grouping}", each, self._groupings[grouping])


def _named(name: str, figure: Tensor, labels: Sequence[str]) -> dict[str, Tensor]:
    """A figure, or one for each label where it has several; those of nothing are left out."""
    if figure.ndim == 0:
        return {name: figure}
    each = zip(labels, figure, strict=True)
    return {f"{name}/{label}": number for label, number in each if not number.isnan()}
