"""Human3.6M's camera model: world to camera, projection, screen normalisation.

Axes: world z up; camera x right, y down, z forward. Lengths in metres, images in pixels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import roma
import torch
from torch import Tensor


@dataclass(frozen=True)
class Camera:
    """A calibrated camera.

    Attributes:
        id: serial number or index.
        width: width of the image in pixels.
        height: height of the image in pixels.
        center: principal point (x, y) in pixels.
        focal: focal lengths (x, y) in pixels.
        radial: radial distortion coefficients k1, k2, k3.
        tangential: tangential distortion coefficients p1, p2, in the order of the public files.
        orientation: unit quaternion (w, x, y, z) of the rotation from camera to world.
        translation: centre of the camera in the world, in metres.
    """

    id: str
    width: int
    height: int
    center: tuple[float, float]
    focal: tuple[float, float]
    radial: tuple[float, float, float]
    tangential: tuple[float, float]
    orientation: tuple[float, float, float, float]
    translation: tuple[float, float, float]


@cache
def unknown_camera(width: int, height: int) -> Camera:
    """A camera at the origin without distortion, whose focal length is the image's width."""
    return Camera(
        id=f"{width}x{height}",
        width=width,
        height=height,
        center=(width / 2, height / 2),
        focal=(float(width), float(width)),
        radial=(0.0, 0.0, 0.0),
        tangential=(0.0, 0.0),
        orientation=(1.0, 0.0, 0.0, 0.0),
        translation=(0.0, 0.0, 0.0),
    )


def world_to_camera(points: Tensor, camera: Camera) -> Tensor:
    """Transform world points (..., 3) to the camera frame, in metres: R(q)^-1 (X - t)."""
    return (points - points.new_tensor(camera.translation)) @ _rotation(points, camera)


def camera_to_world(points: Tensor, camera: Camera) -> Tensor:
    """Transform camera-frame points (..., 3) to the world, in metres: R(q) X + t."""
    return points @ _rotation(points, camera).mT + points.new_tensor(camera.translation)


def project(points: Tensor, camera: Camera) -> Tensor:
    """Project camera-frame points (..., 3), in metres, to pixels (..., 2).

    This is Human3.6M's own formula, by which the public 2D files were made. It differs from
    OpenCV's in the tangential term, which lacks a factor of 2 on the cross term (`VideoPose3D`
    issue 202). Rays are clamped to 45 degrees off the axis, as in that code.
    """
    ray = (points[..., :2] / points[..., 2:]).clamp(-1, 1)
    square = ray.square().sum(-1, keepdim=True)
    radial = points.new_tensor(camera.radial)
    tangential = points.new_tensor(camera.tangential)
    powers = torch.cat([square, square**2, square**3], dim=-1)
    gain = 1 + (radial * powers).sum(-1, keepdim=True) + (tangential * ray).sum(-1, keepdim=True)
    distorted = ray * gain + tangential * square
    return distorted * points.new_tensor(camera.focal) + points.new_tensor(camera.center)


def normalize_screen(pixels: Tensor, camera: Camera) -> Tensor:
    """Map pixels (..., 2) to [-1, 1] over the image's width, with the same scale on both axes."""
    return pixels * (2 / camera.width) - pixels.new_tensor([1.0, camera.height / camera.width])


def denormalize_screen(points: Tensor, camera: Camera) -> Tensor:
    """The inverse of `normalize_screen`."""
    shifted = points + points.new_tensor([1.0, camera.height / camera.width])
    return shifted * (camera.width / 2)


def looked_at(cameras: Sequence[Camera]) -> Tensor:
    """Find the world point (3,), in metres, that is nearest to the cameras' optical axes."""
    centres = torch.tensor([camera.translation for camera in cameras], dtype=torch.float64)
    axes = torch.stack([_rotation(centres, camera)[:, 2] for camera in cameras])
    across = torch.eye(3, dtype=torch.float64) - axes[:, :, None] * axes[:, None]
    return torch.linalg.solve(across.sum(0), (across @ centres[..., None]).sum(0)).squeeze(-1)


def _rotation(points: Tensor, camera: Camera) -> Tensor:
    w, x, y, z = camera.orientation
    return roma.unitquat_to_rotmat(torch.tensor([x, y, z, w], dtype=torch.float64)).to(points)
