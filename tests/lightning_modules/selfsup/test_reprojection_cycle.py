"""The lifting cycle against plain geometry."""

import math

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from lightning_modules.selfsup.reprojection_cycle import (
    DISTANCE,
    bone_loss,
    bone_ratios,
    cycle,
    cycle_losses,
    lift,
    project,
    turned_about,
)


def poses(count=6, seed=0, size=0.5):
    generator = torch.Generator().manual_seed(seed)
    joints = size * torch.randn(count, 17, 3, generator=generator).double()
    return joints - joints[:, :1]


def test_lifting_with_true_depths_undoes_the_projection():
    joints = poses()
    shift = torch.arange(6.0).double()[:, None]  # depths count from the root's
    lifted, elevation = lift(lambda _: (joints[..., 2] + shift, shift[:, 0]), project(joints))
    torch.testing.assert_close(lifted, joints)
    assert torch.equal(elevation, shift[:, 0])


def test_what_comes_too_near_is_kept_at_a_tenth():
    depths = torch.zeros(1, 17)
    depths[0, 3] = -50
    places = torch.rand(1, 17, 2)
    lifted, _ = lift(lambda _: (depths, torch.zeros(1)), places)
    torch.testing.assert_close(lifted[0, 3, 2], torch.tensor(1 - DISTANCE))
    torch.testing.assert_close(lifted[0, 3, :2], places[0, 3])


@pytest.mark.parametrize(("axis", "name"), [(0, "x"), (1, "y")])
def test_turns(axis, name):
    angles = torch.linspace(-4, 4, 9).double()
    expected = Rotation.from_euler(name, angles.numpy()[:, None]).as_matrix()
    np.testing.assert_allclose(turned_about(axis, angles).numpy(), expected, atol=1e-12)


@pytest.mark.parametrize("learned", [True, False])
def test_a_lifter_that_knows_loses_nothing(learned):
    joints, elevation = poses(), torch.full((6,), 0.2).double()

    def told(*depths):
        answers = iter(depths)
        torch.manual_seed(1)
        return cycle(lambda _: (next(answers), elevation), project(joints), learned)

    depths = joints[..., 2]
    held = told(depths, told(depths, depths).turned[..., 2])
    torch.testing.assert_close(held.lifted, held.turned)
    torch.testing.assert_close(held.back, joints)
    assert all(value < 1e-9 for value in cycle_losses(held).values())


def test_cameras_are_drawn_by_the_elevations():
    elevations = torch.linspace(0.1, 0.5, 20_000).double()
    joints = torch.zeros(20_000, 2, 3).double()
    joints[:, 1, 1] = -1  # straight up, in the level camera's frame
    tilted = joints @ turned_about(0, -elevations).mT
    torch.manual_seed(0)
    depths = tilted[..., 2]
    held = cycle(lambda _: (depths, elevations), project(tilted), True)
    # level again, then tilted by what was drawn; the azimuth turns about the upright axis
    drawn = torch.atan2(-held.turned[:, 1, 2], -held.turned[:, 1, 1])
    assert abs(drawn.mean() + 0.3) < 0.005
    assert abs(drawn.std() - elevations.std()) < 0.005


def test_losses_are_elepose_s():
    torch.manual_seed(0)

    def lifter(places):
        return places.sum(-1).tanh(), places[:, 3, 0]

    held = cycle(lifter, project(poses(5)), True)
    losses = {name: value.item() for name, value in cycle_losses(held).items()}
    back, joints, n = held.back.numpy(), held.joints.numpy(), 5
    flat = back[..., :2] / np.maximum(back[..., 2:] + 10, 1)
    places = held.places.numpy()
    expected = sum(np.abs(places[i] - flat[i]).sum() for i in range(n)) / n
    assert losses["reprojection"] == pytest.approx(expected)
    apart = [np.linalg.norm(held.turned[i].numpy() - held.lifted[i].numpy()) for i in range(n)]
    assert losses["turned"] == pytest.approx(np.mean(apart))
    pairs = [(joints[a] - joints[a + 1]) - (back[a] - back[a + 1]) for a in (0, 2)]
    assert losses["pairs"] == pytest.approx(np.mean([np.linalg.norm(p) for p in pairs]))


def test_bones():
    bones = torch.tensor([[0, 1], [1, 2]])
    joints = torch.tensor([[[0.0, 0, 0], [3, 0, 0], [3, 4, 0]]])
    torch.testing.assert_close(bone_ratios(joints, bones), torch.tensor([[3 / 3.5, 4 / 3.5]]))
    usual = torch.tensor([1.0, 1.0])
    expected = 2 * (0.5 / 3.5) ** 2
    assert bone_loss(7 * joints, bones, usual).item() == pytest.approx(expected, rel=1e-5)
    assert math.isclose(bone_loss(joints, bones, bone_ratios(joints, bones)[0]).item(), 0)
