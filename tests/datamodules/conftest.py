"""Small files in the public layouts, from people who stand near the origin and sway."""

from types import SimpleNamespace

import numpy as np
import pytest

from datamodules.batch import DataNeeds
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.views import view_world

HUMAN36M_SUBJECTS = ("S1", "S5", "S6", "S7", "S8", "S9", "S11")
# where the 17 joints stand among the 32 recorded ones
RECORDED = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]
# metres, z up: hip, right leg, left leg, spine to head, left arm, right arm
STANDING = np.array(
    [
        *([0.0, 0.0, 0.9], [-0.13, 0.0, 0.9], [-0.14, 0.03, 0.47], [-0.14, 0.0, 0.05]),
        *([0.13, 0.0, 0.9], [0.14, 0.03, 0.47], [0.14, 0.0, 0.05]),
        *([0.0, -0.02, 1.13], [0.0, -0.03, 1.37], [0.0, 0.06, 1.43], [0.0, 0.0, 1.54]),
        *([0.16, -0.02, 1.33], [0.22, 0.02, 1.06], [0.2, 0.15, 0.85]),
        *([-0.16, -0.02, 1.33], [-0.22, 0.02, 1.06], [-0.25, 0.1, 0.84]),
    ]
)


def sway(frames, seed):
    """(frames, 17, 3) metres, world frame, float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames)[:, None, None] / 50
    phase, size = rng.uniform(0, 2 * np.pi, (1, 17, 3)), rng.uniform(0.01, 0.06, (1, 17, 3))
    place = np.append(rng.uniform(-0.5, 0.5, 2), 0)
    turn = rng.uniform(0, 2 * np.pi)
    about_z = [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    swaying = STANDING + size * np.sin(4 * time + phase)
    return (swaying @ np.transpose(about_z) + place).astype(np.float32)


def filmed(world, cameras):
    """The list of one (frames, 17, 2) in pixels a camera, as the 2D files hold it."""
    labels = {"subject": "", "action": "", "take": "", "fps": 50.0}
    return [view_world(world, camera, **labels).keypoints for camera in cameras]


def described(camera):
    """A camera as the 2D files of PoseNpz describe it."""
    return {
        "id": camera.id,
        "res_w": camera.width,
        "res_h": camera.height,
        "center": np.array(camera.center),
        "focal_length": np.array(camera.focal),
        "radial_distortion": np.array(camera.radial),
        "tangential_distortion": np.array(camera.tangential),
        "orientation": np.array(camera.orientation),
        "translation": np.array(camera.translation),
    }


def model_of(**needs):
    """A model, as far as data modules see one."""
    return SimpleNamespace(needs=DataNeeds(**needs))


class Files(SimpleNamespace):
    """Contents of a 3D and a 2D file, to be changed and then written.

    Attributes:
        folder: where to write.
        names: of the 3D and the 2D file.
        three: contents of the 3D file.
        two: contents of the 2D file.
    """

    def write(self):
        for name, contents in zip(self.names, (self.three, self.two), strict=True):
            np.savez_compressed(self.folder / name, **contents)
        return str(self.folder)


@pytest.fixture
def human36m_files(tmp_path):
    """Human3.6M's public files: 32 joints, seven subjects, three takes, S11's corrupt one too."""
    three, two = {}, {}
    for number, subject in enumerate(HUMAN36M_SUBJECTS):
        three[subject], two[subject] = {}, {}
        for repeat, take in enumerate(("Directions", "Directions 1", "WalkDog")):
            body = sway(20 + repeat, seed=10 * number + repeat)
            # what stands at the other fifteen joints must not get through
            recorded = np.full((len(body), 32, 3), 50, np.float32)
            recorded[:, RECORDED] = body
            three[subject][take] = recorded
            two[subject][take] = filmed(body, human36m_cameras()[subject])
    symmetry = [[4, 5, 6, 11, 12, 13], [1, 2, 3, 14, 15, 16]]
    metadata = {"num_joints": 17, "keypoints_symmetry": symmetry}
    return Files(
        folder=tmp_path,
        names=("data_3d_h36m.npz", "data_2d_h36m_gt.npz"),
        three={"positions_3d": three},
        two={"positions_2d": two, "metadata": metadata},
    )


@pytest.fixture
def pose_npz_files(tmp_path):
    """Files of PoseNpz, named `own`: subjects A, B and C, two takes, two cameras, 25 Hz."""
    rig = human36m_cameras()["S5"][:2]
    three, two = {}, {}
    for number, subject in enumerate("ABC"):
        three[subject] = {
            take: sway(24, seed=50 + 10 * number + repeat)
            for repeat, take in enumerate(("Sitting", "Walking 1"))
        }
        two[subject] = {take: filmed(world, rig) for take, world in three[subject].items()}
    return Files(
        folder=tmp_path,
        names=("data_3d_own.npz", "data_2d_own_gt.npz"),
        three={"positions_3d": three},
        two={
            "positions_2d": two,
            "cameras": {subject: [described(camera) for camera in rig] for subject in "ABC"},
            "metadata": {
                "layout_name": "h36m",
                "num_joints": 17,
                "fps": 25.0,
                "splits": {"train": ["A", "B"], "test": ["C"]},
            },
        },
    )
