"""CrossDatasetProtocol: train on one data set, test on another."""

from collections.abc import Sequence
from typing import Any, Literal

from datamodules.protocols.base import Frames
from datamodules.protocols.subject import SubjectProtocol
from datamodules.sequences import TESTED, PoseSequences, join
from datamodules.sources import default_source
from datamodules.sources.source import Source

_UNNAMED = "unnamed"


class CrossDatasetProtocol(SubjectProtocol):
    """Train on the training subjects of one data set, test on the test subjects of another.

    SRNet trains on Human3.6M and tests on MPI-INF-3DHP. Of the test data the valid
    frames are tested; where they name scenes, errors are also reported by scene.

    Nothing is corrected for the change. Keypoints stay in [-1, 1] by each image's own width, so
    that another lens shows a person in another size: focal length by image width is 1.15 in
    Human3.6M, 0.73 and 0.88 in MPI-INF-3DHP. A window spans as many frames, whatever their rate.
    Sources put their joints in the places of one skeleton by name, where some mean something else:
    MPI-INF-3DHP has its neck in the place of Human3.6M's thorax, the middle of the head in that of
    its neck, the top of the head in that of its head, and a spine joint of its own. They count in
    an error over all joints all the same.

    Args:
        source: reader of the data to train on; generated motion when none is given.
        test_source: reader of the data to test on, of the same skeleton.
        test_subjects: subjects of the test data, by their names there; those of its own split when
            not given. "all" suits data that are to be tested on as a whole.
        kwargs: arguments of SubjectProtocol; its subjects are of the data to train on.

    Raises:
        ValueError: no data to test on, or those that are trained on.
    """

    def __init__(
        self,
        source: Source | None = None,
        test_source: Source | None = None,
        test_subjects: Sequence[str] | Literal["all"] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        source = source or default_source()
        if test_source is None:
            raise ValueError("There are no data to test on: give --data.init_args.test_source.")
        if test_source == source:
            raise ValueError(
                "The data to test on are those to train on: give another "
                "--data.init_args.test_source, or take datamodules.SubjectProtocol."
            )
        super().__init__(_Joined(source, test_source), test_subjects=test_subjects, **kwargs)
        self.test_source = test_source

    def named_splits(self) -> dict[str, tuple[str, ...]]:
        """As in the Subject Protocol, the test subjects by their names in the joined data."""
        if self.test_subjects == "all":
            named = tuple(s for s in self.sequences.subjects if s.startswith(TESTED))
        else:
            named = tuple(TESTED + subject for subject in self.test_subjects or ())
        splits = super().named_splits()
        return splits | {"test": named or splits["test"]}

    def labels(self) -> dict[str, Frames]:
        """The scene of the test subjects' frames, -1 for other frames."""
        scenes = self._scenes()
        if not scenes:
            return {}
        numbers = {scene: number for number, scene in enumerate(dict.fromkeys(scenes.values()))}
        of_subject = {subject: numbers[scene] for subject, scene in scenes.items()}
        return {
            "scene": self.sequences.per_frame(
                [of_subject.get(segment.subject, -1) for segment in self.sequences.segments]
            )
        }

    def test_groupings(self) -> dict[str, list[str]]:
        """Errors by scene, where the test data name scenes."""
        scenes = list(dict.fromkeys(self._scenes().values()))
        return {"scene": scenes} if scenes else {}

    def _scenes(self) -> dict[str, str]:
        """Test subject -> scene, in their order; none where none is named."""
        scenes, test = self.sequences.scenes, self.splits()["test"]
        named = any(subject in scenes for subject in test)
        return {subject: scenes.get(subject, _UNNAMED) for subject in test} if named else {}


class _Joined(Source):
    """Two sources as one, read and joined once."""

    def __init__(self, source: Source, test_source: Source) -> None:
        self.source = source
        self.test_source = test_source

    def read(self) -> PoseSequences:
        """Read both."""
        return join(self.source.load(), self.test_source.load())

    def __hash__(self) -> int:
        # the base class's takes a representation, which of two sources names their addresses
        return hash((self.source, self.test_source))
