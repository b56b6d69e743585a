"""RarePoseProtocol: the Subject Protocol, tested on rare poses alone."""

from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from datamodules.protocols.base import TENTHS, Frames, tenths
from datamodules.protocols.subject import SubjectProtocol
from datamodules.rarity import occurrence
from datamodules.rarity import rarest as lowest
from datamodules.sequences import PoseSequences
from datamodules.sources.source import Source


class RarePoseProtocol(SubjectProtocol):
    """The Subject Protocol, tested on the rarest of its test poses alone (SRNet, Sec. 4.2).

    A pose is rare when its occurrence (Eq. 10) in a reference set is low. The paper leaves the
    kernel's width and the reference set open, and the released code computes another kernel, so
    all three are options. Poses are compared in the camera frame, relative to the root: the same
    posture seen from the side of fewer cameras is rarer.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        rarest: percentage of the test poses that are tested, the rarest; 100 tests all.
        sigma: width of the kernel, metres; the released code has 0.5 in one file, 0.2 in another.
        kernel: form of the kernel: "gaussian" is Eq. 9, "laplacian" the released code's.
        reference: poses to count against: those of the "test" subjects, as the paper's text
            says, or of the "train" subjects, as the released code does.
        reference_stride: stride over the frames of the reference set; 10 in the released code.
        kwargs: arguments of SubjectProtocol.
    """

    def __init__(
        self,
        source: Source | None = None,
        rarest: float = 20.0,
        sigma: float = 0.2,
        kernel: Literal["gaussian", "laplacian"] = "gaussian",
        reference: Literal["test", "train"] = "test",
        reference_stride: int = 1,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(source, **kwargs)
        self.rarest = rarest
        self.sigma = sigma
        self.kernel = kernel
        self.reference = reference
        self.reference_stride = reference_stride

    def pick(self) -> dict[str, Frames]:
        """As in the Subject Protocol, the test frames cut to the rarest, rarest first.

        Raises:
            DataError: no frames to test on, or none to count against.
        """
        frames, subjects = super().pick(), self.splits()
        self.need("test", frames)
        self.need(self.reference, frames)
        occurrences = _occurrences(
            self.sequences,
            subjects["test"],
            subjects[self.reference],
            self.reference_stride,
            self.sigma,
            self.kernel,
        )
        self.tenth_of_frame = tenths(len(self.sequences), frames["test"], occurrences)
        return frames | {"test": frames["test"][lowest(occurrences, self.rarest)]}

    def labels(self) -> dict[str, Frames]:
        """The tenth of the test poses that a frame is in, 0 the rarest (SRNet, Fig. 5)."""
        return {"rarity": self.tenth_of_frame}

    def test_groupings(self) -> dict[str, list[str]]:
        """Errors by rareness."""
        return {"rarity": list(TENTHS)}


@lru_cache(maxsize=4)
def _occurrences(
    sequences: PoseSequences,
    subjects: tuple[str, ...],
    reference: tuple[str, ...],
    stride: int,
    sigma: float,
    kernel: Literal["gaussian", "laplacian"],
) -> NDArray[np.float64]:
    queries = sequences.joints[sequences.valid_frames_of(subjects)]
    references = sequences.joints[sequences.valid_frames_of(reference)[::stride]]
    return occurrence(queries, references, sigma, kernel)
