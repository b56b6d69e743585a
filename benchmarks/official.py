"""The released SRNet network, from a clone of its repository."""

import contextlib
import importlib
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from unittest import mock

from torch import nn


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
