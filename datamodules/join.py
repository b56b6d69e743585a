"""Two data sets as one: to train on the first, and to test on the second."""

from dataclasses import replace

import numpy as np

from datamodules.sequences import PoseSequences
from poseproof.errors import DataError

# what the names of the second one's subjects begin with
TESTED = "test:"


def join(trained: PoseSequences, tested: PoseSequences) -> PoseSequences:
    """Data to train on, and behind them data to test on, whose subjects get the prefix "test:".

    Splits are the training subjects of the first and the test subjects of the second, so that an
    S1 of either is a person of its own. Keypoints keep their scores where both have them;
    images are left out.

    Raises:
        DataError: the two have different skeletons.
    """
    both, count = (trained, tested), len(trained)
    if trained.skeleton.name != tested.skeleton.name:
        skeletons = " and ".join(f"{each.title} ({each.skeleton.name})" for each in both)
        raise DataError(f"{skeletons} have different skeletons: choose data of one skeleton.")
    channels = min(each.keypoints.shape[2] for each in both)
    valid = [np.full(len(each), True) if each.valid is None else each.valid for each in both]
    moved = (
        replace(s, start=s.start + count, stop=s.stop + count, subject=TESTED + s.subject)
        for s in tested.segments
    )
    test = tuple(TESTED + subject for subject in tested.splits.get("test", ()))
    return PoseSequences(
        keypoints=np.concatenate([each.keypoints[..., :channels] for each in both]),
        joints=np.concatenate([each.joints for each in both]),
        segments=(*trained.segments, *moved),
        skeleton=trained.skeleton,
        splits={"train": trained.splits.get("train", ()), "test": test},
        title=f"{trained.title} -> {tested.title}",
        scenes={**trained.scenes, **{TESTED + who: kind for who, kind in tested.scenes.items()}},
        valid=np.concatenate(valid),
        has_joints=trained.has_joints and tested.has_joints,
    )
