"""SubjectProtocol: train on some people, test on others."""

from collections.abc import Sequence
from typing import Any

from datamodules.protocols.base import Frames, PoseDataModule
from datamodules.sources.source import Source
from poseproof.errors import DataError


class SubjectProtocol(PoseDataModule):
    """Train on some subjects, test on others: all their frames, from all cameras.

    On Human3.6M S1, S5, S6, S7, S8 against S9, S11, at 50 Hz: 17 joints in metres, relative to the
    root, in the camera frame. No test frame selects anything: the weights are those of the last
    epoch, or chosen on a training subject that is held out.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        train_subjects: subjects to train on; those of the data set's own split when not given.
        test_subjects: subjects to test on; those of the data set's own split when not given.
        val_subject: a training subject to hold out for validation; the papers hold none out.
        kwargs: arguments of PoseDataModule.
    """

    def __init__(
        self,
        source: Source | None = None,
        train_subjects: Sequence[str] | None = None,
        test_subjects: Sequence[str] | None = None,
        val_subject: str | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(source, **kwargs)
        self.train_subjects = train_subjects
        self.test_subjects = test_subjects
        self.val_subject = val_subject

    def named_splits(self) -> dict[str, tuple[str, ...]]:
        """The subjects of the splits "train", before one is held out, and "test", if any."""
        given = {"train": self.train_subjects, "test": self.test_subjects}
        splits = self.sequences.splits
        return {split: tuple(names or splits.get(split, ())) for split, names in given.items()}

    def splits(self) -> dict[str, tuple[str, ...]]:
        """The subjects of "train", "val" and "test".

        Raises:
            DataError: a subject that the data do not have, or that is in both splits.
        """
        train, test = self.named_splits().values()
        if unknown := sorted({*train, *test} - set(self.sequences.subjects)):
            raise DataError(
                f"There is no subject {', '.join(unknown)} in {self.sequences.title}: it has "
                f"{', '.join(self.sequences.subjects)}."
            )
        if both := sorted(set(train) & set(test)):
            raise DataError(f"{', '.join(both)} would be trained and tested on: keep them apart.")
        if self.val_subject is None:
            return {"train": train, "val": (), "test": test}
        if self.val_subject not in train or len(train) == 1:
            raise DataError(
                f"{self.val_subject} cannot be held out for validation: name one of the training "
                f"subjects ({', '.join(train)}), and leave another one to train on."
            )
        rest = tuple(subject for subject in train if subject != self.val_subject)
        return {"train": rest, "val": (self.val_subject,), "test": test}

    def pick(self) -> dict[str, Frames]:
        """All valid frames of the subjects of each split."""
        splits = self.splits().items()
        return {split: self.sequences.valid_frames_of(names) for split, names in splits}
