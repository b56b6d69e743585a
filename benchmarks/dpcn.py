"""DPCN's consensus against a convex solver, and its group lifters against a loop over groups."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import cycle

import torch
from torch import Tensor, nn

from benchmarks import data, networks
from benchmarks.plain_dpcn import PlainLifters, compiled, written
from benchmarks.timing import Ratio, compare
from datamodules.sequences import PoseSequences
from lightning_modules.dpcn.consensus import Consensus
from lightning_modules.dpcn.joint_groups import sample_groups, similarity
from lightning_modules.dpcn.network import GroupLifters

# the paper's lifters of 1024 channels take minutes a step on two cores
WIDTH, PAIRS = 256, 5
# n_g: the paper's setting, and its best
SIZES = (16, 10)
# metres, and the share of joints that are outliers
NOISE, OUTLIERS, OUTLIER = 0.03, 0.15, 0.2


def measure() -> Iterator[Ratio]:
    """DPCN's ratios."""
    sequences = data.SyntheticMocap().load()
    first = sequences.segments[0]
    distances = similarity(torch.from_numpy(sequences.joints[first.start : first.stop]))
    if find_spec("cvxpy"):
        for size in SIZES:
            yield from _consensus(sequences, sample_groups(distances, size))
    else:
        print("cvxpy is not installed: no rows of the consensus")
    yield from _lifters(sample_groups(distances, 10))


def group_poses(sequences: PoseSequences, groups: Tensor, poses: int) -> Tensor:
    """Poses (B, n_t, n_g, 3) of random frames about their centres, with noise and outliers."""
    generator = torch.Generator().manual_seed(0)
    frames = torch.randint(len(sequences), (poses,), generator=generator)
    own = torch.from_numpy(sequences.joints)[frames][:, groups]
    hit = torch.rand(own.shape[:3], generator=generator)[..., None] < OUTLIERS
    own = own + NOISE * torch.randn(own.shape, generator=generator)
    own = own + OUTLIER * hit * torch.randn(own.shape, generator=generator)
    return own - own.mean(2, keepdim=True)


def _consensus(sequences: PoseSequences, groups: Tensor) -> Iterator[Ratio]:
    """Time of a batch at once, against single poses, whose time is multiplied by their number."""
    poses = group_poses(sequences, groups, networks.BATCH)
    num_joints = sequences.joints.shape[1]
    ours = Consensus(groups, num_joints)
    name = f"consensus of {len(groups)} groups of {groups.shape[1]}, {len(poses):,} poses"
    others = {
        "cvxpy, pose by pose": written(groups.tolist(), num_joints),
        "cvxpy, compiled once": compiled(groups.tolist(), num_joints),
    }
    for against, solve in others.items():
        turns = cycle(poses.double().numpy())
        yield compare(
            name,
            lambda: ours(poses),
            against,
            lambda solve=solve, turns=turns: solve(next(turns)),
            pairs=PAIRS,
            scale=len(poses),
        )


def _lifters(groups: Tensor) -> Iterator[Ratio]:
    batch = networks.BATCH // 4
    ours = GroupLifters(groups, WIDTH)
    plain = PlainLifters(ours)
    keypoints, joints = torch.rand(batch, 17, 2) * 2 - 1, torch.rand(batch, 17, 3)
    targets = ours.targets(joints)
    name = f"{len(groups)} lifters of {groups.shape[1]} joints, {WIDTH} channels, batch {batch}"
    step, other = (_step(network, keypoints, targets) for network in (ours, plain))
    yield compare(f"{name}, step", step, "a loop over groups", other, pairs=PAIRS)
    forward, other = (networks._forward(network, keypoints) for network in (ours, plain))
    yield compare(f"{name}, forward", forward, "a loop over groups", other, pairs=PAIRS)


def _step(network: nn.Module, keypoints: Tensor, targets: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.RMSprop(network.parameters(), lr=1e-3)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        nn.functional.mse_loss(network(keypoints), targets).backward()
        optimizer.step()

    return step
