"""Plain implementations for DPCN: a loop over groups, and Eq. 8 for a convex solver."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from lightning_modules.dpcn.network import GroupLifters
from lightning_modules.layers import POSE_UNIT

Solve = Callable[[np.ndarray], np.ndarray]


class PlainLifters(nn.Module):
    """Group lifters, one after the other, by the weights of ours.

    Args:
        lifters: whose function this is; not shared ones.
    """

    def __init__(self, lifters: GroupLifters) -> None:
        super().__init__()
        self.groups = lifters.groups.tolist()
        self.lifters = nn.ModuleList(
            _PlainLifter(lifters, number)
            for number in range(1 if lifters.shared else len(lifters.groups))
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, J, 2) to the groups' poses (B, n_t, n_g, 3)."""
        pairs = zip(self.lifters, self.groups, strict=True)
        return torch.stack([lifter(keypoints[:, group]) for lifter, group in pairs], dim=1)


class _PlainLifter(nn.Module):
    def __init__(self, lifters: GroupLifters, part: int) -> None:
        super().__init__()

        def layer(pair: nn.Module) -> nn.Sequential:
            linear, activation = pair
            norm = nn.BatchNorm1d(activation.weight.shape[1])
            for name in ("weight", "bias", "running_mean", "running_var"):
                getattr(norm, name).data.copy_(getattr(activation, name)[part])
            leaky = nn.LeakyReLU(activation.slope, inplace=True)
            return nn.Sequential(_linear(linear, part), norm, leaky, nn.Dropout(activation.dropout))

        self.input = layer(lifters.input)
        self.blocks = nn.ModuleList(nn.Sequential(*map(layer, block)) for block in lifters.blocks)
        self.output = _linear(lifters.output, part)

    def forward(self, keypoints: Tensor) -> Tensor:
        features = self.input(keypoints.flatten(1))
        for block in self.blocks:
            features = features + block(features)
        return POSE_UNIT * self.output(features).unflatten(1, (-1, 3))


def _linear(layer: nn.Module, part: int) -> nn.Linear:
    linear = nn.Linear(*layer.weight.shape[1:])
    linear.weight.data.copy_(layer.weight[part].T)
    linear.bias.data.copy_(layer.bias[part, 0])
    return linear


def written(groups: list[list[int]], num_joints: int) -> Solve:
    """Eq. 8 written out for cvxpy, anew for every pose: (n_t, n_g, 3) to (n, 3), metres."""

    def solve(own: np.ndarray) -> np.ndarray:
        pose, problem = _problem(groups, num_joints, list(own))
        problem.solve(solver="CLARABEL")
        return pose.value - pose.value[0]

    return solve


def compiled(groups: list[list[int]], num_joints: int) -> Solve:
    """Eq. 8 compiled once, the groups' poses its parameters, and solved again for every pose."""
    import cvxpy as cp

    owns = [cp.Parameter((len(group), 3)) for group in groups]
    pose, problem = _problem(groups, num_joints, owns)

    def solve(own: np.ndarray) -> np.ndarray:
        for parameter, values in zip(owns, own, strict=True):
            parameter.value = values
        problem.solve(solver="CLARABEL")
        return pose.value - pose.value[0]

    return solve


def _problem(groups: list[list[int]], num_joints: int, owns: list) -> tuple:
    import cvxpy as cp

    pose, shifts = cp.Variable((num_joints, 3)), cp.Variable((len(groups), 3))
    costs = [
        cp.mixed_norm(pose[group] - own - np.ones((len(group), 1)) @ shifts[j : j + 1], 2, 1)
        for j, (group, own) in enumerate(zip(groups, owns, strict=True))
    ]
    return pose, cp.Problem(cp.Minimize(cp.sum(costs)))
