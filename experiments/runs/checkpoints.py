"""Checkpoints are files from anywhere: they are read as tensors and plain values, never as code."""

import pickle
from pathlib import Path

import torch

from poseproof.errors import DataError


def check_checkpoint(path: str) -> None:
    """Check that a file is a checkpoint of Lightning's.

    Raises:
        DataError: it is not there, damaged, something else, or would run code.
    """
    if not Path(path).is_file():
        raise DataError(f"There is no checkpoint {path}: check --ckpt_path.")
    try:
        held = torch.load(path, weights_only=True, map_location="cpu")
    except pickle.UnpicklingError as error:
        raise DataError(
            f"{path} holds more than tensors and plain values, so nothing of it was run: use a "
            "checkpoint that this suite has written."
        ) from error
    except (RuntimeError, EOFError, OSError, KeyError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged or no checkpoint: train again or fetch it again."
        ) from error
    if not isinstance(held, dict) or not {"state_dict", "pytorch-lightning_version"} <= set(held):
        raise DataError(f"{path} is no checkpoint of Lightning's: it has no weights by name.")
