"""The density of poses against the change of variables, NumPy's SVD and a closed form."""

import io
import math

import numpy as np
import pytest
import torch
from torch.distributions import Normal

from lightning_modules.selfsup.pose_flow import PoseFlow


def poses_like(count, joints, seed=0):
    """Poses whose coordinates hang together and differ in size."""
    random = np.random.default_rng(seed)
    mixing = random.normal(size=(2 * joints, 2 * joints)) * np.geomspace(1, 0.05, 2 * joints)
    mean = random.normal(size=2 * joints)
    flat = mean + random.standard_t(8, size=(count, 2 * joints)) @ mixing.T
    return torch.from_numpy(flat.reshape(count, joints, 2))


def fitted(joints=4, bases=5, blocks=3, width=16, seed=0):
    torch.manual_seed(seed)
    flow = PoseFlow(joints, bases, blocks, width)
    flow.fit_bases(poses_like(500, joints).float())
    return flow


def test_the_default_has_the_numbers_of_elepose():
    flow = PoseFlow()
    # 8 couplings of 13 components: 13 -> 1024 -> 26
    assert sum(weight.numel() for weight in flow.parameters()) == 8 * (14 * 1024 + 1025 * 26)
    assert flow.components.shape == (26, 34)


def test_components_are_those_of_an_svd():
    poses = poses_like(200, 4)
    flow = PoseFlow(4, 5, 2, 8).double()
    flow.fit_bases(poses)
    flat = poses.reshape(200, 8).numpy()
    _, singular, axes = np.linalg.svd(flat - flat.mean(0), full_matrices=False)
    np.testing.assert_allclose(flow.mean, flat.mean(0), atol=1e-12)
    np.testing.assert_allclose(flow.deviations, singular[:5] / 199**0.5, rtol=1e-9)
    np.testing.assert_allclose(np.abs(axes[:5] @ flow.components.numpy().T), np.eye(5), atol=1e-7)
    whitened = flow.whiten(poses)
    np.testing.assert_allclose(np.cov(whitened.numpy().T), np.eye(5), atol=1e-9)
    np.testing.assert_allclose(whitened.mean(0), np.zeros(5), atol=1e-9)


def test_likelihoods_obey_the_change_of_variables():
    flow = fitted().double()
    poses = poses_like(6, 4, seed=1)
    whitened = flow.whiten(poses)
    transform = flow.flow().transform
    for components, found in zip(whitened, flow(poses), strict=True):
        jacobian = torch.autograd.functional.jacobian(transform, components)
        normal = 0.5 * transform(components).square().sum() + 2.5 * math.log(2 * math.pi)
        torch.testing.assert_close(found, normal - torch.linalg.slogdet(jacobian).logabsdet)


def test_components_that_are_left_out_do_not_count():
    flow = fitted()
    poses = poses_like(6, 4, seed=1).float()
    away = torch.linalg.svd(flow.components).Vh[5:].sum(0).view(4, 2)
    torch.testing.assert_close(flow(poses + 0.1 * away), flow(poses))


def test_a_checkpoint_brings_its_halves_along():
    poses = poses_like(6, 4, seed=1).float()
    flow, other = fitted(seed=0), PoseFlow(4, 5, 3, 16)
    masks = [name for name in flow.state_dict() if name.endswith("mask")]
    assert len(masks) == 3
    assert any((flow.state_dict()[name] != other.state_dict()[name]).any() for name in masks)
    file = io.BytesIO()
    torch.save(flow.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    assert (flow(poses) == other(poses)).all()


def trained(flow, poses, steps, lr):
    optimizer = torch.optim.Adam(flow.parameters(), lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        optimizer.zero_grad()
        flow(poses[torch.randint(len(poses), (256,))]).mean().backward()
        optimizer.step()
        schedule.step()


def test_it_comes_near_to_the_entropy_of_bent_poses():
    """Of two joints the second lies above the first's square, whose likelihood is known."""
    torch.manual_seed(0)

    def bent(count):
        first, noise = torch.randn(2, count, 2)
        return torch.stack([first, first.square() + 0.5 * noise], 1)

    poses, held_out = bent(6000), bent(2000)
    flow = PoseFlow(joints=2, bases=4, blocks=4, width=32)
    flow.fit_bases(poses)
    first, second = held_out.unbind(1)
    density = Normal(0.0, 1.0).log_prob(first) + Normal(first.square(), 0.5).log_prob(second)
    # all four components are kept, so only their units differ
    closed_form = (-density.sum(1) - flow.deviations.log().sum()).mean()
    gaussian = 2 * math.log(2 * math.pi * math.e)
    trained(flow, poses, steps=300, lr=1e-2)
    with torch.no_grad():
        found = flow(held_out).mean()
    assert closed_form < gaussian - 2
    assert closed_form < found < closed_form + 0.3


def test_poses_far_off_have_finite_likelihoods_and_gradients():
    """After training, when scales are no longer near 1."""
    torch.manual_seed(0)
    flow, poses = PoseFlow(6, 10, 8, 64), poses_like(2000, 6).float()
    flow.fit_bases(poses)
    trained(flow, poses, steps=50, lr=5e-3)
    directions = torch.nn.functional.normalize(torch.randn(64, 10), dim=1)
    likelihoods = []
    for off in (1, 20, 1e4):
        far = off * directions * flow.deviations @ flow.components + flow.mean
        far = far.view(-1, 6, 2).requires_grad_()
        found = flow(far)
        (gradient,) = torch.autograd.grad(found.sum(), far)
        assert found.isfinite().all() and gradient.isfinite().all()
        likelihoods.append(found.detach())
    assert (likelihoods[0] < likelihoods[1]).all() and (likelihoods[1] < likelihoods[2]).all()


def test_too_few_poses_are_refused():
    flow = PoseFlow(4, 5, 2, 8)
    with pytest.raises(ValueError, match="5 poses do not have 5 principal components"):
        flow.fit_bases(torch.randn(5, 4, 2))
    flow.fit_bases(torch.randn(6, 4, 2))


def test_poses_that_do_not_vary_are_refused():
    poses = poses_like(200, 4).float()
    poses[:, 2:] = poses[:, :2] + 1
    with pytest.raises(ValueError, match="along 4 principal components and not 5"):
        PoseFlow(4, 5, 2, 8).fit_bases(poses)
    with pytest.raises(ValueError, match="along 0 principal components"):
        PoseFlow(4, 5, 2, 8).fit_bases(torch.ones(200, 4, 2))


@pytest.mark.parametrize("bases", [1, 9])
def test_components_that_cannot_be_are_refused(bases):
    with pytest.raises(
        ValueError, match=f"cannot have {bases} principal components: choose bases from 2 to 8"
    ):
        PoseFlow(joints=4, bases=bases)
