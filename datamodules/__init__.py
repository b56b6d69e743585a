"""The data that methods learn from and are tested on."""

from datamodules.own_keypoints import OwnKeypoints
from datamodules.protocols import (
    CrossActionProtocol,
    CrossDatasetProtocol,
    GlobalShiftProtocol,
    MovementRangeProtocol,
    RarePoseProtocol,
    SubjectProtocol,
    UnpairedProtocol,
)
from datamodules.protocols.base import PoseDataModule
from datamodules.sequences import PoseSequences, Segment
from datamodules.sources.cmu.source import CMUMocap
from datamodules.sources.human36m.images import Human36MImages
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.humaneva.source import HumanEva
from datamodules.sources.mpi_inf_3dhp.source import MPIINF3DHP
from datamodules.sources.mpii.source import MPII
from datamodules.sources.pose_npz.source import PoseNpz
from datamodules.sources.source import Source
from datamodules.sources.synthetic.images import SyntheticImages
from datamodules.sources.synthetic.source import SyntheticMocap
from poseproof.errors import DataError

__all__ = [
    "MPII",
    "MPIINF3DHP",
    "CMUMocap",
    "CrossActionProtocol",
    "CrossDatasetProtocol",
    "DataError",
    "GlobalShiftProtocol",
    "Human36M",
    "Human36MImages",
    "HumanEva",
    "MovementRangeProtocol",
    "OwnKeypoints",
    "PoseDataModule",
    "PoseNpz",
    "PoseSequences",
    "RarePoseProtocol",
    "Segment",
    "Source",
    "SubjectProtocol",
    "SyntheticImages",
    "SyntheticMocap",
    "UnpairedProtocol",
]
