"""What a method learns from, and what it is judged on."""

from datamodules.errors import DataError
from datamodules.own_keypoints import OwnKeypoints
from datamodules.pose_data import PoseDataModule
from datamodules.protocols import (
    CrossActionProtocol,
    CrossDatasetProtocol,
    GlobalShiftProtocol,
    MovementRangeProtocol,
    RarePoseProtocol,
    SubjectProtocol,
    UnpairedProtocol,
)
from datamodules.sequences import PoseSequences, Segment
from datamodules.sources.cmu import CMUMocap
from datamodules.sources.human36m import Human36M
from datamodules.sources.human36m_images import Human36MImages
from datamodules.sources.humaneva import HumanEva
from datamodules.sources.mpi_inf_3dhp import MPIINF3DHP
from datamodules.sources.mpii import MPII
from datamodules.sources.pose_npz import PoseNpz
from datamodules.sources.source import Source
from datamodules.sources.synthetic import SyntheticMocap
from datamodules.sources.synthetic_images import SyntheticImages

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
