"""The released SRNet network, from a clone of its repository."""

import importlib
import sys
from pathlib import Path
from unittest import mock

from torch import nn


def official_network(clone: Path) -> nn.Module:
    """SRNet with five groups and multiplication, one frame, 1024 channels.

    Its modules parse the command line and open a log when they are imported.

    Args:
        clone: root of a checkout of ailingzengzzz/Split-and-Recombine-Net.
    """
    line = ["run.py", "-arc", "1,1,1", "--group", "5", "--recombine", "multiply"]
    stand_ins = {"tensorboardX": mock.MagicMock()}
    with mock.patch.object(sys, "argv", line), mock.patch.dict(sys.modules, stand_ins):
        sys.path.insert(0, str(clone))
        module = importlib.import_module("common.common_pytorch.model.srnet")
        sys.path.remove(str(clone))
        network: nn.Module = module.TemporalModelOptimized1f(
            17, 2, 17, filter_widths=[1, 1, 1], causal=False, dropout=0, channels=1024
        )
    return network
