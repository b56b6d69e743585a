"""The consensus against a convex solver, closed forms and the properties of Eq. 7 to 9."""

import cvxpy as cp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lightning_modules.dpcn.consensus import Consensus, check_connected, compiled
from lightning_modules.dpcn.consensus_step import fit, least_squares, start, step, threshold_unit
from lightning_modules.dpcn.joint_groups import sample_groups


@pytest.fixture(params=["compiled", "plain"])
def iterations(request, monkeypatch):
    """What is solved holds for numba's iterations and for PyTorch's."""
    if request.param == "plain":
        monkeypatch.setattr("lightning_modules.dpcn.consensus.compiled", lambda: None)
    else:
        assert compiled()


APART = torch.cdist(*[torch.rand(17, 3, generator=torch.Generator().manual_seed(1)).double()] * 2)


def groups_of(size, least=10, seed=0):
    return sample_groups(APART.square(), size, 10.0, least, seed)


def made_up(groups, poses, noise, outliers, seed=0, bad_groups=0.0):
    """Group poses in metres about their centres: noise in mm, and a share of 200 mm outliers."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    truth = normal(poses, 17, 3) * 0.25
    own = truth[:, groups]
    hit = torch.rand(own.shape[:3], generator=generator)[..., None] < outliers
    bad = torch.rand(own.shape[:2], generator=generator)[..., None, None] < bad_groups
    own = own + noise / 1000 * normal(*own.shape) + 0.2 * normal(*own.shape) * (hit | bad)
    return truth - truth[:, :1], own - own.mean(2, keepdim=True)


def convex(groups, poses, kind):
    """Eq. 7 or 8 as written, pose by pose, in millimetres."""
    count, size = groups.shape
    solved = []
    for own in poses.double().numpy() * 1000:
        pose, shifts = cp.Variable((17, 3)), cp.Variable((count, 3))
        rows = [
            pose[group] - own[j] - np.ones((size, 1)) @ shifts[j : j + 1]
            for j, group in enumerate(groups.tolist())
        ]
        costs = cp.norm(cp.vstack(rows), axis=1) if kind == "l21" else cp.abs(cp.vstack(rows))
        cp.Problem(cp.Minimize(cp.sum(costs))).solve(
            solver="CLARABEL", tol_gap_rel=1e-10, tol_gap_abs=1e-7, tol_feas=1e-10
        )
        solved.append(pose.value - pose.value[0])
    return np.stack(solved)


@pytest.mark.usefixtures("iterations")
@pytest.mark.parametrize("size", [8, 10, 16])
@pytest.mark.parametrize(("noise", "outliers"), [(30, 0.15), (1, 0.3), (60, 0)])
def test_eq_8_is_solved_to_a_thousandth_of_a_millimetre(size, noise, outliers):
    groups = groups_of(size)
    _, poses = made_up(groups, 2, noise, outliers)
    merged = Consensus(groups, 17)(poses.float()).double() * 1000
    assert np.abs(merged.numpy() - convex(groups, poses.float(), "l21")).max() < 1e-3


@pytest.mark.usefixtures("iterations")
def test_eq_8_is_solved_where_whole_groups_are_bad():
    groups = groups_of(10)
    _, poses = made_up(groups, 2, 20, 0, bad_groups=1 / 6)
    merged = Consensus(groups, 17)(poses.float()).double() * 1000
    assert np.abs(merged.numpy() - convex(groups, poses.float(), "l21")).max() < 1e-3


def cost(groups, poses, merged):
    """Eq. 7 at poses (B, n, 3) with the best translations: medians, as coordinates are apart."""
    rows = merged[:, groups] - poses
    return (rows - rows.median(2, keepdim=True).values).abs().sum((1, 2, 3))


@pytest.mark.usefixtures("iterations")
def test_eq_7_is_solved():
    """The l1 solution need not be unique, its cost is."""
    groups = groups_of(12)  # an even n_g has an interval of medians, whose cost is the same
    _, poses = made_up(groups, 3, 30, 0.15)
    merged = Consensus(groups, 17, "l1")(poses)
    best = torch.from_numpy(convex(groups, poses, "l1") / 1000)
    torch.testing.assert_close(
        cost(groups, poses, merged), cost(groups, poses, best), rtol=1e-5, atol=0
    )


def test_least_squares_are_those_of_the_pseudo_inverse():
    groups = groups_of(10)
    _, poses = made_up(groups, 4, 30, 0.1)
    count, size = groups.shape
    select = np.eye(17)[groups.flatten()]
    a = np.hstack([select, np.kron(np.eye(count), np.ones((size, 1)))])
    solved = np.einsum("ij,bjc->bic", np.linalg.pinv(a), poses.flatten(1, 2).numpy())[:, :17]
    merged = Consensus(groups, 17, "l2").double()(poses)
    np.testing.assert_allclose(merged, solved - solved[:, :1], atol=1e-6)
    projected = np.einsum(
        "ij,bjc->bic", np.eye(len(a)) - a @ np.linalg.pinv(a), poses.flatten(1, 2)
    )
    apart = Consensus(groups, 17).disagreement(poses)
    np.testing.assert_allclose(apart.flatten(1, 2), projected, atol=1e-6)


@given(
    size=st.integers(9, 17),
    noise=st.floats(0.1, 80),
    outliers=st.floats(0, 0.25),
    seed=st.integers(0, 99),
)
@settings(max_examples=15, deadline=None)
def test_turning_and_moving_the_groups_turns_the_consensus(size, noise, outliers, seed):
    groups = groups_of(size, least=5)
    _, poses = made_up(groups, 3, noise, outliers, seed)
    turn = torch.linalg.qr(
        torch.randn(3, 3, generator=torch.Generator().manual_seed(seed)).double()
    ).Q
    consensus = Consensus(groups, 17)
    moved = poses @ turn + torch.randn(3, len(groups), 1, 3, dtype=torch.float64)
    torch.testing.assert_close(consensus(moved), consensus(poses) @ turn, atol=5e-6, rtol=0)


@pytest.mark.usefixtures("iterations")
def test_poses_do_not_depend_on_the_batch_that_they_come_in():
    groups = groups_of(16)
    _, poses = made_up(groups, 300, 30, 0.15)
    consensus = Consensus(groups, 17)
    alone = torch.cat([consensus(pose[None]) for pose in poses[250:262]])
    torch.testing.assert_close(consensus(poses)[250:262], alone, atol=1e-6, rtol=0)


def test_what_agrees_is_left_as_it_is():
    truth, poses = made_up(groups_of(10), 5, 0, 0)
    torch.testing.assert_close(Consensus(groups_of(10), 17)(poses), truth, atol=1e-6, rtol=0)


def test_one_bad_joint_of_one_group_is_overruled():
    groups = groups_of(10)
    truth, poses = made_up(groups, 2, 0, 0)
    poses[0, 3, 4] += 0.5
    torch.testing.assert_close(Consensus(groups, 17)(poses), truth, atol=1e-5, rtol=0)
    spread = Consensus(groups, 17, "l2")(poses)
    assert (spread - truth).norm(dim=-1).max() > 0.01


@pytest.mark.parametrize("count", [1, 4])
def test_groups_may_be_one_or_all_the_same(count):
    groups = torch.arange(17).expand(count, -1)
    truth, poses = made_up(groups, 2, 10, 0)
    merged = Consensus(groups, 17)(poses)
    if count == 1:
        torch.testing.assert_close(merged, poses[:, 0] - poses[:, 0, :1], atol=1e-6, rtol=0)
    assert (merged - truth).norm(dim=-1).mean() < 0.05


def test_outliers_hurt_less_than_in_least_squares():
    groups = groups_of(10)
    truth, poses = made_up(groups, 40, 30, 0.15)
    errors = {
        norm: (Consensus(groups, 17, norm)(poses) - truth).norm(dim=-1).mean().item()
        for norm in ("l2", "l1", "l21")
    }
    assert errors["l21"] < errors["l1"] < errors["l2"]


def test_disagreement_is_differentiable_and_blind_to_translations():
    groups = groups_of(10)
    _, poses = made_up(groups, 2, 30, 0)
    consensus = Consensus(groups, 17).double()
    assert torch.autograd.gradcheck(
        consensus.disagreement, poses.clone().requires_grad_(), fast_mode=True
    )
    shifted = poses + torch.randn(2, len(groups), 1, 3, dtype=torch.float64)
    torch.testing.assert_close(consensus.disagreement(shifted), consensus.disagreement(poses))


@pytest.mark.usefixtures("iterations")
def test_mixed_precision_leaves_it_exact():
    groups = groups_of(10)
    poses = made_up(groups, 5, 30, 0.15)[1].bfloat16()
    consensus = Consensus(groups, 17)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        merged, rest = consensus(poses), consensus.disagreement(poses)
    assert torch.equal(merged, consensus(poses.float()))
    assert torch.equal(rest, consensus.disagreement(poses.float()))


def test_no_poses_give_none():
    assert Consensus(groups_of(10), 17)(torch.zeros(0, len(groups_of(10)), 10, 3)).shape == (
        0,
        17,
        3,
    )


def test_groups_that_do_not_hang_together_are_refused():
    with pytest.raises(ValueError, match=r"links the joints \[0, 1, 2\]"):
        check_connected(torch.tensor([[0, 1], [1, 2], [3, 4]]), 5)
    with pytest.raises(ValueError, match=r"\[3\] are in no joint group"):
        check_connected(torch.tensor([[0, 1], [1, 2]]), 4)
    with pytest.raises(ValueError, match="choose l21, l1, l2"):
        Consensus(groups_of(10), 17, "l3")


@pytest.mark.usefixtures("iterations")
def test_groups_that_agree_are_not_iterated_over(monkeypatch):
    groups = torch.tensor([list(range(17))])
    poses = torch.randn(50, 1, 17, 3)
    poses = poses - poses.mean(2, keepdim=True)
    tried = []
    solve = Consensus._solve
    monkeypatch.setattr(
        Consensus, "_solve", lambda self, rest: (tried.append(rest.shape[2]), solve(self, rest))[1]
    )
    merged = Consensus(groups, 17)(poses)
    assert sum(tried) == 0
    torch.testing.assert_close(merged, poses[:, 0] - poses[:, 0, :1], atol=1e-6, rtol=0)
    # one of two groups that agree, moved
    twice = poses.repeat(1, 2, 1, 1)
    twice[7, 0, 3] += 0.1
    Consensus(groups.repeat(2, 1), 17)(twice)
    assert sum(tried) == 1


def test_lanes_are_taken_up_again(monkeypatch):
    """More poses in a thread than lanes, such as are soon done among such as take long."""
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    groups = groups_of(10)
    _, poses = made_up(groups, 60, 1, 0.3)
    poses[::3] = made_up(groups, 20, 30, 0)[1]
    merged = Consensus(groups, 17)(poses.float())
    exact = Consensus(groups, 17, tolerance=1e-9).double()(poses.float().double())
    torch.testing.assert_close(merged.double(), exact, atol=1e-6, rtol=0)


@pytest.mark.parametrize("norm", ["l21", "l1"])
@pytest.mark.parametrize("steps", [4, 40])
def test_the_compiled_kernel_takes_the_steps_that_the_functions_take(norm, steps):
    groups = groups_of(10)
    _, poses = made_up(groups, 50, 30, 0.15)
    consensus = Consensus(groups, 17, norm, tolerance=0, max_iterations=steps)
    # the matrices in double precision, which the module rounds to float32 one by one
    select = torch.nn.functional.one_hot(groups, 17).double()
    consensus.inverse, consensus.means = consensus.inverse.double(), select.mean(1)
    consensus.merge = consensus.inverse @ (select - select.mean(1, keepdim=True)).flatten(0, 1).mT
    rows = poses.permute(3, 1, 2, 0).flatten(1, 2)
    matrices = consensus.matrices(rows)
    pose = least_squares(rows, *matrices)
    rest = rows - fit(rows, pose, *matrices[1:])
    unit = threshold_unit(rest)
    torch.testing.assert_close(unit, rest.norm(dim=0).median(0).values / 2)
    s, constant = start(rest / unit, norm == "l21", consensus.relaxation)
    for _ in range(steps):
        s, change = step(s, constant, *matrices, norm == "l21", consensus.relaxation)
    expected = (pose + unit * change).permute(2, 1, 0)
    assert compiled()
    torch.testing.assert_close(consensus(poses), expected - expected[:, :1], atol=1e-12, rtol=0)
