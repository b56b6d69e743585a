"""How a method learns: one LightningModule a method, over plain networks."""

from lightning_modules.dpcn import DPCN
from lightning_modules.dpcn_images import ImageDPCN
from lightning_modules.fc_baseline import FCBaseline
from lightning_modules.lift_only import LiftOnly
from lightning_modules.lifter import PoseLifter
from lightning_modules.rie import RIE
from lightning_modules.selfsup import SelfSup
from lightning_modules.srnet import SRNet
from lightning_modules.temporal_conv import TemporalConv

__all__ = [
    "DPCN",
    "RIE",
    "FCBaseline",
    "ImageDPCN",
    "LiftOnly",
    "PoseLifter",
    "SRNet",
    "SelfSup",
    "TemporalConv",
]
