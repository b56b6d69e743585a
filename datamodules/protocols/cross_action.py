"""CrossActionProtocol: train on one action, test on all of them."""

from typing import Any, Literal

from datamodules.protocols.base import Frames
from datamodules.protocols.subject import SubjectProtocol
from datamodules.sources.source import Source
from poseproof.errors import DataError

_LISTED = 30  # actions in a message; motion capture libraries have thousands


class CrossActionProtocol(SubjectProtocol):
    """Train on one action, test on all, errors by action (SRNet, Table 7).

    The paper does not say whose frames these are. The clean variant trains on the one action of
    the training subjects and tests all actions of the test subjects. The released code knows no
    subjects: it trains on the one action of everyone and tests all frames of everyone, those that
    it trained on included. Its figures flatter, and are there to be compared with the paper's.

    Args:
        source: reader of the data; generated motion, SyntheticMocap, when none is given.
        train_action: exact name of the action to train on, in all of its takes.
        variant: "clean", or "released" for what the released code does.
        kwargs: arguments of SubjectProtocol. A subject that is held out for validation is so with
            all actions, as the test subjects are. The released variant takes no subjects.

    Raises:
        ValueError: an unknown variant, or subjects for the released one.
    """

    def __init__(
        self,
        source: Source | None = None,
        train_action: str = "Walking",
        variant: Literal["clean", "released"] = "clean",
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(source, **kwargs)
        if variant not in ("clean", "released"):
            raise ValueError(f"There is no variant {variant!r}: choose clean or released.")
        if variant == "released" and (
            self.train_subjects or self.test_subjects or self.val_subject
        ):
            raise ValueError(
                "The released variant trains and tests on everyone: leave out train_subjects, "
                "test_subjects and val_subject, or take the clean variant."
            )
        self.train_action = train_action
        self.variant = variant

    def splits(self) -> dict[str, tuple[str, ...]]:
        """As in the Subject Protocol; in the released variant everyone is in both splits."""
        if self.variant == "clean":
            return super().splits()
        everyone = tuple(self.sequences.subjects)
        return {"train": everyone, "val": (), "test": everyone}

    def pick(self) -> dict[str, Frames]:
        """As in the Subject Protocol, the training frames cut to those of the action.

        Raises:
            DataError: none of those who are trained on acts it.
        """
        frames, trained = super().pick(), self.splits()["train"]
        segments = self.sequences.segments
        actions = sorted({s.action for s in segments if s.subject in trained})
        if actions and self.train_action not in actions:
            more = f" and {len(actions) - _LISTED} more" if len(actions) > _LISTED else ""
            raise DataError(
                f"Nobody to train on in {self.sequences.title} acts {self.train_action!r}: choose "
                f"--data.init_args.train_action from {', '.join(actions[:_LISTED])}{more}."
            )
        acts = self.sequences.per_frame([s.action == self.train_action for s in segments])
        return frames | {"train": frames["train"][acts[frames["train"]] == 1]}
