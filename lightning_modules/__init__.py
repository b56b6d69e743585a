"""How a method learns: one LightningModule a method, over plain networks."""

from lightning_modules.dpcn.images import ImageDPCN
from lightning_modules.dpcn.module import DPCN
from lightning_modules.lifter import PoseLifter
from lightning_modules.martinez.module import FCBaseline
from lightning_modules.rie.module import RIE
from lightning_modules.selfsup.lift_only import LiftOnly
from lightning_modules.selfsup.module import SelfSup
from lightning_modules.srnet.module import SRNet
from lightning_modules.videopose3d.module import TemporalConv

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
