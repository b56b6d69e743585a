"""The camera model against formulas of its own in NumPy, SciPy's rotations and a stored file."""

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from datamodules.cameras import (
    Camera,
    camera_to_world,
    denormalize_screen,
    looked_at,
    normalize_screen,
    project,
    world_to_camera,
)
from datamodules.reading.safe_npz import load_npz
from datamodules.sources.human36m.recordings import human36m_cameras

CMU = Path(__file__).parents[3] / "shared/data/cmu17"
ALL = [camera for cameras in human36m_cameras().values() for camera in cameras]


def to_camera(world, camera):
    """World to camera by SciPy, which takes the scalar of a quaternion last."""
    w, x, y, z = camera.orientation
    return np.stack(
        [
            Rotation.from_quat([x, y, z, w]).inv().apply(point - np.array(camera.translation))
            for point in world.reshape(-1, 3)
        ]
    ).reshape(world.shape)


def pixel(point, camera):
    """One camera-frame point to pixels, number by number, after Human3.6M's formula."""
    x, y = (min(max(coordinate / point[2], -1.0), 1.0) for coordinate in point[:2])
    k1, k2, k3 = camera.radial
    p1, p2 = camera.tangential
    r2 = x * x + y * y
    gain = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3 + p1 * x + p2 * y
    return [
        camera.focal[0] * (x * gain + p1 * r2) + camera.center[0],
        camera.focal[1] * (y * gain + p2 * r2) + camera.center[1],
    ]


@pytest.mark.parametrize("camera", ALL[::5], ids=lambda camera: camera.id)
def test_projection_follows_the_formula_also_beyond_the_clamp(camera):
    points = np.random.default_rng(0).normal([0, 0, 4], [1.5, 1.5, 0.8], (200, 3))
    points[:3] = [9, 0.5, 4], [-9, 9, 4], [0, 0, 2]
    expected = np.array([pixel(point, camera) for point in points])
    np.testing.assert_allclose(project(torch.from_numpy(points), camera), expected, atol=1e-9)


def test_projection_keeps_leading_axes_and_dtype():
    points = torch.rand(5, 17, 3) + torch.tensor([0.0, 0.0, 3.0])
    pixels = project(points, ALL[0])
    assert pixels.shape == (5, 17, 2)
    assert pixels.dtype == torch.float32
    torch.testing.assert_close(pixels[2, 3], project(points[2, 3], ALL[0]))


@pytest.mark.parametrize("camera", ALL, ids=range(len(ALL)))
def test_world_to_camera_and_back(camera):
    world = np.random.default_rng(1).normal(0, 2, (4, 3, 3))
    in_camera = world_to_camera(torch.from_numpy(world), camera)
    # the stored quaternions are of length 1 only to float32
    np.testing.assert_allclose(in_camera, to_camera(world, camera), atol=1e-5)
    np.testing.assert_allclose(camera_to_world(in_camera, camera), world, atol=1e-5)


def test_a_quarter_turn_by_hand():
    half = 0.5**0.5
    camera = Camera("", 8, 8, (0, 0), (1, 1), (0, 0, 0), (0, 0), (half, 0, 0, half), (1, 2, 3))
    # camera x is world y: a point one metre along the world's y lies one metre along x
    point = torch.tensor([1.0, 3.0, 3.0], dtype=torch.float64)
    expected = torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64)
    torch.testing.assert_close(world_to_camera(point, camera), expected)
    torch.testing.assert_close(camera_to_world(expected, camera), point)


@pytest.mark.parametrize("camera", ALL[:2], ids=lambda camera: f"{camera.width}x{camera.height}")
def test_screen_normalisation(camera):
    width, height = camera.width, camera.height
    corners = torch.tensor([[0.0, 0.0], [width, height], [width / 2, height / 2], [30.0, 40.0]])
    screen = normalize_screen(corners.double(), camera)
    aspect = height / width
    expected = [[-1, -aspect], [1, aspect], [0, 0], [60 / width - 1, 80 / width - aspect]]
    np.testing.assert_allclose(screen, expected, atol=1e-12)
    np.testing.assert_allclose(denormalize_screen(screen, camera), corners, atol=1e-9)


def test_human36m_has_four_cameras_for_each_of_seven_subjects():
    cameras = human36m_cameras()
    assert list(cameras) == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    for rig in cameras.values():
        assert [camera.id for camera in rig] == ["54138969", "55011271", "58860488", "60457274"]
        assert [camera.width for camera in rig] == [1000] * 4
        assert [camera.height for camera in rig] == [1002, 1000, 1000, 1002]
    assert len({camera.translation for camera in ALL}) == 28
    for camera in ALL:
        assert np.linalg.norm(camera.orientation) == pytest.approx(1, abs=1e-6)
        x, y, z = camera.translation
        assert 1 < z < 2 and 3 < np.hypot(x, y) < 7, "metres, on stands around the scene"


@pytest.mark.parametrize("camera", ALL, ids=range(len(ALL)))
def test_human36m_cameras_see_the_scene_upright(camera):
    feet, head = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 1.7]], dtype=torch.float64)
    (x, below), (_, above) = project(world_to_camera(torch.stack([feet, head]), camera), camera)
    assert 0 < x < camera.width
    assert 0 < above < below < camera.height


@pytest.mark.skipif(not CMU.is_dir(), reason=f"CMU motions in PoseNpz's layout are not at {CMU}")
def test_the_2d_of_a_stored_file_is_the_projection_of_its_3d():
    motion = load_npz(CMU / "data_3d_cmu17.npz")["positions_3d"]
    stored = load_npz(CMU / "data_2d_cmu17_gt.npz")
    for subject, rig in stored["cameras"].items():
        take, world = next(iter(motion[subject].items()))
        for held, pixels in zip(rig, stored["positions_2d"][subject][take], strict=True):
            camera = Camera(
                id=held["id"],
                width=held["res_w"],
                height=held["res_h"],
                center=tuple(held["center"]),
                focal=tuple(held["focal_length"]),
                radial=tuple(held["radial_distortion"]),
                tangential=tuple(held["tangential_distortion"]),
                orientation=tuple(held["orientation"]),
                translation=tuple(held["translation"]),
            )
            points = world_to_camera(torch.from_numpy(world).double(), camera)
            assert np.abs(project(points, camera).numpy() - pixels).max() < 0.01


def test_no_other_point_is_nearer_to_the_optical_axes_than_the_one_looked_at():
    generator = np.random.default_rng(0)
    for cameras in human36m_cameras().values():
        point = looked_at(cameras).numpy()

        def squares(place, cameras=cameras):
            total = 0.0
            for camera in cameras:
                w, *xyz = camera.orientation
                axis = Rotation.from_quat([*xyz, w]).as_matrix()[:, 2]
                total += np.square(np.cross(place - np.array(camera.translation), axis)).sum()
            return total

        least = squares(point)
        for step in generator.normal(scale=0.05, size=(20, 3)):
            assert squares(point + step) > least
