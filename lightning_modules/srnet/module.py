"""SRNet and the networks it is compared with (Zeng et al., ECCV 2020)."""

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from lightning_modules.layers.residual_network import temporal_layers
from lightning_modules.lifter import PoseLifter
from lightning_modules.srnet.network import Network, SRNetwork, layer_kinds, shuffle_groups
from lightning_modules.srnet.recombine import GateNorm, Operator


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
        self.network = SRNetwork(
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

    def annealed(self) -> Iterable[nn.Module]:
        """All normalisations but the gates', whose momentum the released code leaves at 0.1."""
        return (norm for norm in super().annealed() if not isinstance(norm, GateNorm))
