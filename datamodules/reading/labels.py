"""What files say of themselves: names, numbers, and the order of the joints."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from poseproof.errors import DataError

LONGEST_NAME = 100  # characters


def is_name(held: Any) -> bool:  # noqa: ANN401
    """Whether it can name a subject, an action or a camera, on one line of a report."""
    return isinstance(held, str) and 0 < len(held) <= LONGEST_NAME and held.isprintable()


def is_number(held: Any) -> bool:  # noqa: ANN401
    """Whether it is one real number."""
    return isinstance(held, int | float | np.integer | np.floating)


def check_joint_order(contents: Mapping[str, Any], name: str) -> None:
    """Refuse 2D in another joint order than Human3.6M's: COCO has as many joints.

    Raises:
        DataError: the file's metadata name another layout.
    """
    metadata = contents.get("metadata")
    layout = metadata.get("layout_name", "h36m") if isinstance(metadata, dict) else "h36m"
    if not is_name(layout) or layout != "h36m":
        other = repr(layout) if is_name(layout) else "unnamed"
        raise DataError(
            f"{name} holds keypoints in the {other} joint order, but Human3.6M's 17 joints are "
            "needed: use detections in that order, such as cpn_ft_h36m_dbb."
        )
