"""Relative encodings against their formulas in NumPy."""

import numpy as np
import pytest
import torch

from lightning_modules.rie.encodings import RelativeEncoding


def told(keypoints, now, operator):
    """The temporal stack of the supplement's operators, joint by joint."""
    x, y = np.moveaxis(keypoints, -1, 0)
    u, v = np.moveaxis(now, -1, 0)
    match operator:
        case "inner":
            return [x * u + y * v]
        case "cross":
            return [x * v - y * u]
        case "cosine":
            return [(x * u + y * v) / (np.hypot(x, y) * np.hypot(u, v))]
        case "sub_quadratic":
            return [x - u, y - v, (x - u) ** 2, (y - v) ** 2]
        case "sub" | "sub_81":
            return [x - u, y - v]


@pytest.mark.parametrize("operator", ["sub", "inner", "cross", "cosine", "sub_quadratic", "sub_81"])
@pytest.mark.parametrize("current", [40, 80])
@pytest.mark.parametrize("positional", [True, False])
def test_stacks_are_their_formulas(operator, current, positional):
    keypoints = np.random.default_rng(0).uniform(-1, 1, (3, 81, 5, 2))
    encoding = RelativeEncoding(True, positional, operator)
    got = encoding(torch.from_numpy(keypoints), current).numpy()
    assert got.shape[-1] == encoding.channels
    expected = [*np.moveaxis(keypoints, -1, 0)]
    if positional:
        expected += [*np.moveaxis(keypoints - keypoints[:, :, :1], -1, 0)]
    temporal = told(keypoints, keypoints[:, [current]], operator)
    if operator == "sub_81":
        for frame in range(81):
            if abs(frame - current) > 13:  # 27 of 81 frames stay, as 81 of 243 do
                for channel in temporal:
                    channel[:, frame] = 0
    np.testing.assert_allclose(got, np.stack(expected + temporal, -1), rtol=0, atol=1e-12)
    if operator.startswith("sub"):
        assert not got[:, current, :, 2 + 2 * positional :].any()


def test_without_absolute_positions_the_current_frame_has_its_own():
    keypoints = torch.rand(2, 9, 5, 2)
    got = RelativeEncoding(absolute=False, positional=False)(keypoints, 4)
    expected = keypoints - keypoints[:, 4:5]
    expected[:, 4] = keypoints[:, 4]
    assert torch.equal(got, expected)


def test_81_of_243_frames():
    moved = RelativeEncoding(True, False, "sub_81")(torch.rand(1, 243, 5, 2), 121)[..., 2:]
    assert moved.any(-1).any(-1)[0].sum() == 81 - 1


@pytest.mark.parametrize(
    ("options", "words"),
    [((True, True, "add"), "choose sub, inner"), ((False, False, None), "choose positional: true")],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words):
        RelativeEncoding(*options)
