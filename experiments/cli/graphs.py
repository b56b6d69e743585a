"""Lifters as graphs of tensors, for export."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from lightning_modules import DPCN, PoseLifter
from lightning_modules.dpcn.consensus import Consensus
from lightning_modules.dpcn.consensus_step import (
    disagrees,
    dual_share,
    fit,
    least_squares,
    pulled,
    squared_lengths,
    start,
    step,
    threshold_unit,
)


class Graph(nn.Module):
    """A lifter's prediction, flip average included, as one module of tensors alone.

    A lifter of keypoints takes windows (B, T, J, 2); one of images takes images (B, 3, S, S) and
    their crops (B, 3).

    Args:
        model: lifter with its weights; its consensus is replaced by one that can be traced.
        scripted: whether loops are TorchScript's, not ones that `torch.export` knows.
    """

    def __init__(self, model: PoseLifter, scripted: bool) -> None:
        super().__init__()
        if isinstance(model, DPCN) and model.network is not None:
            model.network.consensus = GraphConsensus(model.network.consensus, scripted)  # type: ignore[assignment]
        _copy_shared_buffers(model)
        # TorchScript cannot look at a LightningModule: its networks become this module's
        for name, module in model.named_children():
            self.add_module(name, module)
        for name, buffer in model.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.predict = predictor(model)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Predict joints (B, J, 3), metres."""
        return self.predict(*inputs)


def predictor(model: PoseLifter) -> Callable[..., Tensor]:
    """The function that a graph computes: `lift`, of estimates where the lifter takes images."""
    if not model.needs.image_size:
        return model.lift

    def from_images(image: Tensor, crop: Tensor) -> Tensor:
        estimates = model.estimate({"image": image, "crop": crop})
        return model.lift(estimates["estimated_keypoints"])

    return from_images


def _copy_shared_buffers(model: nn.Module) -> None:
    """Copy buffers that are one tensor under two names, which TorchScript does not take."""
    known: set[int] = set()
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
            if id(buffer) in known:
                setattr(module, name, buffer.clone())
            known.add(id(buffer))


class GraphConsensus(nn.Module):
    """A consensus whose iterations are a loop of the graph, for a batch of any size.

    It iterates until every pose of the batch is done, where `Consensus` leaves out those that are.

    Args:
        consensus: the consensus that it replaces.
        scripted: whether the loop is TorchScript's, not one that `torch.export` knows.
    """

    def __init__(self, consensus: Consensus, scripted: bool) -> None:
        super().__init__()
        self.consensus = consensus
        self.loop = torch.jit.script(_scripted_loop) if scripted else _exported_loop

    def forward(self, poses: Tensor) -> Tensor:
        """Merge the groups' poses (B, n_t, n_g, 3) into (B, n, 3), the first joint at 0."""
        own = self.consensus
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2)
        merge, means, groups = own.matrices(rows)
        pose = least_squares(rows, merge, means, groups)
        if own.norm != "l2":
            rest = rows - fit(rows, pose, means, groups)
            unit = threshold_unit(rest)
            s, constant = start(rest / unit, own.by_row, own.relaxation)
            s = self.loop(
                s,
                constant,
                merge,
                means,
                groups,
                own.by_row,
                own.relaxation,
                (2 * own.tolerance) ** 2,
                own.max_iterations,
            )
            solved = pulled(s, dual_share(s, own.by_row)) * unit
            pose = pose + merge @ torch.where(disagrees(rest, rows), solved, rest)
        joints = pose.permute(2, 1, 0)
        return joints - joints[:, :1]


def _scripted_loop(
    s: Tensor,
    constant: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    by_row: bool,
    relaxation: float,
    least: float,
    most: int,
) -> Tensor:
    going, count = True, 0
    while going:
        after, _ = step(s, constant, merge, means, groups, by_row, relaxation)
        count += 1
        going = count < most and bool(squared_lengths(after - s).max() > least)
        s = after
    return s


def _exported_loop(
    s: Tensor,
    constant: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    by_row: bool,
    relaxation: float,
    least: float,
    most: int,
) -> Tensor:
    def going(count: Tensor, moved: Tensor, s: Tensor) -> Tensor:
        return (count < most) & (moved > least)

    def body(count: Tensor, moved: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        after, _ = step(s, constant, merge, means, groups, by_row, relaxation)
        return count + 1, squared_lengths(after - s).flatten().amax(0), after

    count = torch.zeros((), dtype=torch.int64, device=s.device)
    first = count, s.new_full((), float("inf")), s
    return torch.while_loop(going, body, first)[2]
