"""UnpairedProtocol: images of some people, a prior of 2D poses from others."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from datamodules.batch import Batch
from datamodules.protocols.base import Frames
from datamodules.protocols.subject import SubjectProtocol
from datamodules.sources.source import Source
from poseproof.errors import DataError


class UnpairedProtocol(SubjectProtocol):
    """The Subject Protocol without pairs: some training subjects give a prior of 2D poses alone.

    No frame of theirs is trained on otherwise, so that nobody stands in both. A training batch also
    holds `prior_keypoints` (B, J, 2), 2D poses of theirs drawn at random, half of them mirrored;
    one that is evaluated `other_keypoints` (B, J, 2) and `other_joints` (B, J, 3), poses of other
    frames of its split, always the same: a prediction that knew nothing of its image would be as
    close to them. Where the data have images, `prior_crop` and `other_crop` (B, 3) are cut by the
    same rule as the images, so that nothing but the pose tells prior and images apart.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        prior_subjects: training subjects for the prior; every second one when not given. The
            paper's supplement does not name them; KeypointGAN takes halves of the same people.
        kwargs: arguments of SubjectProtocol.
    """

    def __init__(
        self,
        source: Source | None = None,
        prior_subjects: Sequence[str] | None = None,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(source, **kwargs)
        self.prior_subjects = prior_subjects

    def splits(self) -> dict[str, tuple[str, ...]]:
        """The subjects of "train", "prior", "val" and "test".

        Raises:
            DataError: as in SubjectProtocol, or a subject of the prior that is not trained on, or
                none left for the one or the other.
        """
        splits = super().splits()
        train = splits["train"]
        prior = train[1::2] if self.prior_subjects is None else tuple(self.prior_subjects)
        rest = tuple(subject for subject in train if subject not in prior)
        if not prior or not rest or not set(prior) <= set(train):
            raise DataError(
                f"No prior of {', '.join(prior) or 'nobody'} can be taken from the training "
                f"subjects {', '.join(train) or '(none)'}: name some of them, not all, with "
                "--data.init_args.prior_subjects."
            )
        return splits | {"train": rest, "prior": prior}

    def pick(self) -> dict[str, Frames]:
        """As in the Subject Protocol, and for every evaluated frame another one."""
        frames = super().pick()
        rng = np.random.default_rng(0)
        self._prior = torch.from_numpy(frames["prior"])
        self._others = torch.arange(len(self.sequences))
        for split in ("val", "test"):
            # one circle through all frames in a random order: nobody is their own other
            circle = torch.from_numpy(rng.permutation(frames[split]))
            self._others[circle] = circle.roll(1)
        return frames

    def on_after_batch_transfer(
        self,
        batch: Any,  # noqa: ANN401
        dataloader_idx: int,
    ) -> Batch:
        """Gather the batch, and the poses that it has nothing to do with."""
        gathered = super().on_after_batch_transfer(batch, dataloader_idx)
        assert self.trainer is not None
        if self.trainer.training:
            return {**gathered, **self._drawn(gathered["index"])}
        numbers = self._others[gathered["index"].cpu()]
        pairs = torch.stack([numbers, torch.zeros_like(numbers)], dim=1)
        pairs = pairs.to(gathered["index"].device)
        others = self.windows(pairs)
        gathered["other_joints"] = others["joints"]
        gathered["other_keypoints"] = others["keypoints"][:, 0]
        if self.columns is not None:
            gathered["other_crop"] = self.columns.crop(pairs)
        return gathered

    def _drawn(self, like: Tensor) -> Batch:
        """As many of the prior's poses as there are frames (B,)."""
        drawn = self._prior[torch.randint(len(self._prior), like.shape)]
        pairs = torch.stack([drawn, torch.randint(2, like.shape)], dim=1).to(like.device)
        poses = Batch(prior_keypoints=self.windows(pairs)["keypoints"][:, 0])
        if self.columns is not None:
            poses["prior_crop"] = self.columns.crop(pairs)
        return poses
