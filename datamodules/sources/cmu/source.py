"""CMUMocap: the CMU Graphics Lab motion capture database, filmed by virtual cameras."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from datamodules.cameras import looked_at
from datamodules.sequences import Float32, PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.cmu.amc import joint_positions, read_amc
from datamodules.sources.cmu.asf import AsfSkeleton, read_asf
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.source import Source
from datamodules.views import View, assemble, view_world
from poseproof.errors import DataError

_SHORTEST = 25  # frames
_RIGS = {"train": ("S5", "S1", "S6", "S7", "S8"), "test": ("S9", "S11")}


class CMUMocap(Source):
    """Reads an ASF/AMC tree: `root/subjects/NN/NN.asf`, `NN_MM.amc`; `subjects` may be missing.

    Motion data: mocap.cs.cmu.edu, created with funding from NSF EIA-0196217; free for all uses.
    Motion is resampled from 120 to 50 Hz by cubic splines and filmed by the four cameras of a
    Human3.6M subject: those of S9 and S11 in turn for test subjects, of the others for training
    subjects. Each clip is centred where the cameras look, at its own height. Of a clip that leaves
    an image, the longest stretch in view of all four is kept if it is half a second or more; a
    training subject without one is left out. The database has no standard split.

    Args:
        root: folder of the tree.
        test_subjects: subjects to test on, such as S02; all others are trained on.
    """

    def __init__(self, root: str, test_subjects: tuple[str, ...] = ("S02", "S03")) -> None:
        self.root = root
        self.test_subjects = tuple(test_subjects)

    def read(self) -> PoseSequences:
        """Read every clip.

        Raises:
            DataError: there is no tree, a subject has no skeleton or motion, a file is not of the
                format, or a test subject is missing or never in view.
        """
        folder = Path(self.root)
        folder = folder / "subjects" if (folder / "subjects").is_dir() else folder
        homes = sorted({p.parent for end in ("asf", "amc") for p in folder.glob(f"*/*.{end}")})
        skeletons = {f"S{home.name}": home / f"{home.name}.asf" for home in homes}
        if not skeletons:
            raise DataError(f"{folder} has no subject folders with an .asf file: check the folder.")
        if missing := sorted(set(self.test_subjects) - set(skeletons)):
            raise DataError(
                f"{folder} lacks the test subjects {', '.join(missing)}: it has "
                f"{', '.join(skeletons)}; name others with test_subjects."
            )
        train = tuple(subject for subject in skeletons if subject not in self.test_subjects)
        views: list[View] = []
        for split, subjects in (("train", train), ("test", self.test_subjects)):
            for number, subject in enumerate(subjects):
                rig = _RIGS[split][number % len(_RIGS[split])]
                views += _views(subject, skeletons[subject], rig)
        seen = {view.subject for view in views}
        if unseen := sorted(set(self.test_subjects) - seen):
            raise DataError(
                f"{folder}: no clip of the test subjects {', '.join(unseen)} stays in view of the "
                f"cameras for {_SHORTEST} frames; name others with test_subjects."
            )
        splits = {"train": tuple(s for s in train if s in seen), "test": self.test_subjects}
        title = f"CMU motion capture, {len(skeletons)} subjects (mocap.cs.cmu.edu)"
        return assemble(views, H36M17, splits, title)


def _views(subject: str, asf: Path, rig: str) -> list[View]:
    skeleton = read_asf(asf)
    clips = sorted(asf.parent.glob("*.amc"))
    if not clips:
        raise DataError(f"{asf.parent} has no .amc files: fetch the subject's motion.")
    views = []
    cameras = human36m_cameras()[rig]
    middle = looked_at(cameras).float().numpy() * (1, 1, 0)
    for amc in clips:
        world = (world_joints(skeleton, amc) + middle).astype(np.float32)
        filmed = [
            view_world(world, camera, subject=subject, action=amc.stem, take=amc.stem, fps=FPS)
            for camera in cameras
        ]
        start, stop = _longest_run(np.all([_in_image(view) for view in filmed], axis=0))
        if stop - start >= _SHORTEST:
            views += [
                replace(v, keypoints=v.keypoints[start:stop], joints=v.joints[start:stop])
                for v in filmed
            ]
    return views


def _in_image(view: View) -> NDArray[np.bool_]:
    size = (view.camera.width, view.camera.height)
    inside = (view.keypoints >= 0) & (view.keypoints <= size)
    return np.asarray(inside.all(axis=(1, 2)))


def _longest_run(kept: NDArray[np.bool_]) -> tuple[int, int]:
    """Find the start and stop of the longest run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], kept, [False]])))
    starts, stops = edges[::2], edges[1::2]
    if not len(starts):
        return 0, 0
    longest = int(np.argmax(stops - starts))
    return int(starts[longest]), int(stops[longest])


RECORDED_FPS, FPS = 120.0, 50.0
# the far end of an ASF bone is the joint; the hip is midway between the first two
_JOINTS = (
    *("rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia"),
    *("lowerback", "thorax", "upperneck", "head"),
    *("lclavicle", "lhumerus", "lwrist", "rclavicle", "rhumerus", "rwrist"),
)


def world_joints(skeleton: AsfSkeleton, amc: Path) -> Float32:
    """Read the 17 joints of Human3.6M from a clip, at 50 Hz.

    Args:
        skeleton: skeleton of the subject.
        amc: motion file of the clip.

    Returns:
        (F, 17, 3) metres, z up, centred over the origin.

    Raises:
        DataError: the file is not of the format, or the skeleton lacks a bone.
    """
    placed = joint_positions(skeleton, read_amc(amc, skeleton))
    if missing := sorted(set(_JOINTS) - set(placed)):
        bones = ", ".join(missing)
        raise DataError(f"The skeleton of {amc} lacks the bones {bones}: fetch it again.")
    limbs = np.stack([placed[bone] for bone in _JOINTS], axis=1)
    joints = np.concatenate([limbs[:, [0, 3]].mean(1, keepdims=True), limbs], axis=1)
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], axis=-1)
    times = np.arange(0, len(joints) - 0.999, RECORDED_FPS / FPS)
    joints = CubicSpline(np.arange(len(joints)), joints)(times)
    path = joints[:, 0, :2]
    joints[..., :2] -= (path.min(0) + path.max(0)) / 2
    return joints.astype(np.float32)
