"""PoseSequences: all frames of all sequences in flat arrays, with a table of segments."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from datamodules.cameras import Camera
from datamodules.skeletons import Skeleton
from poseproof.errors import DataError

Float32 = NDArray[np.float32]


@dataclass(frozen=True)
class Segment:
    """One sequence: a take of an action, seen by one camera.

    Attributes:
        start: number of its first frame.
        stop: number of the frame after its last one.
        subject: name of the person.
        action: name of the action.
        take: name of the take, unique among those of the subject.
        camera: camera that saw it.
        fps: frames per second.
    """

    start: int
    stop: int
    subject: str
    action: str
    take: str
    camera: Camera
    fps: float


class Images(Protocol):
    """Square crops around the people of all frames.

    Attributes:
        crops: (F, 3) centre x, y and side, in the units of the keypoints. A crop's place (u, v) in
            [0, 1]^2, from edge to edge, is centre + (uv - 0.5) * side.
    """

    crops: Float32

    def read(self, frames: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
        """Read crops, resized.

        Args:
            frames: (B,) numbers of frames.
            size: pixels on each side of a crop.

        Returns:
            (B, size, size, 3) RGB, black outside the image.

        Raises:
            DataError: a file is missing or damaged.
        """

    def fingerprint(self) -> str:
        """Describe what determines the pictures, without reading them all."""


@dataclass(frozen=True, eq=False)
class PoseSequences:
    """Poses seen by cameras, in the form that every protocol and method takes.

    Attributes:
        keypoints: (F, J, C) 2D in [-1, 1] by image width; C is 2, or 3 with a score.
        joints: (F, J, 3) metres, camera frame, relative to the root joint.
        segments: the sequences, in the order of their frames.
        skeleton: joint layout.
        splits: "train" and "test" -> subjects that the data set itself assigns to that split.
        title: description of the data for the first line of a report.
        scenes: subject -> kind of scene that the subject was filmed in, where the data name it.
        valid: (F,) mask of the frames whose 3D truth is sound; all are when it is None. The others
            still appear in the windows around valid frames, but are never tested on.
        roots: (F, 3) position of the root joint in the camera frame, in metres, where known.
        images: a crop for every frame, where there are images.
        has_joints: whether there is 3D truth; `joints` are zeros where there is none.
    """

    keypoints: Float32
    joints: Float32
    segments: tuple[Segment, ...]
    skeleton: Skeleton
    splits: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    title: str = ""
    scenes: Mapping[str, str] = field(default_factory=dict)
    valid: NDArray[np.bool_] | None = None
    roots: Float32 | None = None
    images: Images | None = None
    has_joints: bool = True

    def __len__(self) -> int:
        """Number of frames."""
        return len(self.joints)

    @property
    def subjects(self) -> list[str]:
        """The subjects, in order of first appearance."""
        return list(dict.fromkeys(segment.subject for segment in self.segments))

    @cached_property
    def actions(self) -> list[str]:
        """The actions, sorted: a frame's `action` number is the index of its action here."""
        return sorted({segment.action for segment in self.segments})

    def frames_of(self, subjects: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of all frames of the given subjects, ascending."""
        chosen = [np.arange(s.start, s.stop) for s in self.segments if s.subject in set(subjects)]
        return np.concatenate(chosen) if chosen else np.empty(0, np.int64)

    def valid_frames_of(self, subjects: Sequence[str]) -> NDArray[np.int64]:
        """Numbers of the valid frames of the given subjects, ascending."""
        frames = self.frames_of(subjects)
        return frames if self.valid is None else frames[self.valid[frames]]

    def per_frame(self, values: Sequence[int]) -> NDArray[np.int64]:
        """Expand one value for each segment to one for each frame, (F,)."""
        return np.repeat(np.array(values, np.int64), [s.stop - s.start for s in self.segments])

    def every(self, stride: int) -> "PoseSequences":
        """Keep every `stride`-th frame of each sequence, beginning with its first, and no images.

        Args:
            stride: distance between kept frames.
        """
        segments, frames, start = [], [], 0
        for s in self.segments:
            kept = np.arange(s.start, s.stop, stride)
            stop = start + len(kept)
            segments.append(replace(s, start=start, stop=stop, fps=s.fps / stride))
            frames.append(kept)
            start = stop
        chosen = np.concatenate(frames)
        return replace(
            self,
            keypoints=self.keypoints[chosen],
            joints=self.joints[chosen],
            segments=tuple(segments),
            valid=None if self.valid is None else self.valid[chosen],
            roots=None if self.roots is None else self.roots[chosen],
            images=None,
        )

    def fingerprint(self) -> str:
        """Hash everything about the data that a result can depend on."""
        digest = blake2b(digest_size=8)
        digest.update(np.ascontiguousarray(self.keypoints).data)
        digest.update(np.ascontiguousarray(self.joints).data)
        if self.valid is not None:
            digest.update(np.ascontiguousarray(self.valid).data)
        if self.images is not None:
            digest.update(self.images.fingerprint().encode())
        rest = self.segments, self.skeleton.name, dict(self.splits), dict(self.scenes)
        digest.update(repr(rest).encode())
        return digest.hexdigest()


# prefix of the names of the subjects to test on
TESTED = "test:"


def join(trained: PoseSequences, tested: PoseSequences) -> PoseSequences:
    """Join two data sets, so that a method trains on one and is tested on the other.

    The splits are the training subjects of the first and the test subjects of the second. The
    names of the second's subjects get the prefix "test:", so that an S1 of either is a person of
    its own. Keypoints keep their scores where both have them; images are left out.

    Args:
        trained: data to train on.
        tested: data to test on, of the same skeleton.

    Raises:
        DataError: the two have different skeletons.
    """
    both, count = (trained, tested), len(trained)
    if trained.skeleton.name != tested.skeleton.name:
        skeletons = " and ".join(f"{each.title} ({each.skeleton.name})" for each in both)
        raise DataError(f"{skeletons} have different skeletons: choose data of one skeleton.")
    channels = min(each.keypoints.shape[2] for each in both)
    valid = [np.full(len(each), True) if each.valid is None else each.valid for each in both]
    moved = (
        replace(s, start=s.start + count, stop=s.stop + count, subject=TESTED + s.subject)
        for s in tested.segments
    )
    test = tuple(TESTED + subject for subject in tested.splits.get("test", ()))
    return PoseSequences(
        keypoints=np.concatenate([each.keypoints[..., :channels] for each in both]),
        joints=np.concatenate([each.joints for each in both]),
        segments=(*trained.segments, *moved),
        skeleton=trained.skeleton,
        splits={"train": trained.splits.get("train", ()), "test": test},
        title=f"{trained.title} -> {tested.title}",
        scenes={**trained.scenes, **{TESTED + who: kind for who, kind in tested.scenes.items()}},
        valid=np.concatenate(valid),
        has_joints=trained.has_joints and tested.has_joints,
    )
