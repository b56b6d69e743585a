"""The released networks, from clones of their repositories."""

import contextlib
import importlib
import importlib.util
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from torch import Tensor, nn


def recognised(clone: Path) -> str:
    """Which released code a folder holds: SRNet, RIE or another with the loader of VideoPose3D."""
    if (clone / "common/common_pytorch/model/srnet.py").exists():
        return "SRNet"
    model = clone / "common/model.py"
    return "RIE" if model.exists() and "class RIEModel" in model.read_text() else "VideoPose3D"


def official_rie(clone: Path, width: int = 512, latent: int = 256, layers: int = 5) -> nn.Module:
    """RIE's network of stages 2 and 3, over 3^layers frames.

    Its forward moves an array to a GPU, whatever the rest is on; here it stays.

    Args:
        clone: root of a checkout of paTRICK-swk/Pose3D-RIE.
        width: channels of its temporal convolutions.
        latent: channels of its features.
        layers: its kernels.
    """
    spec = importlib.util.spec_from_file_location("official_rie", clone / "common/model.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    options = {"dropout": 0.2, "latten_features": latent, "channels": width, "stage": 3}
    network: nn.Module = module.RIEModel(17, 2, 17, [3] * layers, **options)
    forward = network.forward

    def forward_on_the_host(windows: Tensor) -> Tensor:
        with mock.patch.object(Tensor, "cuda", lambda array: array):
            return forward(windows)

    network.forward = forward_on_the_host  # type: ignore[method-assign]
    return network


def official_network(clone: Path, arc: Sequence[int] = (1, 1, 1)) -> nn.Module:
    """SRNet with five groups and multiplication, 1024 channels, in the form that it trains in.

    Its modules parse the command line and open a log when they are imported, and print as they go.

    Args:
        clone: root of a checkout of ailingzengzzz/Split-and-Recombine-Net.
        arc: widths of its kernels: three of 1 for one frame, five of 3 for 243.
    """
    line = ["run.py", "--group", "5", "--recombine", "multiply"]
    stand_ins = {"tensorboardX": mock.MagicMock()}
    with (
        mock.patch.object(sys, "argv", line),
        mock.patch.object(sys, "path", [str(clone.resolve()), *sys.path]),
        mock.patch.dict(sys.modules, stand_ins),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        module = importlib.import_module("common.common_pytorch.model.srnet")
        network: nn.Module = module.TemporalModelOptimized1f(
            17, 2, 17, filter_widths=list(arc), causal=False, dropout=0, channels=1024
        )
    return network
