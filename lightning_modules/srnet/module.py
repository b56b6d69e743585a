"""SRNet and the networks it is compared with (Zeng et al., ECCV 2020)."""

from typing import Any, Literal, get_args

from torch import Tensor

from lightning_modules.layers.lifting import Kind, LiftingNetwork, temporal_layers
from lightning_modules.layers.recombine import Operator
from lightning_modules.lifter import PoseLifter
from lightning_modules.srnet.shuffle import shuffle_groups

Network = Literal["fc", "gp", "lf", "es", "sfs", "sr"]


class SRNet(PoseLifter):
    """The six networks of SRNet's Table 2: one graph, whose layers differ in what they connect.

    fc: all layers dense. gp: all grouped, the body parts never meet. lf (late fusion): the first
    `split` layers grouped, the others dense. es (early split): the first `split` layers dense. sfs
    (split, fuse, split): the middle `split` layers dense. sr: all split and recombined.

    Args:
        network: which of the six.
        receptive_field: T, a power of 3. From 3 on the layers are temporal convolutions (Sec. 3.4).
        width: hidden channels over all parts.
        num_layers: weight layers. Of one frame 6 when not given, as in the paper's tables (its
            Fig. 4); more frames determine it.
        split: the layer count of lf, es and sfs; the paper gives its best values in a plot only.
        operator: how sr combines a part with its global context.
        context: H of sr: a whole number of channels, or a fraction of the part's (with concat).
        groups: body parts: 2, 3, 5, 6, 8 or 17; one is `fc`.
        shuffled_groups: parts whose joints are dealt out at random (Table 5): 0, or 2 to `groups`.
        shuffle_seed: of that deal.
        dropout: probability; the released code uses none.
        kwargs: of PoseLifter.

    Raises:
        ValueError: a receptive field that is no power of 3, layers that do not go with it, a split
            that they do not allow, an unknown grouping, or a context that does not go with the
            operator.
    """

    def __init__(
        self,
        network: Network = "sr",
        receptive_field: int = 1,
        width: int = 1024,
        num_layers: int | None = None,
        split: int | None = None,
        operator: Operator = "multiply",
        context: int | float = 1,
        groups: int = 5,
        shuffled_groups: int = 0,
        shuffle_seed: int = 0,
        dropout: float = 0.0,
        **kwargs: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(receptive_field=receptive_field, **kwargs)
        if num_layers is None:
            num_layers = temporal_layers(receptive_field) or 6
        self.network = LiftingNetwork(
            layer_kinds(network, num_layers, split),
            shuffle_groups(self.skeleton.parts(groups), shuffled_groups, shuffle_seed),
            width,
            operator,
            context,
            dropout,
            receptive_field,
            self.causal,
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, T, J, 2) to joints (B, J, 3)."""
        return self.network(keypoints)

    @property
    def shares_windows(self) -> bool:
        """Overlapping windows have features in common."""
        return self.receptive_field > 1


def layer_kinds(network: Network, num_layers: int, split: int | None = None) -> list[Kind]:
    """The kind of every layer, from input to output (SRNet, Eq. 7 and 8, Sec. 3).

    The paper's own indices contradict each other by one (its Eq. 7 leaves GP's last layer dense);
    here `split` simply counts layers.

    Args:
        network: which of the six.
        num_layers: L.
        split: of lf and es 0 to L, L // 2 when not given; of sfs an even number, 2 when not given.

    Raises:
        ValueError: the split is out of range, or given to a network that has none.
    """
    uniform: dict[str, Kind] = {"fc": "dense", "gp": "grouped", "sr": "recombined"}
    if network in uniform:
        if split is not None:
            raise ValueError(f"{network} has no split: leave it out, or choose lf, es or sfs.")
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
