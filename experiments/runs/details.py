"""Details: what a test leaves beside its figures, for verdicts over takes and for pictures."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from experiments.runs.files import write_whole
from lightning_modules.lifter import MILLIMETRES
from metrics.pose_error import PoseError
from metrics.poses import distances

Float64 = NDArray[np.float64]
# sample frames of each kind
EACH = 3


@dataclass(frozen=True)
class Details:
    """Of one test: sums over each take, errors of joints, and sample frames.

    A take is one recording of a subject, all its cameras together: they show the same motion.

    Attributes:
        takes: (Q,) their names, such as "S9 Walking 1".
        actions: (Q,) the action of each.
        counts: (Q,) frames tested.
        metrics: (M,) names of the figures that every single pose has, such as "pa_mpjpe".
        totals: (M, Q) their sums.
        joints: (J,) mean error of every joint, mm.
        kinds: (K,) why a sample frame is here: "best", "median", "worst" by MPJPE, or "rarest".
        titles: (K,) which frame it is.
        errors: (K,) its MPJPE, mm.
        keypoints: (K, J, 2) given or estimated 2D, in [-1, 1] by image width, y down.
        truth: (K, J, 3) metres, camera frame, relative to the root.
        predicted: (K, J, 3) likewise, as the method gave it.
        images: (K, S, S, 3) uint8, of methods from images; (0,) of others.
        skeleton_images: (K, S, S) uint8, of methods that make them; (0,) of others.
    """

    takes: NDArray[np.str_]
    actions: NDArray[np.str_]
    counts: Float64
    metrics: NDArray[np.str_]
    totals: Float64
    joints: Float64
    kinds: NDArray[np.str_]
    titles: NDArray[np.str_]
    errors: Float64
    keypoints: NDArray[np.float32]
    truth: NDArray[np.float32]
    predicted: NDArray[np.float32]
    images: NDArray[np.uint8]
    skeleton_images: NDArray[np.uint8]

    def save(self, path: Path) -> None:
        """Write a file that is whole or not there."""
        with write_whole(path) as draft:
            np.savez_compressed(draft, **asdict(self))

    @classmethod
    def load(cls, path: Path) -> "Details":
        """Read what `save` wrote."""
        with np.load(path, allow_pickle=False) as held:
            return cls(**{field.name: held[field.name] for field in fields(cls)})


class DetailsRecorder(Callback):
    """Gathers the details of a test on one device; `details` has them when it has ended."""

    details: Details | None = None

    def on_test_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin anew."""
        self.details = None
        held = trainer.datamodule.sequences  # type: ignore[attr-defined]
        names = [f"{s.subject} {s.take}" for s in held.segments]
        self.takes = {name: s.action for name, s in zip(names, held.segments, strict=True)}
        order = list(self.takes)
        self.take_of = torch.tensor([order.index(name) for name in names])
        self.metrics = _by_pose(pl_module)
        self.counts = torch.zeros(len(order), dtype=torch.float64)
        self.totals = torch.zeros(len(self.metrics), len(order), dtype=torch.float64)
        self.joints = torch.zeros(len(held.skeleton.joints), dtype=torch.float64)
        self.frames: list[dict[str, Tensor]] = []

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
        if outputs is None:
            return
        predicted, truth = outputs["predicted"], batch["joints"].double() * MILLIMETRES
        takes = self.take_of[batch["sequence"].cpu()]
        self.counts.index_add_(0, takes, torch.ones(len(takes), dtype=torch.float64))
        for totals, metric in zip(self.totals, self.metrics.values(), strict=True):
            totals.index_add_(0, takes, metric.errors(predicted, truth).cpu())
        errors = distances(predicted, truth).cpu()
        self.joints += errors.sum(0)
        self.frames.append(
            {
                "index": batch["index"].cpu(),
                "error": errors.mean(1),
                "keypoints": outputs["keypoints"].float().cpu(),
                "truth": batch["joints"].float().cpu(),
                "predicted": (predicted / MILLIMETRES).float().cpu(),
            }
        )
        self.by_rareness = "rarity" in batch

    def on_test_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose samples and put all together; nothing is kept of a fit without poses."""
        if not self.frames:
            return
        all_ = {name: torch.cat([each[name] for each in self.frames]) for name in self.frames[0]}
        self.frames = []
        datamodule: Any = trainer.datamodule  # type: ignore[attr-defined]
        held, seen = datamodule.sequences, self.counts > 0
        segments = np.repeat(
            np.arange(len(held.segments)), [s.stop - s.start for s in held.segments]
        )
        takes = self.take_of[torch.from_numpy(segments)[all_["index"]]]
        chosen = choose(all_["error"].numpy(), takes.numpy(), self.by_rareness)
        places = [place for places in chosen.values() for place in places]
        frames = all_["index"][places].numpy()
        names = np.array(list(self.takes))
        self.details = Details(
            takes=names[seen],
            actions=np.array(list(self.takes.values()))[seen],
            counts=self.counts[seen].numpy(),
            metrics=np.array(list(self.metrics)),
            totals=self.totals[:, seen].numpy(),
            joints=(self.joints / self.counts.sum()).numpy(),
            kinds=np.repeat(list(chosen), [len(places) for places in chosen.values()]),
            titles=np.array([_title(held.segments[segments[frame]], frame) for frame in frames]),
            errors=all_["error"][places].numpy(),
            keypoints=all_["keypoints"][places].numpy(),
            truth=all_["truth"][places].numpy(),
            predicted=all_["predicted"][places].numpy(),
            **_pictures(datamodule, pl_module, frames),
        )


def choose(
    errors: Float64, takes: NDArray[np.int64], by_rareness: bool
) -> Mapping[str, NDArray[np.int64]]:
    """Sample frames of each kind, from as many takes as there are, each once of a kind.

    Args:
        errors: (N,) of the tested frames.
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


def _by_pose(model: Any) -> dict[str, PoseError]:  # noqa: ANN401
    """The model's metrics that average a figure of every single pose over frames."""
    named = model.errors.metrics["action"].items(keep_base=True)
    return {
        name: metric
        for name, metric in named
        if isinstance(metric, PoseError) and metric.average == "frame"
    }


def _title(segment: Any, frame: int) -> str:  # noqa: ANN401
    camera = f"camera {segment.camera.id}"
    return f"{segment.subject} {segment.take}, {camera}, frame {frame - segment.start}"


def _pictures(datamodule: Any, model: Any, frames: NDArray[np.int64]) -> dict[str, Any]:  # noqa: ANN401
    """The frames' images, and the skeleton images that the model makes of them."""
    pictures = dict.fromkeys(("images", "skeleton_images"), np.zeros(0, np.uint8))
    if not model.image_size:
        return pictures
    with torch.no_grad():
        (batch,) = datamodule.image_frames(frames, len(frames))
        held = {name: column.to(model.device) for name, column in batch.items()}
        prepared = model.prepare(held)
    pictures["images"] = _bytes(held["image"].permute(0, 2, 3, 1))
    if "skeleton_image" in prepared:
        pictures["skeleton_images"] = _bytes(prepared["skeleton_image"][:, 0])
    return pictures


def _bytes(picture: Tensor) -> NDArray[np.uint8]:
    return (255 * picture.clamp(0, 1)).round().byte().cpu().numpy()
