"""Windowed: what the data ask of a model, and what a model asks of the data."""

from typing import Protocol

from datamodules.sequences import PoseSequences
from poseproof.errors import DataError


class Windowed(Protocol):
    """What the data ask of a model.

    Attributes:
        receptive_field: frames a window.
        causal: whether windows end at their frame.
        image_size: pixels a side of the crops that it takes; 0 where it takes none.
        trains_on_images: whether it is trained on them, too, and not tested alone.
        trains_on_references: whether each comes with another one of its sequence.
        trains_lifting: whether it needs 3D truth; 2D is enough otherwise.
    """

    receptive_field: int
    causal: bool
    image_size: int
    trains_on_images: bool
    trains_on_references: bool
    trains_lifting: bool


def check_truth(sequences: PoseSequences, method: Windowed) -> None:
    """Check that the data have what the model learns from.

    Raises:
        DataError: no images, or no 3D truth, where the model needs them.
    """
    if method.image_size and sequences.images is None:
        raise DataError(
            f"{sequences.title} has no images: take data from SyntheticImages, Human36MImages or "
            "MPII, with --data.init_args.source."
        )
    if method.trains_lifting and not sequences.has_joints:
        raise DataError(
            f"{sequences.title} has 2D keypoints alone, from which no lifting to 3D is learned or "
            "judged: take other data, or train a 2D estimator on these."
        )
