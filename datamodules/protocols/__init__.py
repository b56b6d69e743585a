"""Protocols: which frames train a method, and which ones it is judged on."""

from datamodules.protocols.rare_pose import RarePoseProtocol
from datamodules.protocols.subject import SubjectProtocol

__all__ = ["RarePoseProtocol", "SubjectProtocol"]
