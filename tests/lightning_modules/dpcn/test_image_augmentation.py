"""Augmented pictures: a drawn blob is found where its place is said to be."""

import numpy as np
import torch

from lightning_modules.dpcn.image_augmentation import augment

SIDE = 96


def blobs(places, side=SIDE):
    """Black pictures (B, 3, side, side) with a white Gaussian at a place (B, 2) each."""
    centres = (np.arange(side) + 0.5) / side
    away = sum(
        (along - places[:, axis, None, None]) ** 2
        for axis, along in enumerate((centres, centres[:, None]))
    )
    return np.repeat(np.exp(-away * side**2 / (2 * 2.5**2))[:, None], 3, 1)


def centres_of_mass(pictures):
    """Where the light of (B, side, side) is, in [0, 1]^2."""
    rows, columns = np.mgrid[: pictures.shape[1], : pictures.shape[2]] + 0.5
    light = pictures.sum((1, 2))
    return np.stack(
        [(pictures * along).sum((1, 2)) / light / pictures.shape[1] for along in (columns, rows)],
        -1,
    )


def test_places_go_where_the_picture_goes():
    places = np.random.default_rng(0).uniform(0.3, 0.7, (64, 2))
    image = torch.from_numpy(blobs(places)).float()
    torch.manual_seed(0)
    pictures, moved = augment(image, torch.from_numpy(places)[:, None])
    assert pictures.shape == image.shape
    found = centres_of_mass(pictures.double().mean(1).numpy())
    apart = np.linalg.norm(moved[:, 0].numpy() - found, axis=-1) * SIDE
    assert apart.max() < 0.05
    shifts = np.linalg.norm(moved[:, 0].numpy() - places, axis=-1) * SIDE
    assert shifts.max() > 10


def test_scales_turns_and_colours_are_as_often_as_said():
    torch.manual_seed(0)
    count = 4000
    corners = torch.tensor([[0.25, 0.5], [0.75, 0.5]], dtype=torch.float64).expand(count, 2, 2)
    pictures, moved = augment(torch.full((count, 3, 8, 8), 0.5), corners)
    across = moved[:, 1] - moved[:, 0]
    # a crop of 2^x times the side shows everything 2^-x times as large
    scale = -(across.norm(dim=-1) / 0.5).log2() / 0.25
    degrees = torch.rad2deg(torch.atan2(across[:, 1], across[:, 0])) / 30
    turned = degrees != 0
    assert abs(turned.double().mean() - 0.4) < 0.03
    for drawn in (scale, degrees[turned]):
        # the standard deviation of a normal clipped at 2
        assert abs(drawn.mean()) < 0.06
        assert abs(drawn.std() - 0.9594) < 0.06
        assert drawn.abs().max() < 2 + 1e-5
    colour = pictures[:, :, 4, 4] / 0.5
    assert colour.min() >= 0.6 - 1e-6
    assert colour.max() <= 1.4 + 1e-6
    np.testing.assert_allclose(colour.mean(0), 1, atol=0.02)
    assert np.abs(np.corrcoef(colour.T.numpy()) - np.eye(3)).max() < 0.06


def test_colours_stay_in_range_and_the_outside_is_black():
    torch.manual_seed(1)
    pictures, _ = augment(torch.ones(200, 3, 16, 16), torch.zeros(200, 1, 2))
    assert pictures.min() == 0
    assert pictures.max() == 1
    assert (pictures[:, :, 8, 8] > 0.59).all()


def test_the_same_stream_draws_the_same():
    image, places = torch.rand(5, 3, 16, 16), torch.rand(5, 4, 2)
    torch.manual_seed(3)
    state = torch.get_rng_state()
    first = augment(image, places)
    after = augment(image, places)
    torch.set_rng_state(state)
    again = augment(image, places)
    given = augment(image, places, torch.Generator().manual_seed(3))
    for mine, same, with_generator, other in zip(first, again, given, after, strict=True):
        assert torch.equal(mine, same)
        assert torch.equal(mine, with_generator)
        assert not torch.equal(mine, other)
