"""poseproof: check whether a paper's claim in 3D human pose estimation holds.

The methods stand in `lightning_modules`, the data in `datamodules`, the errors in `metrics`, and
what runs and judges them in `experiments`.
"""

from importlib.metadata import version

__version__ = version("poseproof")
