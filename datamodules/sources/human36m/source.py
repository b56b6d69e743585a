"""Human36M: the public files of Human3.6M, as VideoPose3D's scripts write them."""

from pathlib import Path

import numpy as np

from datamodules.reading.checks import as_array, entry
from datamodules.reading.safe_npz import load_npz
from datamodules.sequences import Float32, PoseSequences
from datamodules.skeletons import H36M17
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.layout import check_joint_order, read_views
from datamodules.sources.source import Source
from datamodules.views import assemble
from poseproof.errors import DataError

# of the 32 recorded joints, those that are joints of the body and recorded once
_KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
_SPLITS = {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
# the video of one of its cameras is corrupt
_DROPPED = ("S11", "Directions")


class Human36M(Source):
    """Reads `data_3d_h36m.npz` and `data_2d_h36m_{keypoints}.npz`.

    50 fps, four cameras, all frames; subjects S1, S5, S6, S7, S8 to train on, S9 and S11 to test
    on; both takes of the fifteen actions except S11's first "Directions". The 3D file has 32
    joints, of which 17 are kept. The cameras are Human3.6M's own (`cameras.yaml`).

    Args:
        root: folder of the files. Human3.6M needs your own licence: vision.imar.ro/human3.6m.
        keypoints: 2D keypoints to use: "gt" or detections, such as "cpn_ft_h36m_dbb".
    """

    def __init__(self, root: str, keypoints: str = "gt") -> None:
        self.root = root
        self.keypoints = keypoints

    def read(self) -> PoseSequences:
        """Read and check the files.

        Raises:
            DataError: anything is wrong with them.
        """
        file_3d = Path(self.root) / "data_3d_h36m.npz"
        file_2d = Path(self.root) / f"data_2d_h36m_{self.keypoints}.npz"
        recorded = entry(load_npz(file_3d), "positions_3d", file_3d.name)
        contents_2d = load_npz(file_2d)
        check_joint_order(contents_2d, file_2d.name)
        flat = entry(contents_2d, "positions_2d", file_2d.name)
        wanted = _SPLITS["train"] + _SPLITS["test"]
        if missing := [subject for subject in wanted if subject not in recorded]:
            raise DataError(
                f"{file_3d.name} lacks the subjects {', '.join(missing)}: the protocols need all "
                f"of {', '.join(wanted)}."
            )
        poses = {
            subject: {
                take: _kept(as_array(world, where, coordinates=(3,)), where)
                for take, world in recorded[subject].items()
                for where in [f"{file_3d.name}, subject {subject}, action {take!r}"]
                if (subject, take) != _DROPPED
            }
            for subject in wanted
        }
        views = read_views(poses, flat, human36m_cameras(), 50.0, file_2d.name)
        return assemble(views, H36M17, _SPLITS, f"Human3.6M ({self.keypoints} 2D)")


def _kept(world: Float32, where: str) -> Float32:
    if world.shape[1:] != (32, 3):
        raise DataError(
            f"{where}: {world.shape[1]} joints, but the public file has 32: for poses of 17 "
            "joints use PoseNpz."
        )
    return np.ascontiguousarray(world[:, _KEPT])
