"""What a method learns from, and what it is judged on."""

from datamodules.errors import DataError
from datamodules.pose_data import PoseDataModule
from datamodules.protocols import (
    CrossActionProtocol,
    CrossDatasetProtocol,
    GlobalShiftProtocol,
    MovementRangeProtocol,
    RarePoseProtocol,
    SubjectProtocol,
)
from datamodules.sequences import PoseSequences, Segment
from datamodules.sources.cmu import CMUMocap
from datamodules.sources.human36m import Human36M
from datamodules.sources.humaneva import HumanEva
from datamodules.sources.mpi_inf_3dhp import MPIINF3DHP
from datamodules.sources.pose_npz import PoseNpz
from datamodules.sources.source import Source
from datamodules.sources.synthetic import SyntheticMocap

__all__ = [
    "MPIINF3DHP",
    "CMUMocap",
    "CrossActionProtocol",
    "CrossDatasetProtocol",
    "DataError",
    "GlobalShiftProtocol",
    "Human36M",
    "HumanEva",
    "MovementRangeProtocol",
    "PoseDataModule",
    "PoseNpz",
    "PoseSequences",
    "RarePoseProtocol",
    "Segment",
    "Source",
    "SubjectProtocol",
    "SyntheticMocap",
]
