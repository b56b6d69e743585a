"""Frames: the errors of every frame of a test, and what pictures of it show."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from experiments.runs.files import write_whole
from lightning_modules.lifter import MILLIMETRES
from metrics.evaluator import Evaluator
from metrics.functional import distances

Float64 = NDArray[np.float64]
# sample frames of each kind
EACH = 3


@dataclass(frozen=True)
class Samples:
    """Frames of a test that a report draws.

    Attributes:
        kinds: (K,) why a frame is here: "best", "median", "worst" by MPJPE, or "rarest".
        titles: (K,) which frame it is.
        errors: (K,) its MPJPE, mm.
        keypoints: (K, J, 2) given or estimated 2D, in [-1, 1] by image width, y down.
        truth: (K, J, 3) metres, camera frame, relative to the root.
        predicted: (K, J, 3) likewise, as the method gave it.
        images: (K, S, S, 3) uint8, of methods from images; (0,) of others.
        skeleton_images: (K, S, S) uint8, of methods that make them; (0,) of others.
    """

    kinds: NDArray[np.str_]
    titles: NDArray[np.str_]
    errors: Float64
    keypoints: NDArray[np.float32]
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]
    images: NDArray[np.uint8]
    skeleton_images: NDArray[np.uint8]


@dataclass(frozen=True)
class Frames:
    """Every frame of one test: where it is from, and its errors.

    A take is one recording of a subject, all its cameras together: they show the same motion.

    Attributes:
        index: (N,) numbers of the frames in the data, in the order of the test.
        take_names: (Q,) names of the takes, such as "S9 Walking 1".
        take: (N,) the take of each frame, by its place among the names.
        groupings: grouping, such as "action" or "rarity" -> (G,) names of its groups.
        groups: grouping -> (N,) the group of each frame, by its place among the names.
        errors: metric that has one figure a pose, such as "pa_mpjpe" -> (N,) that figure.
        joints: (J,) mean error of every joint, mm.
        samples: frames to draw; none where none were chosen.
    """

    index: NDArray[np.int64]
    take_names: NDArray[np.str_]
    take: NDArray[np.int64]
    groupings: Mapping[str, NDArray[np.str_]]
    groups: Mapping[str, NDArray[np.int64]]
    errors: Mapping[str, Float64]
    joints: Float64 = field(default_factory=lambda: np.zeros(0))
    samples: Samples | None = None

    def save(self, path: Path) -> None:
        """Write a file that is whole or not there."""
        arrays: dict[str, Any] = {"take": _small(self.take), "index": self.index}
        arrays |= {f"groups/{name}": _small(each) for name, each in self.groups.items()}
        arrays |= {f"groupings/{name}": each for name, each in self.groupings.items()}
        arrays |= {f"errors/{name}": each for name, each in self.errors.items()}
        arrays |= {"take_names": self.take_names, "joints": self.joints}
        if self.samples:
            arrays |= {f"samples/{name}": each for name, each in vars(self.samples).items()}
        with write_whole(path) as draft:
            np.savez_compressed(draft, **arrays)

    @classmethod
    def load(cls, path: Path) -> "Frames":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        under = {
            folder: {
                name.removeprefix(f"{folder}/"): each
                for name, each in arrays.items()
                if name.startswith(f"{folder}/")
            }
            for folder in ("groupings", "groups", "errors", "samples")
        }
        return cls(
            index=arrays["index"],
            take_names=arrays["take_names"],
            take=arrays["take"].astype(np.int64),
            groupings=under["groupings"],
            groups={name: each.astype(np.int64) for name, each in under["groups"].items()},
            errors=under["errors"],
            joints=arrays["joints"],
            samples=Samples(**under["samples"]) if under["samples"] else None,
        )

    def figures(self) -> dict[str, float]:
        """All figures that the errors give, by the names of `metrics.registry`."""
        figures = {}
        for metric, errors in self.errors.items():
            figures[metric] = float(errors.mean())
            for grouping, names in self.groupings.items():
                means = self._means(errors, self.groups[grouping], len(names))
                seen = ~np.isnan(means)
                if grouping == "action":
                    figures[f"{metric}_action"] = float(means[seen].mean())
                each = zip(names[seen].tolist(), means[seen].tolist(), strict=True)
                figures |= {f"{metric}_by_{grouping}/{name}": mean for name, mean in each}
        return figures

    @cached_property
    def counts(self) -> Float64:
        """(Q,) frames of each take."""
        return np.bincount(self.take, minlength=len(self.take_names)).astype(float)

    @cached_property
    def actions(self) -> NDArray[np.str_]:
        """(Q,) the action of each take."""
        _, first = np.unique(self.take, return_index=True)
        return self.groupings["action"][self.groups["action"][first]]

    def totals(self, metric: str) -> Float64:
        """(Q,) sums of a metric over each take."""
        return np.bincount(self.take, self.errors[metric], len(self.take_names)).astype(float)

    @staticmethod
    def _means(errors: Float64, groups: NDArray[np.int64], count: int) -> Float64:
        """(count,) means of groups, NaN where a group has no frame; -1 is no group."""
        inside = groups >= 0
        total = np.bincount(groups[inside], errors[inside], count)
        number = np.bincount(groups[inside], minlength=count)
        return np.divide(total, number, out=np.full(count, np.nan), where=number > 0)


class FramesRecorder(Callback):
    """Gathers the frames of a test on one device; `frames` has them when it has ended.

    The errors are those that the trainer's Evaluator has measured.
    """

    frames: Frames | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self.frames = None
        self._total = torch.zeros(0, dtype=torch.float64)
        self._rows: list[dict[str, Tensor]] = []

    def on_test_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,  # noqa: ANN401
        batch: Any,  # noqa: ANN401
        batch_idx: int,
        dataloader_idx: int = 0,
    ) -> None:
        """Add a batch."""
        if "predicted_mm" not in outputs:
            return
        predicted = outputs["predicted_mm"]
        errors = distances(predicted, outputs["true_mm"]).cpu()
        total = errors.sum(0)
        self._total = self._total + total if self._rows else total
        self._rows.append(
            {
                "error": errors.mean(1),
                "keypoints": outputs["lifted_keypoints"].float().cpu(),
                "truth": batch["joints"].float().cpu(),
                "predicted": (predicted / MILLIMETRES).float().cpu(),
            }
        )

    def on_test_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose samples and put all together; nothing is kept of a test without poses."""
        (evaluator,) = (each for each in trainer.callbacks if isinstance(each, Evaluator))  # type: ignore[attr-defined]
        measured = evaluator.frames
        if measured is None:
            return
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        rows = {name: torch.cat([each[name] for each in self._rows]) for name in self._rows[0]}
        self._rows = []
        segments = data.sequences.segments
        names = [f"{s.subject} {s.take}" for s in segments]
        order = list(dict.fromkeys(names))
        of_segment = np.array([order.index(name) for name in names])
        sequence, index = measured.sequence.numpy(), measured.index.numpy()
        seen, take = np.unique(of_segment[sequence], return_inverse=True)
        chosen = choose(rows["error"].numpy(), take, "rarity" in measured.groups)
        places = np.concatenate(list(chosen.values()))
        titles = [_title(segments[sequence[place]], int(index[place])) for place in places]
        self.frames = Frames(
            index=index,
            take_names=np.array(order)[seen],
            take=take,
            groupings={name: np.array(each) for name, each in measured.groupings.items()},
            groups={name: each.numpy() for name, each in measured.groups.items()},
            errors={name: each.numpy() for name, each in measured.errors.items()},
            joints=(self._total / len(index)).numpy(),
            samples=Samples(
                kinds=np.repeat(list(chosen), [len(each) for each in chosen.values()]),
                titles=np.array(titles),
                errors=rows["error"][places].numpy(),
                keypoints=rows["keypoints"][places].numpy(),
                truth=rows["truth"][places].numpy(),
                predicted=rows["predicted"][places].numpy(),
                **_pictures(data, pl_module, index[places]),
            ),
        )


def choose(
    errors: Float64, takes: NDArray[np.int64], by_rareness: bool
) -> Mapping[str, NDArray[np.int64]]:
    """Sample frames of each kind, from as many takes as there are, each once of a kind.

    Args:
        errors: (N,) errors of the tested frames.
        takes: (N,) which take each is of.
        by_rareness: whether the rarest frames come first.
    """
    ascending = np.argsort(errors, kind="stable")
    from_median = np.argsort(np.abs(errors - np.median(errors)), kind="stable")
    orders = {"best": ascending, "median": from_median, "worst": ascending[::-1]}
    if by_rareness:
        orders["rarest"] = np.arange(len(errors))
    return {kind: _one_a_take(order, takes) for kind, order in orders.items()}


def _one_a_take(order: NDArray[np.int64], takes: NDArray[np.int64]) -> NDArray[np.int64]:
    first = np.sort(np.unique(takes[order], return_index=True)[1])
    return order[first[:EACH]]


def _title(segment: Any, frame: int) -> str:  # noqa: ANN401
    camera = f"camera {segment.camera.id}"
    return f"{segment.subject} {segment.take}, {camera}, frame {frame - segment.start}"


def _pictures(data: Any, model: Any, frames: NDArray[np.int64]) -> dict[str, Any]:  # noqa: ANN401
    """The frames' images, and the skeleton images that the model makes of them."""
    pictures = dict.fromkeys(("images", "skeleton_images"), np.zeros(0, np.uint8))
    if not model.needs.image_size:
        return pictures
    (batch,) = data.image_frames(frames, len(frames))
    here = {name: column.to(model.device) for name, column in batch.items()}
    with torch.no_grad():
        estimates = model.estimate(here)
    pictures["images"] = _bytes(here["image"].permute(0, 2, 3, 1))
    if "skeleton_image" in estimates:
        pictures["skeleton_images"] = _bytes(estimates["skeleton_image"][:, 0])
    return pictures


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    return (255 * picture.clamp(0, 1)).round().byte().cpu().numpy()


def _small(numbers: NDArray[np.int64]) -> NDArray[Any]:
    """Whole numbers in the smallest type that has them all."""
    low, high = (int(numbers.min()), int(numbers.max())) if len(numbers) else (0, 0)
    return numbers.astype(np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high)))
