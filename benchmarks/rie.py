"""RIE's step and forward against plain convolutions, the released code and the machine itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from benchmarks.official import official_rie
from benchmarks.plain_rie import PlainFusion
from benchmarks.timing import Ratio, compare
from datamodules.skeletons import H36M17
from lightning_modules.layers.dropout import keep_mask
from lightning_modules.rie.encodings import RelativeEncoding
from lightning_modules.rie.feature_fusion import FeatureFusionNetwork

# a batch of the paper's 1024 takes most of a minute a step
BATCH, SIDE = 128, 2048
FRAMES, WIDTH, LATENT, HIDDEN = 243, 512, 256, 1024
PAIRS = 5


def measure(ref: Path | None) -> Iterator[Ratio]:
    """RIE's ratios, for its third stage.

    Args:
        ref: a clone of the released RIE code, or none.
    """
    windows, joints = torch.rand(BATCH, FRAMES, 17, 2) * 2 - 1, torch.rand(BATCH, 17, 3)
    sizes = {"width": WIDTH, "latent": LATENT, "hidden": HIDDEN}
    ours = FeatureFusionNetwork(H36M17.partition(5), FRAMES, RelativeEncoding(), **sizes)
    others: dict[str, nn.Module] = {"convolutions, a loop over parts": PlainFusion(ours)}
    if ref:
        others["the released code"] = official_rie(ref)
    name = f"RIE, {FRAMES} frames, batch {BATCH}"
    step, forward = _step(ours, windows, joints), _forward(ours, windows)
    for against, other in others.items():
        theirs = _step(other, windows, joints)
        yield compare(f"{name}, step", step, against, theirs, pairs=PAIRS)
        theirs = _forward(other, windows)
        yield compare(f"{name}, forward", forward, against, theirs, pairs=PAIRS)
        yield _rate(against, _step(other, windows, joints), _products(ours))
    yield _rate(name, step, _products(ours))
    yield _latency()
    yield _masks()


def _rate(what: str, step: Callable[[], None], products: int) -> Ratio:
    """The share of the machine's own rate of matrix products that a training step reaches."""
    matrix = torch.rand(SIDE, SIDE)
    against = "a product of two square matrices (share of its rate)"
    scale = products / SIDE**3
    return compare(f"{what}, step", step, against, lambda: matrix @ matrix, PAIRS, scale)


def _products(network: FeatureFusionNetwork) -> int:
    """Multiplications with weights in a batch's forward and backward pass."""
    encoders = network.encoders
    frames = BATCH * FRAMES // 3
    # no gradient goes on to the keypoints
    total = 2 * frames * sum(weight.numel() for weight in encoders.weights)
    for block in encoders.blocks:
        frames //= 3
        total += 3 * frames * sum(half[0].weight.numel() for half in block)
    blocks = (encoders.output, network.global_encoder, network.fusion, network.decoders)
    dense = (weight for block in blocks if block for weight in block.parameters())
    return total + 3 * BATCH * sum(weight.numel() for weight in dense if weight.ndim > 1)


def _latency() -> Ratio:
    """One new frame as it comes, by a causal window, against a window in a batch."""
    sizes = {"width": WIDTH, "latent": LATENT, "hidden": HIDDEN}
    network = FeatureFusionNetwork(
        H36M17.partition(5), FRAMES, RelativeEncoding(), causal=True, **sizes
    )
    windows = torch.rand(BATCH, FRAMES, 17, 2)
    return compare(
        "RIE, causal, one new frame",
        _forward(network, windows[:1]),
        f"a frame in a batch of {BATCH}",
        _forward(network, windows),
        pairs=PAIRS,
        scale=1 / BATCH,
    )


def _masks() -> Ratio:
    """Dropout of a layer's features."""
    features = torch.rand(5 * BATCH * FRAMES // 3, WIDTH)
    return compare(
        "dropout by four values a random number",
        lambda: features.mul(keep_mask(features, 0.2)),
        "PyTorch's dropout",
        lambda: nn.functional.dropout(features, 0.2),
        pairs=PAIRS,
    )


def _step(network: nn.Module, windows: Tensor, joints: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.AdamW(network.parameters(), amsgrad=True, fused=True)

    def step() -> None:
        network.train()
        optimizer.zero_grad()
        # the released network puts out (B, 1, J, 3)
        (network(windows).view_as(joints) - joints).norm(dim=-1).mean().backward()
        optimizer.step()

    return step


def _forward(network: nn.Module, windows: Tensor) -> Callable[[], None]:
    def forward() -> None:
        network.eval()
        with torch.no_grad():
            network(windows)

    return forward
