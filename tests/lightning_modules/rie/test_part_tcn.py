"""RIE's layers: first channels, which product is taken, gradients, masks and single rows."""

from unittest import mock

import pytest
import torch
from torch.autograd import gradcheck

from datamodules.skeletons import H36M17
from lightning_modules.layers.dropout import keep_mask
from lightning_modules.layers.parts import PartActivation
from lightning_modules.rie.encodings import RelativeEncoding
from lightning_modules.rie.part_tcn import PartTCN

FIVE = H36M17.partition(5)


def tcn(*encoding, **options):
    return PartTCN(FIVE, 27, RelativeEncoding(*encoding), width=8, out_width=4, **options)


def test_a_limb_has_18_channels_and_the_torso_30():
    channels = [weight[0, 0].numel() for weight in tcn().weights]
    assert channels == [18, 18, 30, 18, 18]


@pytest.mark.parametrize(
    ("encoding", "folds"),
    [
        ((True, True, "sub"), True),
        ((True, False, "sub"), True),
        ((True, True, None), True),
        ((False, True, "sub"), True),
        # one stack: nothing to fold
        ((True, False, None), False),
        ((False, True, None), False),
        # not linear, the last because of the current frame's own position
        ((True, True, "cosine"), False),
        ((True, True, "sub_quadratic"), False),
        ((False, False, "sub"), False),
    ],
)
def test_several_linear_stacks_are_folded(encoding, folds):
    network, keypoints = tcn(*encoding), torch.rand(3, 27, 17, 2)
    with mock.patch.object(network, "_folded", wraps=network._folded) as folded:
        network(keypoints)
    assert folded.called == folds


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("operator", ["inner", "cross", "cosine", "sub_quadratic", "sub_81"])
def test_products_of_other_operators_are_those_of_their_stacks(operator, causal):
    """Part by part and frame by frame, where there is nothing to fold."""
    torch.manual_seed(0)
    network = tcn(True, True, operator, causal=causal).double()
    keypoints = torch.rand(2, 27, 17, 2).double()
    triples, weights = network._plain(keypoints)
    got = torch.bmm(triples, weights.mT).unflatten(1, (2, 9))
    stacks = network.encoding(keypoints, 26 if causal else 13)
    for part, group in enumerate(FIVE):
        for triple in range(9):
            window = stacks[:, 3 * triple : 3 * triple + 3, list(group)]
            expected = torch.einsum("btjc,wtjc->bw", window, network.weights[part])
            torch.testing.assert_close(got[part, :, triple], expected, rtol=0, atol=1e-12)


def test_positions_relative_to_the_root_do_not_see_a_shift():
    encoding = RelativeEncoding(absolute=False, positional=True, temporal=None)
    keypoints = torch.rand(2, 9, 17, 2).double()
    shifted = keypoints + torch.tensor([0.3, -0.2])
    torch.testing.assert_close(encoding(shifted, 4), encoding(keypoints, 4), rtol=0, atol=1e-15)
    assert not encoding(keypoints, 4)[:, :, 0].any()


@pytest.mark.parametrize("dropout", [0.0, 0.4])
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_those_of_small_differences(dropout, training):
    torch.manual_seed(0)
    layer = PartActivation(2, 3, dropout).double().train(training)
    layer.running_var.uniform_(0.5, 1.5)
    inputs = [torch.randn(2, 6, 3), torch.rand(2, 3) + 0.5, torch.randn(2, 3)]

    def activated(x, weight, bias):
        torch.manual_seed(1)
        return torch.func.functional_call(layer, {"weight": weight, "bias": bias}, x)

    assert gradcheck(activated, [each.double().requires_grad_() for each in inputs])


def test_a_gradient_may_be_one_number_for_all():
    """What a sum hands back has strides of zero."""
    layer, x = PartActivation(2, 3, 0.0).double(), torch.randn(2, 9, 3).double().requires_grad_()
    (expanded,) = torch.autograd.grad(layer(x).sum(), x)
    (whole,) = torch.autograd.grad(layer(x), x, torch.ones(2, 9, 3).double())
    torch.testing.assert_close(expanded, whole, rtol=0, atol=1e-15)


def test_a_single_row_is_refused_in_training_alone():
    layer = PartActivation(2, 3, 0.2)
    with pytest.raises(ValueError, match="choose a larger batch"):
        layer(torch.randn(2, 1, 3))
    assert layer.running_var.isfinite().all()
    assert layer.eval()(torch.randn(2, 1, 3)).shape == (2, 1, 3)


@pytest.mark.parametrize("percent", range(0, 91, 5))
def test_masks_drop_as_many_as_they_should(percent):
    """To within five standard deviations of a binomial, and any two of four independently."""
    torch.manual_seed(percent)
    count, p = 200_000, percent / 100
    dropped = 1 - keep_mask(torch.empty(count), p).double()
    spread = (p * (1 - p) * count) ** 0.5
    assert abs(dropped.sum() - p * count) <= 5 * spread
    four = dropped.view(-1, 4)
    together = four.T @ four / len(four)
    pairs = together[~torch.eye(4, dtype=torch.bool)]
    # of a product of two such draws, which is 1 with probability p squared
    bound = 5 * (p**2 * (1 - p**2) / len(four)) ** 0.5
    assert (pairs - p**2).abs().max() <= bound


def test_a_mask_is_repeated_under_its_seed_for_any_shape():
    masks = []
    for shape in ((3, 5, 7), (105,), (35, 3)):
        torch.manual_seed(4)
        masks.append(keep_mask(torch.empty(shape), 0.3).flatten())
    assert torch.equal(masks[0], masks[1])
    assert torch.equal(masks[0], masks[2])
    assert not torch.equal(masks[0], keep_mask(torch.empty(105), 0.3))
