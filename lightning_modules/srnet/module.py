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
        network: network of the six above: fc, gp, lf, es, sfs or sr.
        receptive_field: T, frames of a window, a power of 3. From 3 on the layers are temporal
            convolutions (Sec. 3.4).
        width: hidden channels of all body parts together.
        num_layers: number of weight layers. When not given it is 6 for one frame, as in the
            paper's Fig. 4, and what the receptive field needs for several.
        split: number of layers before lf or es changes, or in the middle of sfs; the paper gives
            its best values in a plot alone (Fig. 4).
        operator: operation by which sr combines a body part with its global context (Eq. 5).
        context: H, size of sr's global context (Eq. 6): a whole number of channels, or with concat
            a fraction of the part's own.
        groups: number of body parts: 2, 3, 5, 6, 8 or 17; a single part is `fc`.
        shuffled_groups: number of body parts whose joints are exchanged at random (Table 5): 0, or
            2 to `groups`.
        shuffle_seed: seed of the random assignment of joints to parts.
        dropout: probability of dropping a hidden value; the released code drops none.
        kwargs: options of PoseLifter.

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
