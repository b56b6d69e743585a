"""SelfSup's discriminator of skeleton images, its loss, and a pool of images to show it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SLOPE = 0.2
# side in pixels of the smallest image in which a patch network has a patch
LEAST = 24


def lsgan_loss(maps: Sequence[Tensor], real: bool) -> Tensor:
    """Squared distance of a discriminator's outputs from 1, real, or 0, fake, as in CycleGAN.

    The supplement of Sosa & Hogg (2023) takes "the mean of the patchwise outputs" of the three
    networks and names no loss; as in KeypointGAN this is the mean of their losses.

    Args:
        maps: outputs (B, 1, h, w) at every scale.
        real: whether the images are real, so that 1 is the right output.

    Returns:
        A scalar: the mean over scales of the mean squared distance over images and patches.
    """
    return torch.stack([(each - float(real)).square().mean() for each in maps]).mean()


class PatchDiscriminator(nn.Module):
    """D: judges patches of skeleton images at several scales (Table 5).

    Sosa & Hogg (2023), supplement: one PatchGAN (CycleGAN, Zhu et al., ICCV 2017) a scale, of equal
    structure and with weights of its own. Images are halved by averaging four pixels; the
    supplement names no way, and KeypointGAN's bilinear one leaves out 12 of 16 pixels at 1/4.

    Args:
        width: channels of the first layer; 2, 4 and 8 times as many in the next.
        scales: number of scales: 1, 1/2, 1/4 and so on of the image's side.

    Raises:
        ValueError: there is no scale or no channel.
    """

    def __init__(self, width: int = 64, scales: int = 3) -> None:
        super().__init__()
        if min(width, scales) < 1:
            raise ValueError(
                f"A discriminator cannot have {scales} scales and a width of {width}: choose both "
                "from 1 on."
            )
        self.networks = nn.ModuleList(_patch_network(width) for _ in range(scales))
        self.least = LEAST << (scales - 1)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Map images (B, 1, S, S) to outputs for patches (B, 1, h, h), one tensor a scale.

        For S = 128, h is 14, 6 and 2.

        Raises:
            ValueError: the images are too small, see `check`.
        """
        self.check(*images.shape[-2:])
        maps = []
        for number, network in enumerate(self.networks):
            if number:
                images = F.avg_pool2d(images, 2)
            maps.append(network(images))
        return maps

    def check(self, *sides: int) -> None:
        """Check that images of these sides, in pixels, can be taken.

        Raises:
            ValueError: one is below 24 * 2^(scales - 1), where the last scale has one patch.
        """
        if min(sides) < self.least:
            raise ValueError(
                f"The images are {' x '.join(map(str, sides))} pixels, but a discriminator of "
                f"{len(self.networks)} scales takes {self.least} or more: choose a larger image "
                "size or fewer scales."
            )


def _patch_network(width: int) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(1, width, 4, 2, 1), nn.LeakyReLU(SLOPE)]
    for channels, stride in ((width, 2), (2 * width, 2), (4 * width, 1)):
        layers += [
            nn.Conv2d(channels, 2 * channels, 4, stride, 1),
            nn.InstanceNorm2d(2 * channels),
            nn.LeakyReLU(SLOPE),
        ]
    return nn.Sequential(*layers, nn.Conv2d(8 * width, 1, 4, 1, 1))


class ImagePool(nn.Module):
    """Shows a discriminator earlier images too, as in CycleGAN (Zhu et al., ICCV 2017).

    Until the pool is full, an image is stored and returned. From then on an image is with a
    probability of 1/2 returned as it is, and else takes the place of a stored one, which is
    returned. Images of a batch are treated in their order, so that one may return another.

    The pool and how much of it is filled are in the state dict. Numbers are drawn from PyTorch's
    own generator of the CPU.

    Args:
        shape: shape of one image.
        size: number of images in the pool.

    Raises:
        ValueError: a size below 1.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, shape: Sequence[int], size: int = 50) -> None:
        super().__init__()
        if size < 1:
            raise ValueError(f"A pool cannot have {size} images: choose pool from 1 on.")
        self.register_buffer("images", torch.zeros(size, *shape))
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Exchange some of the images (B, *shape) for stored ones; without gradients."""
        size, count, filled = len(self.images), len(images), int(self.filled)
        exchanged = (torch.rand(count) < 0.5).tolist()
        slots = torch.randint(size, (count,)).tolist()
        # images by number: the pool's slots first, then what is given
        stored, returned = list(range(size)), list(range(size, size + count))
        for place, number in enumerate(range(size, size + count)):
            if filled < size:
                stored[filled] = number
                filled += 1
            elif exchanged[place]:
                slot = slots[place]
                returned[place], stored[slot] = stored[slot], number
        everything = torch.cat([self.images, images.to(self.images.dtype)])
        self.images.copy_(everything[stored])
        self.filled.fill_(filled)
        return everything[returned]
