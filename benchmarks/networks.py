"""SRNet's and TemporalConv's steps and forwards against plainer forms and the released code."""

import copy
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import nn

from benchmarks.official import official_network
from benchmarks.plain import PlainTemporal, padded_product, padded_weights, plain_copy
from benchmarks.timing import Ratio, compare
from datamodules.skeletons import H36M17
from lightning_modules.layers.grouped import GroupedLinear, share
from lightning_modules.layers.residual_network import Dense, ResidualNetwork, temporal_layers
from lightning_modules.srnet.network import SRNetwork

BATCH = 1024
FRAMES = 243


def measure(ref: Path | None) -> Iterator[Ratio]:
    """The networks' ratios.

    Args:
        ref: a clone of the released SRNet code, or none.
    """
    groups = H36M17.groups[5]
    keypoints, joints = torch.rand(BATCH, 17, 2), torch.rand(BATCH, 17, 3)
    for width in (1024, 256):
        ours = SRNetwork(["recombined"] * 6, groups, width)
        dense = SRNetwork(["dense"] * 6, groups, width)
        plain = plain_copy(copy.deepcopy(ours))
        name = f"SR, {width} channels"
        step, forward = _step(ours, keypoints, joints), _forward(ours, keypoints)
        yield compare(f"{name}, step", step, "a loop over parts", _step(plain, keypoints, joints))
        yield compare(f"{name}, forward", forward, "a loop over parts", _forward(plain, keypoints))
        yield compare(f"{name}, step", step, "FC's step", _step(dense, keypoints, joints))
        yield from (_grouped(width, batch) for batch in (BATCH, BATCH // 4))
        if ref and width == 1024:
            theirs, frames = official_network(ref), keypoints[:, None]
            theirs_step = _step(theirs, frames, joints[:, None])
            yield compare(f"{name}, step", step, "the released code", theirs_step)
            yield compare(
                f"{name}, forward", forward, "the released code", _forward(theirs, frames)
            )
    yield from _temporal(ref)


def _temporal(ref: Path | None) -> Iterator[Ratio]:
    """The networks over windows, in smaller batches: a step of the paper's takes many seconds."""
    groups, layers, batch = H36M17.groups[5], temporal_layers(FRAMES), max(2, BATCH // 8)
    windows, joints = torch.rand(batch, FRAMES, 17, 2), torch.rand(batch, 17, 3)
    ours = SRNetwork(["recombined"] * layers, groups, receptive_field=FRAMES)
    dense = ResidualNetwork([Dense] * layers, groups, dropout=0.25, receptive_field=FRAMES, slope=0)
    plain = PlainTemporal(dense)
    name = f"{FRAMES} frames"
    rows: list[tuple[str, nn.Module, str, nn.Module, torch.Tensor]] = [
        (f"TemporalConv, {name}", dense, "strided convolutions", plain, joints)
    ]
    if ref:
        theirs = official_network(ref, [3] * (layers // 2))
        rows.append((f"SR, {name}", ours, "the released code", theirs, joints[:, None]))
    for what, mine, against, other, targets in rows:
        step = _step(mine, windows, joints)
        yield compare(f"{what}, step", step, against, _step(other, windows, targets), pairs=5)
        forward = _forward(mine, windows)
        yield compare(f"{what}, forward", forward, against, _forward(other, windows), pairs=5)
    video = torch.rand(8 * batch + FRAMES - 1, 17, 2)

    def span() -> None:
        with torch.no_grad():
            ours.eval().forward_span(video)

    what = f"SR, {name}, {8 * batch} frames of a video"
    yield compare(what, span, "window by window", _forward(ours, windows), pairs=5, scale=8)


def _grouped(width: int, batch: int) -> Ratio:
    """A hidden layer's products, forward and backward; the padded weights are padded beforehand."""
    layer = GroupedLinear(widths := share(width, [8, 8, 10, 8, 8]), widths)
    padded = padded_weights(layer).detach().requires_grad_()
    features = torch.randn(batch, width, requires_grad=True)
    gradient = torch.randn(batch, width)
    return compare(
        f"grouped product, {width} channels, batch {batch}",
        lambda: layer(features).backward(gradient),
        "parts padded to one batched product",
        lambda: padded_product(layer, features, padded).backward(gradient),
    )


def _step(network: nn.Module, inputs: torch.Tensor, targets: torch.Tensor) -> Callable[[], None]:
    optimizer = torch.optim.Adam(network.parameters(), amsgrad=True, fused=True)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        nn.functional.l1_loss(network(inputs), targets).backward()
        optimizer.step()

    return step


def _forward(network: nn.Module, inputs: torch.Tensor) -> Callable[[], None]:
    def forward() -> None:
        network.eval()
        with torch.no_grad():
            network(inputs)

    return forward
