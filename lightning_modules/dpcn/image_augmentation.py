"""Training images scaled, turned and recoloured, as for the stacked hourglass."""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

SCALE, DEGREES, CLIP = 0.25, 30.0, 2.0
TURNED, LEAST_COLOUR, MOST_COLOUR = 0.4, 0.6, 1.4


def augment(
    image: Tensor, places: Tensor, generator: Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Scale, turn and recolour every image of a batch, and move its 2D joints along.

    As in the released code of Newell et al. (ECCV 2016), the side of the crop is multiplied by
    2^(0.25 n); with a probability of 0.4 the picture is turned by 30 n degrees; every colour
    channel is multiplied by 0.6 to 1.4. n is normal, clipped at 2 and drawn anew for each. What
    lies outside the image is black. Mirroring is the loader's.

    The numbers are drawn on the CPU, so that all devices see the same pictures.

    Args:
        image: (B, 3, S, S), images in [0, 1].
        places: (B, J, 2), joints in [0, 1]^2 of the image; they may move out of it.
        generator: random generator on the CPU; PyTorch's own by default.

    Returns:
        Images and joints, of the same shapes.
    """
    count = len(image)
    normal = torch.randn(2, count, generator=generator).clamp(-CLIP, CLIP)
    uniform = torch.rand(4, count, generator=generator)
    side = (SCALE * normal[0]).exp2()
    angle = math.radians(DEGREES) * normal[1] * (uniform[0] < TURNED)
    colour = LEAST_COLOUR + (MOST_COLOUR - LEAST_COLOUR) * uniform[1:].T

    # a turn of the crop by the angle: from places in the new picture to places in the old
    turn = torch.stack([angle.cos(), -angle.sin(), angle.sin(), angle.cos()], -1).view(-1, 2, 2)
    old_from_new = (side[:, None, None] * turn).to(image)
    new_from_old = (turn.mT / side[:, None, None]).to(places)
    affine = F.pad(old_from_new, (0, 1))
    grid = F.affine_grid(affine, list(image.shape), align_corners=False)
    pictures = F.grid_sample(image, grid, align_corners=False)
    recoloured = (pictures * colour[:, :, None, None].to(image)).clamp(0, 1)
    return recoloured, (places - 0.5) @ new_from_old.mT + 0.5
