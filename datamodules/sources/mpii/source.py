"""MPII: images of people in all kinds of activities, with 2D keypoints alone."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from datamodules.cameras import unknown_camera
from datamodules.loading.pictures import ImageFiles
from datamodules.reading.jpeg import jpeg_size
from datamodules.sequences import PoseSequences, Segment
from datamodules.skeletons import H36M17
from datamodules.sources.mpii.people import read_people
from datamodules.sources.source import Source
from poseproof.errors import DataError

# MPII's joint for each of Human3.6M's; it has none for the spine
_PLACES = [6, 2, 1, 0, 3, 4, 5, -1, 7, 8, 9, 13, 14, 15, 12, 11, 10]
_SPLITS = {"train": ("train",), "test": ("valid",)}
# pixels of a side at a scale of 1, and the margin that the data set's users take
_SIDE, _MARGIN = 200, 1.25
# the centre is set lower by so many pixels at a scale of 1, so that feet are in the crop
_LOWER = 15


class MPII(Source):
    """Reads `annot/train.json`, `annot/valid.json` and `images/` of MPII Human Pose.

    The annotations are those of HRNet's and the simple baselines' repositories, made from the
    official `mpii_human_pose_v1_u12_1.mat`: a list of people with `image`, `center`, `scale`,
    `joints` (16 of x, y, counted from 1) and `joints_vis`. "train" and "valid" are the two
    subjects, every person a sequence of one frame. People without a centre or a joint are left out.

    There is no 3D truth: `has_joints` is False, and a model that trains lifting refuses the data.
    The 16 joints take the places of Human3.6M's 17 by name, although some differ in meaning: the
    upper neck takes the place of the neck (Human3.6M's is at the nose), the top of the head that of
    the head. There is no spine. A missing joint has a score of 0 and the position of the crop's
    centre. Focal lengths are not known; a camera's is set to the width of its image.

    A crop is the square around `center`, 15 * `scale` pixels lower, of 1.25 * 200 * `scale` pixels
    a side, as in later estimators.

    Args:
        root: folder of `annot` and `images`. MPII has its own terms: human-pose.mpi-inf.mpg.de.
    """

    def __init__(self, root: str) -> None:
        self.root = root

    def read(self) -> PoseSequences:
        """Read and check the annotations, and the headers of the images.

        Raises:
            DataError: anything is wrong with them.
        """
        root = Path(self.root)
        people = {
            subject: read_people(root / "annot" / f"{subject}.json")
            for subject in ("train", "valid")
        }
        everyone = [person for group in people.values() for person in group]
        headers = _read_headers(root / "images", [person.image for person in everyone])
        size = np.array([headers[person.image][:2] for person in everyone])
        # counted from the image's edges, where the files count from 1 at the first pixel's middle
        joints = np.array([person.joints for person in everyone]) - 0.5
        scale = np.array([[person.scale] for person in everyone])
        centre = np.array([person.centre for person in everyone]) - 0.5 + [0, _LOWER] * scale
        # one more joint, never annotated, for the spine
        points = np.concatenate([joints, centre[:, None]], axis=1)[:, _PLACES]
        known = np.array([[*person.known, False] for person in everyone])[:, _PLACES]
        points = np.where(known[..., None], points, centre[:, None])
        _check_inside(points, size, root)

        unit = size[:, :1] / 2
        middle = size / 2
        crops = np.concatenate([centre - middle, _MARGIN * _SIDE * scale], axis=1) / unit
        screen = (points - middle[:, None]) / unit[..., None]
        keypoints = np.concatenate([screen, known[..., None]], axis=-1).astype(np.float32)
        subjects = [subject for subject, group in people.items() for _ in group]
        paths = [person.image for person in everyone]
        cameras = [unknown_camera(width, height) for width, height in size.tolist()]
        return PoseSequences(
            keypoints=keypoints,
            joints=np.zeros((len(everyone), len(H36M17.joints), 3), np.float32),
            segments=tuple(
                Segment(i, i + 1, subjects[i], "MPII", paths[i], cameras[i], 1.0)
                for i in range(len(everyone))
            ),
            skeleton=H36M17,
            splits=_SPLITS,
            title="MPII",
            images=ImageFiles(
                root=root / "images",
                paths=paths,
                widths=size[:, 0],
                heights=size[:, 1],
                crops=crops.astype(np.float32),
                bytes=np.array([headers[path][2] for path in paths]),
            ),
            has_joints=False,
        )


def _check_inside(points: np.ndarray, size: np.ndarray, root: Path) -> None:
    outside = ((points < -size[:, None]) | (points > 2 * size[:, None])).any(axis=-1)
    if outside.mean() > 0.01:
        raise DataError(
            f"{root}: {outside.mean():.0%} of the keypoints lie far outside their images: the "
            "annotations belong to other images."
        )


def _read_headers(folder: Path, names: Iterable[str]) -> dict[str, tuple[int, int, int]]:
    """Name -> width and height in pixels, and size in bytes, of each image in a folder.

    Raises:
        DataError: an image is missing, or its header is damaged.
    """
    headers = {}
    for name in dict.fromkeys(names):
        path = folder / name
        try:
            with path.open("rb") as file:
                headers[name] = (*jpeg_size(file, path), path.stat().st_size)
        except OSError as error:
            raise DataError(
                f"{path} cannot be read, but is annotated: extract it again."
            ) from error
    return headers
