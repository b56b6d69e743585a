"""LiftingNetwork: one residual graph, whose layers are dense, grouped or recombined."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from lightning_modules.networks.grouped import GroupedLinear, share
from lightning_modules.networks.recombine import Operator, SplitRecombine

Kind = Literal["dense", "grouped", "recombined"]


class LiftingNetwork(nn.Module):
    """Lifts one frame of 2D keypoints to 3D (SRNet, Fig. 3).

    An input layer, residual blocks of two layers, an output layer. Hidden layers are linear, batch
    normalisation, LeakyReLU, dropout; a block adds its input after both. A grouped first layer
    takes each part's own joints; as every part has the root, only the first part's is put out.

    Args:
        kinds: of the layers, from input to output; an even number, at least 4.
        groups: joints of each body part, the root first.
        width: hidden channels, shared out over the parts.
        operator: of recombined layers.
        context: H of recombined layers, channels or a fraction.
        dropout: probability.

    Raises:
        ValueError: an odd number of layers, or fewer than 4.
    """

    taken: Tensor
    given: Tensor

    def __init__(
        self,
        kinds: Sequence[Kind],
        groups: Sequence[Sequence[int]],
        width: int = 1024,
        operator: Operator = "multiply",
        context: int | float = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if len(kinds) < 4 or len(kinds) % 2:
            raise ValueError(f"A network has 4, 6, 8, … layers, not {len(kinds)}.")
        sizes = [len(group) for group in groups]
        hidden = share(width, sizes)
        # the released code puts out one channel that no joint uses; it is part of the paper's count
        outputs = share(3 * sum(sizes) + 1, sizes)
        num_joints = 1 + sum(size - 1 for size in sizes)

        def layer(kind: Kind, ins: Sequence[int], outs: Sequence[int]) -> nn.Module:
            if kind == "grouped":
                return GroupedLinear(ins, outs)
            if kind == "recombined":
                return SplitRecombine(ins, outs, operator, context)
            return nn.Linear(sum(ins), sum(outs), bias=False)

        def hidden_layer(kind: Kind, ins: Sequence[int]) -> nn.Sequential:
            norm, act = nn.BatchNorm1d(width), nn.LeakyReLU(inplace=True)
            return nn.Sequential(layer(kind, ins, hidden), norm, act, nn.Dropout(dropout))

        self.input = hidden_layer(
            kinds[0], [2 * size for size in sizes] if kinds[0] != "dense" else [2 * num_joints]
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(hidden_layer(first, hidden), hidden_layer(second, hidden))
            for first, second in zip(kinds[1:-1:2], kinds[2:-1:2], strict=True)
        )
        if kinds[-1] == "dense":
            self.output: nn.Module = nn.Linear(width, 3 * num_joints)
        else:
            self.output = layer(kinds[-1], hidden, outputs)
        everything = torch.arange(num_joints)
        flat = torch.tensor([joint for group in groups for joint in group])
        self.register_buffer("taken", everything if kinds[0] == "dense" else flat, persistent=False)
        self.register_buffer(
            "given", everything if kinds[-1] == "dense" else _first_places(flat), persistent=False
        )

    def forward(self, keypoints: Tensor) -> Tensor:
        """Lift keypoints (B, J, 2) to joints (B, J, 3)."""
        features = self.input(keypoints[:, self.taken].flatten(1))
        for block in self.blocks:
            features = features + block(features)
        outputs = self.output(features)
        return outputs[:, : outputs.shape[1] // 3 * 3].unflatten(1, (-1, 3))[:, self.given]


def _first_places(flat: Tensor) -> Tensor:
    """For each joint the first place at which it stands in `flat`."""
    joints = flat.tolist()
    return torch.tensor([joints.index(joint) for joint in range(max(joints) + 1)])
