"""D against the supplement's Table 5, its loss, and the pool against a plain list of images."""

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lightning_modules.selfsup.patch_discriminator import (
    ImagePool,
    PatchDiscriminator,
    lsgan_loss,
)

CHANNELS = (64, 128, 256, 512, 1)
SIDES = (64, 32, 16, 15, 14, 32, 16, 8, 7, 6, 16, 8, 4, 3, 2)


def count(network):
    return sum(weight.numel() for weight in network.parameters())


def test_d_is_as_table_5_has_it():
    shapes = []
    with torch.device("meta"):
        network = PatchDiscriminator()
        layers = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
        for layer in layers:
            layer.register_forward_hook(lambda *call: shapes.append(tuple(call[2].shape)))
        maps = network(torch.rand(5, 1, 128, 128))
    expected = zip(CHANNELS * 3, SIDES, strict=True)
    assert shapes == [(5, channels, side, side) for channels, side in expected]
    assert [each.shape for each in maps] == [(5, 1, side, side) for side in (14, 6, 2)]
    assert [count(layer) for layer in layers] == [1_088, 131_200, 524_544, 2_097_664, 8_193] * 3
    assert count(network) == 8_288_067
    slopes = [each.negative_slope for each in network.modules() if isinstance(each, nn.LeakyReLU)]
    assert slopes == [0.2] * 12


def test_every_scale_sees_means_of_pixels():
    torch.manual_seed(0)
    network, images = PatchDiscriminator(width=2), torch.rand(2, 1, 104, 104)
    for factor, part, verdict in zip((1, 2, 4), network.networks, network(images), strict=True):
        small = images.reshape(2, 1, 104 // factor, factor, 104 // factor, factor).mean((3, 5))
        torch.testing.assert_close(part(small), verdict)


@pytest.mark.parametrize(("scales", "least"), [(1, 24), (2, 48), (3, 96)])
def test_the_smallest_images_give_one_patch(scales, least):
    network = PatchDiscriminator(width=1, scales=scales)
    network.check(least)
    assert network(torch.rand(1, 1, least, least))[-1].shape == (1, 1, 1, 1)
    small = torch.rand(1, 1, least - 1, least - 1)
    with pytest.raises(ValueError, match=f"takes {least} or more"):
        network(small)
    # which the layers could not take either
    network.least = 0
    with pytest.raises((RuntimeError, ValueError)):
        network(small)


@pytest.mark.parametrize("options", [{"scales": 0}, {"width": 0}])
def test_a_discriminator_of_nothing_is_refused(options):
    with pytest.raises(ValueError, match="choose both from 1 on"):
        PatchDiscriminator(**options)


@pytest.mark.parametrize("real", [True, False])
def test_the_loss_weighs_scales_alike(real):
    random = np.random.default_rng(0)
    maps = [random.normal(size=(3, 1, side, side)) for side in (14, 6, 2)]
    expected = np.mean([np.mean((each - (1 if real else 0)) ** 2) for each in maps])
    loss = lsgan_loss([torch.from_numpy(each) for each in maps], real)
    np.testing.assert_allclose(loss.item(), expected, rtol=1e-12)


def test_it_learns_to_tell_images_apart():
    torch.manual_seed(0)
    network = PatchDiscriminator(width=4, scales=1)
    optimizer = torch.optim.Adam(network.parameters(), 1e-2)

    def verdicts():
        """Of vertical and of horizontal stripes."""
        stripes = torch.rand(8, 1, 1, 32).expand(-1, -1, 32, -1)
        return network(stripes), network(torch.rand(8, 1, 32, 1).expand(-1, -1, -1, 32))

    for _ in range(50):
        optimizer.zero_grad()
        real, fake = verdicts()
        (lsgan_loss(real, True) + lsgan_loss(fake, False)).backward()
        optimizer.step()
    real, fake = verdicts()
    assert real[0].mean() > 0.8 and fake[0].mean() < 0.2


def numbered(start, count):
    return torch.arange(start, start + count, dtype=torch.float32)[:, None].expand(-1, 3)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(1, 6), st.lists(st.integers(0, 9), max_size=6))
def test_the_pool_is_a_list_of_images(seed, size, batches):
    pool, held, start = ImagePool((3,), size), [], 0
    for number, batch in enumerate(batches):
        torch.manual_seed(seed + number)
        returned = pool(numbered(start, batch))
        torch.manual_seed(seed + number)
        coins, slots = torch.rand(batch).tolist(), torch.randint(size, (batch,)).tolist()
        expected = []
        for image, coin, slot in zip(range(start, start + batch), coins, slots, strict=True):
            if len(held) < size:
                held.append(image)
                expected.append(image)
            elif coin < 0.5:
                expected.append(held[slot])
                held[slot] = image
            else:
                expected.append(image)
        assert returned[:, 0].tolist() == expected
        assert pool.images[: len(held), 0].tolist() == held
        assert pool.filled == len(held)
        start += batch


def test_half_of_the_images_are_exchanged():
    torch.manual_seed(0)
    pool = ImagePool((3,))
    assert (pool(numbered(0, 50)) == numbered(0, 50)).all()
    kept = pool(numbered(50, 4000)) == numbered(50, 4000)
    assert abs(kept[:, 0].float().mean() - 0.5) < 4 * 0.5 / 4000**0.5


def test_a_pool_goes_on_from_its_state():
    torch.manual_seed(0)
    pool, other = ImagePool((3,), 8), ImagePool((3,), 8)
    pool(numbered(0, 20))
    file = io.BytesIO()
    torch.save(pool.state_dict(), file)
    file.seek(0)
    other.load_state_dict(torch.load(file, weights_only=True))
    returned = []
    for each in (pool, other):
        torch.manual_seed(1)
        returned.append(each(numbered(20, 30)))
    assert (returned[0] == returned[1]).all() and (returned[0] != numbered(20, 30)).any()
    assert other.filled == 8


def test_what_is_stored_has_no_graph_and_does_not_change():
    torch.manual_seed(0)
    pool, images = ImagePool((3,), 4), torch.zeros(4, 3, requires_grad=True)
    assert not pool(2 * images).requires_grad
    given = torch.ones(4, 3)
    returned = pool(given)
    given.fill_(7)
    returned.fill_(8)
    assert pool.images.max() <= 1


def test_an_empty_pool_is_refused():
    with pytest.raises(ValueError, match="cannot have 0 images"):
        ImagePool((3,), 0)
