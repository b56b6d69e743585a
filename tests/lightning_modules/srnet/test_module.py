"""SRNet's six networks: which layer is what, and what is refused."""

import pytest
import torch

from lightning_modules import SRNet
from lightning_modules.srnet.network import layer_kinds

LETTERS = {"dense": "d", "grouped": "g", "recombined": "r"}


@pytest.mark.parametrize(
    ("network", "split", "layers"),
    [
        ("fc", None, "dddddd"),
        ("gp", None, "gggggg"),
        ("sr", None, "rrrrrr"),
        ("lf", None, "gggddd"),
        ("lf", 1, "gddddd"),
        ("es", None, "dddggg"),
        ("es", 5, "dddddg"),
        ("sfs", None, "ggddgg"),
        ("sfs", 4, "gddddg"),
        # the ends, where the paper says the networks meet
        ("lf", 0, "dddddd"),
        ("lf", 6, "gggggg"),
        ("es", 6, "dddddd"),
        ("es", 0, "gggggg"),
        ("sfs", 6, "dddddd"),
        ("sfs", 0, "gggggg"),
    ],
)
def test_layers_of_the_six_networks(network, split, layers):
    assert "".join(LETTERS[kind] for kind in layer_kinds(network, 6, split)) == layers


@pytest.mark.parametrize(
    ("network", "split"), [("sr", 3), ("lf", 7), ("es", -1), ("sfs", 3), ("mlp", None)]
)
def test_a_split_that_cannot_be_is_refused(network, split):
    with pytest.raises(ValueError, match="choose"):
        layer_kinds(network, 6, split)


def test_an_unknown_grouping_is_refused():
    with pytest.raises(ValueError, match="choose 2, 3, 5, 6, 8, 17"):
        SRNet(groups=4)


@pytest.mark.parametrize("network", ["fc", "gp", "lf", "es", "sfs", "sr"])
def test_a_flipped_window_gives_the_flipped_pose_under_flip_averaging(network):
    torch.manual_seed(0)
    model = SRNet(network=network, width=64).eval()
    keypoints = torch.randn(3, 1, 17, 2)
    flipped = keypoints[:, :, model.skeleton.mirror] * torch.tensor([-1.0, 1.0])
    expected = model.lift(keypoints)[:, model.skeleton.mirror] * torch.tensor([-1.0, 1.0, 1.0])
    torch.testing.assert_close(model.lift(flipped), expected)
    assert not torch.allclose(model(flipped), expected)
