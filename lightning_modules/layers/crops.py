"""Places in a crop of an image, and in the image."""

from torch import Tensor


def crop_to_screen(places: Tensor, crop: Tensor) -> Tensor:
    """Turn places in crops into places in images; differentiable.

    Args:
        places: (B, J, 2) in [0, 1]^2 of the crop, between the outer edges of its pixels.
        crop: (B, 3): x and y of the crop's centre and its side, in [-1, 1] by image width.

    Returns:
        (B, J, 2) in [-1, 1] by image width.
    """
    return crop[:, None, :2] + (places - 0.5) * crop[:, None, 2:]


def screen_to_crop(places: Tensor, crop: Tensor) -> Tensor:
    """Turn places in images into places in crops; the inverse of `crop_to_screen`."""
    return (places - crop[:, None, :2]) / crop[:, None, 2:] + 0.5
