"""The released SRNet network, from a clone of its repository."""

import contextlib
import importlib
import io
import sys
from pathlib import Path
from unittest import mock

from torch import nn


def official_network(clone: Path) -> nn.Module:
    """SRNet with five groups and multiplication, one frame, 1024 channels.

    Its modules parse the command line and open a log when they are imported, and print as they go.

    Args:
        clone: root of a checkout of ailingzengzzz/Split-and-Recombine-Net.
    """
    line = ["run.py", "-arc", "1,1,1", "--group", "5", "--recombine", "multiply"]
    stand_ins = {"tensorboardX": mock.MagicMock()}
    with (
        mock.patch.object(sys, "argv", line),
        mock.patch.object(sys, "path", [str(clone.resolve()), *sys.path]),
        mock.patch.dict(sys.modules, stand_ins),
        contextlib.redirect_stdout(io.StringIO()),
    ):
        module = importlib.import_module("common.common_pytorch.model.srnet")
        network: nn.Module = module.TemporalModelOptimized1f(
            17, 2, 17, filter_widths=[1, 1, 1], causal=False, dropout=0, channels=1024
        )
    return network
