"""SelfSup's networks from an image to a skeleton image, Phi, and from that to 2D joints, Omega.

Sosa & Hogg (2023), supplement, Tables 2 and 3. What the tables leave open, such as kernels, follows
their counts of weights and KeypointGAN (Jakab et al., CVPR 2020), from which the networks are.
"""

import torch
from torch import Tensor, nn

from lightning_modules.layers.images import cell_centres

Norm = type[nn.BatchNorm2d] | type[nn.InstanceNorm2d]


def check_image_size(*sides: int) -> None:
    """Check that Phi and Omega can take images of these sides, in pixels.

    Raises:
        ValueError: one is not a multiple of 8 or is below 16: Omega normalises over an image's
            cells at an eighth of the side, which must be more than one.
    """
    if any(side % 8 or side < 16 for side in sides):
        raise ValueError(
            f"The images are {' x '.join(map(str, sides))} pixels, but SelfSup's networks take "
            "multiples of 8 from 16 on: choose another image size."
        )


def soft_argmax(maps: Tensor) -> Tensor:
    """Turn maps of logits into points, axis by axis, as in KeypointGAN.

    A map's mean over the other axis, a softmax over the cells, the mean of the cells' centres. The
    centres are those of the image that the map covers, as in `draw_skeletons`, (2 i + 1) / w - 1.
    KeypointGAN's are linspace(-1, 1, 16), to the edges, while these end 1 / w short of them, so
    that points are found where they are drawn.

    Args:
        maps: (B, J, h, w), logits.

    Returns:
        (B, J, 2), points in [-1, 1] of the image, x first.
    """
    x, y = (
        (logits.softmax(-1) * cell_centres(logits.shape[-1], logits)).sum(-1)
        for logits in (maps.mean(-2), maps.mean(-1))
    )
    return torch.stack([x, y], -1)


class SkeletonEncoder(nn.Module):
    """Phi: draws the skeleton image of a picture (Table 2).

    The upsampling is bilinear, as KeypointGAN's; the table does not say, and nearest neighbours
    would leave the decoder edges of 2, 4 and 8 pixels to remove. Table 2 has 128, 64 and 32
    channels after the upsampling; as that has no weights, the convolution after it halves them.

    Args:
        width: channels at full resolution; 2, 4 and 8 times as many at 1/2, 1/4 and 1/8.
        channels: channels of the input images.
        outputs: channels of the output images.
    """

    def __init__(self, width: int = 32, channels: int = 3, outputs: int = 1) -> None:
        super().__init__()
        half, quarter, eighth = 2 * width, 4 * width, 8 * width
        self.encoder = _encoder(channels, eighth, width, nn.BatchNorm2d)
        self.decoder = nn.Sequential(
            *_convolution(eighth, eighth, nn.BatchNorm2d),
            *_convolution(eighth, eighth, nn.BatchNorm2d),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolution(eighth, quarter, nn.BatchNorm2d),
            *_convolution(quarter, quarter, nn.BatchNorm2d),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolution(quarter, half, nn.BatchNorm2d),
            *_convolution(half, half, nn.BatchNorm2d),
            nn.Upsample(scale_factor=2, mode="bilinear"),
            *_convolution(half, width, nn.BatchNorm2d),
            nn.Conv2d(width, outputs, 3, padding=1),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, channels, S, S) to images (B, outputs, S, S).

        Phi maps pictures to skeleton images, in which -1 means that there is no bone.

        Raises:
            ValueError: S is not a multiple of 8, or below 16.
        """
        check_image_size(*images.shape[-2:])
        return self.decoder(self.encoder(images))


class SkeletonRegressor(nn.Module):
    """Omega: finds the joints in a skeleton image (Table 3).

    The table ends in maps of 16 x 16, the text in 2D joints: between them is a `soft_argmax`.

    Args:
        joints: J, number of joints.
        width: channels at full resolution; 2, 4 and 8 times as many at 1/2, 1/4 and 1/8.
    """

    def __init__(self, joints: int = 17, width: int = 32) -> None:
        super().__init__()
        self.encoder = _encoder(1, joints, width, nn.InstanceNorm2d)

    def forward(self, images: Tensor) -> Tensor:
        """Map skeleton images (B, 1, S, S) to joints (B, J, 2) in [-1, 1] of them.

        Raises:
            ValueError: S is not a multiple of 8, or below 16.
        """
        check_image_size(*images.shape[-2:])
        return soft_argmax(self.encoder(images))


def _encoder(channels: int, outputs: int, width: int, norm: Norm) -> nn.Sequential:
    """The first nine layers of both tables: (B, channels, S, S) to (B, outputs, S / 8, S / 8)."""
    layers = [*_convolution(channels, width, norm, kernel=7), *_convolution(width, width, norm)]
    for wide in (2 * width, 4 * width, 8 * width):
        layers += _convolution(wide // 2, wide, norm, stride=2)
        layers += _convolution(wide, wide, norm)
    return nn.Sequential(*layers, nn.Conv2d(8 * width, outputs, 1, bias=_biased(norm)))


def _convolution(
    channels: int, outputs: int, norm: Norm, kernel: int = 3, stride: int = 1
) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, outputs, kernel, stride, kernel // 2, bias=_biased(norm)),
        norm(outputs),
        nn.ReLU(inplace=True),
    ]


def _biased(norm: Norm) -> bool:
    """Batch normalisation has biases of its own; instance normalisation has no weights at all."""
    return norm is nn.InstanceNorm2d
