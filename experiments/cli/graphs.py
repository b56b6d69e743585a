"""Lifters as graphs of tensors: what tracing cannot follow, written so that it can."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from lightning_modules import DPCN, PoseLifter
from lightning_modules.dpcn.consensus import Consensus
from lightning_modules.dpcn.network import GroupLifters
from lightning_modules.layers import POSE_UNIT
from lightning_modules.srnet.recombine import SplitRecombine

# the coordinates' largest part that is rounding, as in `Consensus`
_ROUNDING = 1e-6


class Graph(nn.Module):
    """What a lifter predicts, flip average included, as one module of tensors alone.

    A lifter of keypoints takes windows (B, T, J, 2); one of images takes these, (B, 3, S, S), and
    their crops (B, 3).

    Args:
        model: the lifter, with its weights; it is changed so that it can be traced.
        scripted: of iterations: TorchScript's loop, or one that `torch.export` knows.
    """

    def __init__(self, model: PoseLifter, scripted: bool) -> None:
        super().__init__()
        for module in model.modules():
            for plain, traceable in _TRACEABLE.items():
                if type(module) is plain:
                    module.__class__ = traceable
        if isinstance(model, DPCN) and model.network is not None:
            model.network.consensus = GraphConsensus(model.network.consensus, scripted)  # type: ignore[assignment]
        _keep_apart(model)
        # TorchScript cannot look at a LightningModule: its parts are this module's
        for name, module in model.named_children():
            self.add_module(name, module)
        for name, buffer in model.named_buffers(recurse=False):
            self.register_buffer(name, buffer)
        self.predict = predictor(model)

    def forward(self, *inputs: Tensor) -> Tensor:
        """Predict joints (B, J, 3), metres."""
        return self.predict(*inputs)


def predictor(model: PoseLifter) -> Callable[..., Tensor]:
    """What a graph computes: the lifter's `lift`, for images of what is estimated from them."""
    if not model.image_size:
        return model.lift

    def from_images(image: Tensor, crop: Tensor) -> Tensor:
        nothing = image.new_zeros(image.shape[0], 1, len(model.skeleton.joints), 2)
        batch = model.prepare({"image": image, "crop": crop, "keypoints": nothing})
        return model.lift(batch["keypoints"])

    return from_images


def _keep_apart(model: nn.Module) -> None:
    """Copy buffers that are one tensor under two names, which TorchScript does not take."""
    held: set[int] = set()
    for module in model.modules():
        for name, buffer in module.named_buffers(recurse=False, remove_duplicate=False):
            if id(buffer) in held:
                setattr(module, name, buffer.clone())
            held.add(id(buffer))


class _TraceableRecombine(SplitRecombine):
    """SplitRecombine without parts of shapes, of which TorchScript makes constants."""

    def forward(self, features: Tensor) -> Tensor:
        context = self.norm(self.context(features))
        context = context.sigmoid() if self.operator == "multiply" else F.leaky_relu(context)
        parts = features.split(self.in_widths, dim=-1)
        contexts = context.split(self.dimensions, dim=1)
        if features.ndim == 3:
            contexts = tuple(own.unflatten(1, (self.taps, -1)) for own in contexts)
        pairs = list(zip(parts, contexts, strict=True))
        if self.operator == "multiply":
            return self.products([part * gate for part, gate in pairs])
        if self.operator == "add":
            return self.products([part + shift for part, shift in pairs])
        return self.products([torch.cat(pair, dim=-1) for pair in pairs])


class _TraceableLifters(GroupLifters):
    """GroupLifters without a batch's length, of which TorchScript makes a constant."""

    def forward(self, keypoints: Tensor) -> Tensor:
        count, size = self.groups.shape
        own = keypoints[:, self.groups].flatten(2).movedim(1, 0)
        rows = own if self.parts == count else own.flatten(0, 1)[None]
        lifted = self.output(self.features(rows)).reshape(count, -1, size, 3)
        return POSE_UNIT * lifted.movedim(0, 1)


_TRACEABLE = {SplitRecombine: _TraceableRecombine, GroupLifters: _TraceableLifters}


class GraphConsensus(nn.Module):
    """A consensus whose iterations are a loop of the graph, for a batch of any size.

    It iterates until every pose of the batch is done, where `Consensus` leaves out those that are.

    Args:
        consensus: the one that it stands for.
        scripted: TorchScript's loop, or one that `torch.export` knows.
    """

    def __init__(self, consensus: Consensus, scripted: bool) -> None:
        super().__init__()
        self.consensus = consensus
        self.loop = torch.jit.script(_scripted_loop) if scripted else _exported_loop

    def forward(self, poses: Tensor) -> Tensor:
        """Merge the groups' poses (B, n_t, n_g, 3) into (B, n, 3), the first joint at 0."""
        own = self.consensus
        rows = poses.permute(3, 1, 2, 0).flatten(1, 2)
        pose = own._least_squares(rows)
        if own.norm != "l2":
            rest = rows - own._fit(rows, pose)
            lengths = rest.square().sum(0).sqrt()
            apart = lengths.amax(0) > _ROUNDING * rows.square().sum(0).sqrt().amax(0)
            middle = lengths.sort(0).values[(lengths.shape[0] - 1) // 2]
            unit = torch.maximum(middle / 2, lengths.amax(0) / 100)
            unit = unit.clamp_min(torch.finfo(rest.dtype).tiny)
            half, scaled = own.relaxation / 2, rest / unit
            s = self.loop(
                # as if the least squares were right
                -scaled * (3 - _factor(scaled, own.norm == "l21")) / 2,
                -2 * half * scaled,
                own.merge.to(rows),
                own.means.to(rows),
                own.groups,
                half,
                own.norm == "l21",
                (2 * own.tolerance) ** 2,
                own.max_iterations,
            )
            solved = s * _factor(s, own.norm == "l21") * unit
            pose = pose + own.merge.to(rows) @ torch.where(apart, solved, rest)
        joints = pose.permute(2, 1, 0)
        return joints - joints[:, :1]


def _factor(s: Tensor, by_row: bool) -> Tensor:
    """As `Consensus._factor`."""
    squares = (s * s).sum(0) if by_row else s * s
    return 1 - 2 * squares.clamp_min(1.0).rsqrt()


def _step(
    s: Tensor,
    shift: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    half: float,
    by_row: bool,
) -> Tensor:
    """One step of `Consensus._solve`, of (3, m, B)."""
    factor = _factor(s, by_row)
    pulled = s * factor
    pose = merge @ pulled
    apart = [3, groups.shape[0], groups.shape[1], -1]
    shifts = pulled.reshape(apart).mean(2) - means @ pose
    fit = pose.index_select(1, groups.flatten()).reshape(apart) + shifts.unsqueeze(2)
    return shift + s * (1 - half - half * factor) + 2 * half * fit.reshape(s.shape)


def _scripted_loop(
    s: Tensor,
    shift: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    half: float,
    by_row: bool,
    least: float,
    most: int,
) -> Tensor:
    going, count = True, 0
    while going:
        after = _step(s, shift, merge, means, groups, half, by_row)
        count += 1
        going = count < most and bool(((after - s) ** 2).sum(0).max() > least)
        s = after
    return s


def _exported_loop(
    s: Tensor,
    shift: Tensor,
    merge: Tensor,
    means: Tensor,
    groups: Tensor,
    half: float,
    by_row: bool,
    least: float,
    most: int,
) -> Tensor:
    def going(count: Tensor, moved: Tensor, s: Tensor) -> Tensor:
        return (count < most) & (moved > least)

    def step(count: Tensor, moved: Tensor, s: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        after = _step(s, shift, merge, means, groups, half, by_row)
        return count + 1, (after - s).square().sum(0).flatten().amax(0), after

    count = torch.zeros((), dtype=torch.int64, device=shift.device)
    start = count, shift.new_full((), float("inf")), s
    return torch.while_loop(going, step, start)[2]
