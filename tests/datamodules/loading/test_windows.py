"""Windows against a plain loop over frames and joints."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.loading.windows import PoseWindows
from datamodules.sequences import PoseSequences, Segment
from datamodules.skeletons import H36M17
from datamodules.sources.human36m.recordings import human36m_cameras

LENGTHS = [5, 1, 7, 3]
ACTIONS = ["Walking", "Eating", "Walking", "Posing"]
# right leg for left leg, right arm for left arm, written out
PARTNER = [0, 4, 5, 6, 1, 2, 3, 7, 8, 9, 10, 14, 15, 16, 11, 12, 13]


def sequences(channels=2):
    """Four sequences of random numbers, so that no two values are alike."""
    rng = np.random.default_rng(0)
    stops = np.cumsum(LENGTHS).tolist()
    return PoseSequences(
        keypoints=rng.normal(size=(stops[-1], 17, channels)).astype(np.float32),
        joints=rng.normal(size=(stops[-1], 17, 3)).astype(np.float32),
        segments=tuple(
            Segment(stop - length, stop, "S1", action, action, human36m_cameras()["S1"][0], 50.0)
            for length, stop, action in zip(LENGTHS, stops, ACTIONS, strict=True)
        ),
        skeleton=H36M17,
    )


def gathered(data, frame, flipped, span, causal=False):
    """Window and target of one frame, number by number."""
    segment = next(s for s in data.segments if s.start <= frame < s.stop)
    inside = range(segment.start, segment.stop)
    window = np.zeros((span, 17, 2), np.float32)
    target = np.zeros((17, 3), np.float32)
    for step in range(span):
        source = frame + step - (span - 1 if causal else span // 2)
        while source not in inside:
            source += 1 if source < segment.start else -1
        for joint in range(17):
            x, y = data.keypoints[source, PARTNER[joint] if flipped else joint, :2]
            window[step, joint] = (-x, y) if flipped else (x, y)
    for joint in range(17):
        x, y, z = data.joints[frame, PARTNER[joint] if flipped else joint]
        target[joint] = (-x, y, z) if flipped else (x, y, z)
    return window, target


def all_pairs(data):
    return torch.cartesian_prod(torch.arange(len(data)), torch.arange(2))


@pytest.mark.parametrize("channels", [2, 3], ids=["plain", "with score"])
@pytest.mark.parametrize("causal", [False, True], ids=["centred", "causal"])
@pytest.mark.parametrize("span", [1, 3, 9, 27, 243])
def test_every_window_against_a_loop(span, channels, causal):
    data = sequences(channels)
    pairs = all_pairs(data)
    batch = PoseWindows(data, span, causal=causal)(pairs)
    assert batch["keypoints"].shape == (len(pairs), span, 17, 2)
    assert batch["joints"].shape == (len(pairs), 17, 3)
    for row, (frame, flipped) in enumerate(pairs.tolist()):
        window, target = gathered(data, frame, flipped, span, causal)
        np.testing.assert_array_equal(batch["keypoints"][row], window)
        np.testing.assert_array_equal(batch["joints"][row], target)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 15), st.integers(0, 1)), min_size=1, max_size=9),
    st.integers(0, 121).map(lambda half: 2 * half + 1),
    st.booleans(),
)
def test_rows_do_not_depend_on_the_rest_of_the_batch(pairs, span, causal):
    data = sequences()
    batch = PoseWindows(data, span, causal=causal)(torch.tensor(pairs))
    for row, (frame, flipped) in enumerate(pairs):
        window, target = gathered(data, frame, flipped, span, causal)
        np.testing.assert_array_equal(batch["keypoints"][row], window)
        np.testing.assert_array_equal(batch["joints"][row], target)
        assert batch["index"][row] == frame


def test_flipping_twice_gives_the_pose_again():
    data = sequences()
    pairs = all_pairs(data)
    flipped = PoseWindows(data, 3)(pairs[1::2])
    mirrored = PoseSequences(
        keypoints=flipped["keypoints"][:, 1].numpy(),
        joints=flipped["joints"].numpy(),
        segments=data.segments,
        skeleton=data.skeleton,
    )
    plain, twice = PoseWindows(data, 3)(pairs[::2]), PoseWindows(mirrored, 3)(pairs[1::2])
    for name in ("keypoints", "joints"):
        assert not torch.equal(flipped[name], plain[name])
        torch.testing.assert_close(twice[name], plain[name], rtol=0, atol=0)


def test_gathering_leaves_the_data_as_they_are():
    data = sequences()
    keypoints, joints = data.keypoints.copy(), data.joints.copy()
    windows = PoseWindows(data, 3)
    first = windows(all_pairs(data))
    first["keypoints"].zero_()
    first["joints"].zero_()
    np.testing.assert_array_equal(data.keypoints, keypoints)
    np.testing.assert_array_equal(data.joints, joints)
    assert windows(all_pairs(data))["joints"].any()


def test_columns_of_a_batch():
    data = sequences()
    extra = np.arange(16) * 3 - 1
    batch = PoseWindows(data, 1, {"rarity": extra})(torch.tensor([[0, 0], [5, 1], [6, 0], [15, 1]]))
    assert set(batch) == {"keypoints", "joints", "index", "flipped", "action", "sequence", "rarity"}
    assert batch["index"].tolist() == [0, 5, 6, 15]
    assert batch["flipped"].tolist() == [0, 1, 0, 1]
    assert batch["sequence"].tolist() == [0, 1, 2, 3]
    # sorted: Eating, Posing, Walking
    assert batch["action"].tolist() == [2, 0, 2, 1]
    assert batch["rarity"].tolist() == [-1, 14, 17, 44]
    for name in ("index", "action", "sequence", "rarity"):
        assert batch[name].dtype == torch.int64


@pytest.mark.parametrize("span", [0, 2, 8, -1, -3])
def test_a_window_spans_an_odd_number_of_frames(span):
    with pytest.raises(ValueError, match=f"odd number of frames, not {span}"):
        PoseWindows(sequences(), span)


def test_an_empty_batch_gathers_nothing():
    batch = PoseWindows(sequences(), 3)(torch.empty(0, 2, dtype=torch.int64))
    assert batch["keypoints"].shape == (0, 3, 17, 2)
    assert batch["joints"].shape == (0, 17, 3)
    assert batch["index"].shape == (0,)


def test_moving_to_the_device_where_they_are_keeps_the_arrays():
    windows = PoseWindows(sequences())
    before = windows._arrays["joints"].data_ptr()
    assert windows.to(torch.device("cpu")) is windows
    assert windows._arrays["joints"].data_ptr() == before


@pytest.mark.parametrize("flipped", [0, 1])
def test_a_causal_window_holds_nothing_that_comes_later(flipped):
    data = sequences()
    before = PoseWindows(data, 9, causal=True)(torch.tensor([[8, flipped]]))["keypoints"]
    data.keypoints[9:] += 1
    after = PoseWindows(data, 9, causal=True)(torch.tensor([[8, flipped]]))["keypoints"]
    assert torch.equal(before, after)
    data.keypoints[8] += 1
    changed = PoseWindows(data, 9, causal=True)(torch.tensor([[8, flipped]]))["keypoints"]
    assert torch.equal(changed[:, :-1], after[:, :-1])
    assert not torch.equal(changed[:, -1], after[:, -1])
