"""Body parts whose joints do not belong together."""

import numpy as np

Parts = tuple[tuple[int, ...], ...]


def shuffle_groups(groups: Parts, count: int, seed: int) -> Parts:
    """Deal the joints of the first `count` body parts out at random, part sizes kept.

    The setting of SRNet's Table 5 and Fig. 6 (f): a part then no longer holds joints that move
    together. The root stays in every part.

    Args:
        groups: body parts, each starting with the root.
        count: how many parts give up their joints, 2 to len(groups); 0 changes nothing.
        seed: of the permutation.

    Raises:
        ValueError: `count` is 1, negative or more than there are parts.
    """
    if count == 0:
        return groups
    if not 2 <= count <= len(groups):
        raise ValueError(
            f"{count} of {len(groups)} groups cannot be shuffled: choose 0 or 2 to {len(groups)}."
        )
    dealt = iter(
        np.random.default_rng(seed)
        .permutation([joint for group in groups[:count] for joint in group[1:]])
        .tolist()
    )
    shuffled = tuple((group[0], *(next(dealt) for _ in group[1:])) for group in groups[:count])
    return shuffled + groups[count:]
