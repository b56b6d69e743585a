"""The released training loader, from a clone of VideoPose3D, Pose3D-RIE or SRNet."""

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import torch
from torch import Tensor

from datamodules.sequences import PoseSequences

PLACES = ("common.generators", "common.dataset.data_generators")


def official_batches(
    clone: Path, sequences: PoseSequences, frames: int, batch: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches without end: windows (B, T, J, 2) and poses (B, 1, J, 3), float32.

    As the released training loops take them: all frames plain and flipped, in a new order every
    epoch, made float32 tensors batch by batch. SRNet's module parses the command line and opens a
    window system when it is imported.

    Args:
        clone: root of a checkout of facebookresearch/VideoPose3D, paTRICK-swk/Pose3D-RIE or
            ailingzengzzz/Split-and-Recombine-Net.
        sequences: the data.
        frames: T, an odd number.
        batch: B.

    Raises:
        FileNotFoundError: no loader stands where those three have it.
    """
    files = {name: clone / f"{name.replace('.', '/')}.py" for name in PLACES}
    names = [name for name, file in files.items() if file.is_file()]
    if not names:
        raise FileNotFoundError(f"{clone} has none of {', '.join(map(str, files.values()))}.")
    with (
        mock.patch.object(sys, "argv", ["run.py"]),
        mock.patch.object(sys, "path", [str(clone.resolve()), *sys.path]),
        mock.patch.dict(sys.modules, {"common.visualization.plot_pose3d": mock.MagicMock()}),
    ):
        module = importlib.import_module(names[0])
    left, right = list(sequences.skeleton.left), list(sequences.skeleton.right)
    loader = module.ChunkedGenerator(
        batch,
        None,
        [sequences.joints[s.start : s.stop] for s in sequences.segments],
        [sequences.keypoints[s.start : s.stop, :, :2] for s in sequences.segments],
        1,
        pad=frames // 2,
        shuffle=True,
        augment=True,
        kps_left=left,
        kps_right=right,
        joints_left=left,
        joints_right=right,
        endless=True,
    )
    for _, poses, windows in loader.next_epoch():
        yield torch.from_numpy(windows.astype("float32")), torch.from_numpy(poses.astype("float32"))
