"""Protocols: which frames train a method, and which ones test it."""

from datamodules.protocols.cross_action import CrossActionProtocol
from datamodules.protocols.cross_dataset import CrossDatasetProtocol
from datamodules.protocols.global_shift import GlobalShiftProtocol
from datamodules.protocols.movement_range import MovementRangeProtocol
from datamodules.protocols.rare_pose import RarePoseProtocol
from datamodules.protocols.subject import SubjectProtocol
from datamodules.protocols.unpaired import UnpairedProtocol

__all__ = [
    "CrossActionProtocol",
    "CrossDatasetProtocol",
    "GlobalShiftProtocol",
    "MovementRangeProtocol",
    "RarePoseProtocol",
    "SubjectProtocol",
    "UnpairedProtocol",
]
