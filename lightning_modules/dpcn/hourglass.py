"""The stacked hourglass, an estimator of 2D joints (Newell et al., ECCV 2016), as in DPCN."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# a sigmoid's input before training: 0.018 everywhere
LOW = -4.0


class Residual(nn.Module):
    """A pre-activation bottleneck: 1x1, 3x3 and 1x1 convolutions, added to a shortcut.

    Args:
        channels: channels of the input.
        out_channels: channels of the output; the bottleneck has half as many.
    """

    def __init__(self, channels: int, out_channels: int) -> None:
        super().__init__()
        inner = out_channels // 2
        self.body = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.Conv2d(channels, inner, 1),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, out_channels, 1),
        )
        same = channels == out_channels
        self.shortcut = nn.Identity() if same else nn.Conv2d(channels, out_channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, channels, H, W) to (B, out_channels, H, W)."""
        return self.shortcut(features) + self.body(features)


class Hourglass(nn.Module):
    """Halves the features `depth` times and brings them back, with a branch at every resolution.

    Args:
        features: channels of input and output.
        depth: number of halvings.
    """

    def __init__(self, features: int, depth: int) -> None:
        super().__init__()
        self.branch = Residual(features, features)
        self.inner = nn.Sequential(
            nn.MaxPool2d(2),
            Residual(features, features),
            Hourglass(features, depth - 1) if depth > 1 else Residual(features, features),
            Residual(features, features),
            nn.Upsample(scale_factor=2),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Map (B, features, H, W) to the same; H and W multiples of 2^depth."""
        return self.branch(features) + self.inner(features)


class Stack(nn.Module):
    """An hourglass, its heatmaps, and the features for the next stack.

    Args:
        num_joints: J, number of joints.
        features: channels of the features.
        depth: number of halvings in the hourglass.
        sigmoid: whether heatmaps go through a sigmoid.
        last: whether no stack follows.
    """

    def __init__(
        self, num_joints: int, features: int, depth: int, sigmoid: bool, last: bool
    ) -> None:
        super().__init__()
        self.sigmoid = sigmoid
        self.hourglass = nn.Sequential(
            Hourglass(features, depth),
            Residual(features, features),
            nn.Conv2d(features, features, 1),
            nn.BatchNorm2d(features),
            nn.ReLU(),
        )
        self.logits = nn.Conv2d(features, num_joints, 1)
        if sigmoid:
            assert self.logits.bias is not None
            nn.init.constant_(self.logits.bias, LOW)
        self.from_features = None if last else nn.Conv2d(features, features, 1)
        self.from_logits = None if last else nn.Conv2d(num_joints, features, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Map features (B, features, H, W) to maps (B, J, H, W) and the next stack's features."""
        inside = self.hourglass(features)
        logits = self.logits(inside)
        if self.from_features is not None and self.from_logits is not None:
            features = features + self.from_features(inside) + self.from_logits(logits)
        return (logits.sigmoid() if self.sigmoid else logits), features


class StackedHourglass(nn.Module):
    """Estimates a heatmap a joint from an image, refined from stack to stack.

    A 7x7 stem takes the image to a quarter of its side; every stack is an hourglass with one
    residual a location, supervised on heatmaps of its own.

    DPCN adds a sigmoid "to the output" and does not say of which stacks. Here every stack's maps
    have one, because all are compared with the same targets; the next stack takes the logits, as in
    the paper of Newell et al., which has no sigmoid. Most of a target is 0, so the maps start low:
    from 0.5 on, the first epochs would only darken them.

    Args:
        num_joints: J, number of joints.
        stacks: number of hourglasses, one after the other.
        features: channels of an hourglass, a multiple of 4; the stem begins with a quarter and a
            half of them.
        depth: number of halvings in an hourglass.
        sigmoid: whether heatmaps go through a sigmoid, as in DPCN.

    Raises:
        ValueError: `features` is not a multiple of 4, or there are no stacks or no halvings.
    """

    def __init__(
        self,
        num_joints: int = 17,
        stacks: int = 8,
        features: int = 256,
        depth: int = 4,
        sigmoid: bool = True,
    ) -> None:
        super().__init__()
        if min(stacks, depth, features) < 1 or features % 4:
            raise ValueError(
                f"A stacked hourglass cannot have {stacks} stacks, depth {depth} and {features} "
                "features: choose stacks and depth from 1 on, and features in a multiple of 4."
            )
        self.multiple = 4 << depth
        self.stem = nn.Sequential(
            nn.Conv2d(3, features // 4, 7, stride=2, padding=3),
            nn.BatchNorm2d(features // 4),
            nn.ReLU(),
            Residual(features // 4, features // 2),
            nn.MaxPool2d(2),
            Residual(features // 2, features // 2),
            Residual(features // 2, features),
        )
        self.stacks = nn.ModuleList(
            Stack(num_joints, features, depth, sigmoid, last=number == stacks - 1)
            for number in range(stacks)
        )
        # channels last in memory: a step on a CPU takes 0.8 of the time
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, image: Tensor) -> list[Tensor]:
        """Map images (B, 3, S, S) in [0, 1] to every stack's heatmaps (B, J, S / 4, S / 4).

        Raises:
            ValueError: S is not a multiple of 4 * 2^depth.
        """
        self.check(*image.shape[-2:])
        features = self.stem(image.contiguous(memory_format=torch.channels_last))
        maps = []
        for stack in self.stacks:
            heatmaps, features = stack(features)
            maps.append(heatmaps)
        return maps

    def check(self, *sides: int) -> None:
        """Check that images of these sides, in pixels, can be taken.

        Raises:
            ValueError: one is not a multiple of 4 * 2^depth.
        """
        if any(side % self.multiple for side in sides):
            raise ValueError(
                f"The images are {' x '.join(map(str, sides))} pixels, but this hourglass takes "
                f"multiples of {self.multiple}: choose another image size or a smaller depth."
            )


def flip_averaged(estimator: nn.Module, image: Tensor, mirror: Sequence[int]) -> Tensor:
    """The last stack's heatmaps, averaged with those of the mirrored image, mirrored back.

    Args:
        estimator: network from images to a list of heatmaps.
        image: (B, 3, S, S), images in [0, 1].
        mirror: index of every joint's counterpart on the other side.

    Returns:
        (B, J, S / 4, S / 4).
    """
    flipped = estimator(image.flip(-1))[-1].flip(-1)[:, mirror]
    return (estimator(image)[-1] + flipped) / 2
