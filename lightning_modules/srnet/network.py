"""SRNet's six networks: the layers of each, and the body parts that they work on."""

from collections.abc import Sequence
from functools import partial
from typing import Literal, get_args

import numpy as np

from lightning_modules.layers.grouped import GroupedLinear
from lightning_modules.layers.residual_network import Dense, Layer, ResidualNetwork
from lightning_modules.srnet.recombine import Operator, SplitRecombine

Network = Literal["fc", "gp", "lf", "es", "sfs", "sr"]
Kind = Literal["dense", "grouped", "recombined"]
Parts = tuple[tuple[int, ...], ...]


class SRNetwork(ResidualNetwork):
    """A residual network of dense, grouped and recombined layers (SRNet, Fig. 3).

    Args:
        kinds: kinds of the layers, from input to output; see `ResidualNetwork` for their number.
        groups: joints of each body part, the root first.
        width: hidden channels, shared out over the body parts.
        operator: how a recombined layer combines a part with its global context.
        context: H of recombined layers: channels (int), or a fraction (float) of the part's own.
        dropout: probability of dropping a hidden value.
        receptive_field: T, frames of a window, a power of 3.
        causal: whether a window's own frame is its last, not its middle.

    Raises:
        ValueError: a number of layers that does not go with the frames, no power of 3, or a
            context that does not go with the operator.
    """

    def __init__(
        self,
        kinds: Sequence[Kind],
        groups: Sequence[Sequence[int]],
        width: int = 1024,
        operator: Operator = "multiply",
        context: int | float = 1,
        dropout: float = 0.0,
        receptive_field: int = 1,
        causal: bool = False,
    ) -> None:
        layers: dict[Kind, Layer] = {
            "dense": Dense,
            "grouped": GroupedLinear,
            "recombined": partial(SplitRecombine, operator=operator, context=context),
        }
        super().__init__(
            [layers[kind] for kind in kinds], groups, width, dropout, receptive_field, causal
        )


def layer_kinds(network: Network, num_layers: int, split: int | None = None) -> list[Kind]:
    """The kind of every layer, from input to output (SRNet, Eq. 7 and 8, Sec. 3).

    The paper's own indices contradict each other by one (its Eq. 7 leaves GP's last layer dense);
    here `split` simply counts layers.

    Args:
        network: network of the six that `SRNet` names.
        num_layers: L, number of weight layers.
        split: number of layers before lf or es changes, 0 to L, by default L // 2; or of layers in
            the middle of sfs, by default 2, which leaves an even number of others.

    Returns:
        L kinds.

    Raises:
        ValueError: a split out of range or given to a network without one, or an unknown network.
    """
    uniform: dict[str, Kind] = {"fc": "dense", "gp": "grouped", "sr": "recombined"}
    if network in uniform:
        if split is not None:
            raise ValueError(
                f"The network {network} has no split: leave it out, or choose lf, es or sfs."
            )
        return [uniform[network]] * num_layers
    if network not in get_args(Network):
        raise ValueError(f"There is no network {network!r}: choose {', '.join(get_args(Network))}.")
    if split is None:
        split = 2 if network == "sfs" else num_layers // 2
    if not 0 <= split <= num_layers or (network == "sfs" and (num_layers - split) % 2):
        raise ValueError(
            f"{network} cannot have a split of {split} in {num_layers} layers: choose 0 to "
            f"{num_layers}{', an even number' if network == 'sfs' else ''}."
        )
    outer = (num_layers - split) // 2
    runs: dict[str, list[tuple[Kind, int]]] = {
        "lf": [("grouped", split), ("dense", num_layers - split)],
        "es": [("dense", split), ("grouped", num_layers - split)],
        "sfs": [("grouped", outer), ("dense", split), ("grouped", outer)],
    }
    return [kind for kind, count in runs[network] for _ in range(count)]


def shuffle_groups(groups: Parts, count: int, seed: int) -> Parts:
    """Exchange the joints of the first `count` body parts at random; the parts' sizes stay.

    The setting of SRNet's Table 5 and Fig. 6 (f): joints of a part then no longer move together.
    The root stays in every part.

    Args:
        groups: joints of each body part, the root first.
        count: number of parts that exchange their joints, 2 to len(groups); 0 changes nothing.
        seed: seed of the permutation.

    Returns:
        Joints of each body part, the root first.

    Raises:
        ValueError: `count` is 1, negative or more than there are parts.
    """
    if count == 0:
        return groups
    if not 2 <= count <= len(groups):
        raise ValueError(
            f"{count} of {len(groups)} groups cannot be shuffled: choose 0, or 2 to {len(groups)}."
        )
    permuted = iter(
        np.random.default_rng(seed)
        .permutation([joint for group in groups[:count] for joint in group[1:]])
        .tolist()
    )
    shuffled = tuple((group[0], *(next(permuted) for _ in group[1:])) for group in groups[:count])
    return shuffled + groups[count:]
