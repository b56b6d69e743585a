"""Movement ranges and shifted windows against windows built one by one."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.protocols import GlobalShiftProtocol, MovementRangeProtocol, SubjectProtocol
from datamodules.protocols.global_shift import farthest
from datamodules.protocols.movement_range import movement_ranges
from datamodules.sequences import PoseSequences, Segment
from datamodules.skeletons import H36M17
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.human36m.source import Human36M
from poseproof.errors import DataError
from tests.datamodules.conftest import model_of

LENGTHS, SUBJECTS = [6, 1, 40, 9], ["S1", "S9", "S9", "S11"]
SPANS = st.integers(0, 30).map(lambda half: 2 * half + 1)


def sequences(seed=0, scale=0.3):
    rng = np.random.default_rng(seed)
    stops = np.cumsum(LENGTHS).tolist()
    camera = human36m_cameras()["S1"][0]
    return PoseSequences(
        keypoints=(scale * rng.normal(size=(stops[-1], 17, 2))).astype(np.float32),
        joints=rng.normal(size=(stops[-1], 17, 3)).astype(np.float32),
        segments=tuple(
            Segment(stop - length, stop, subject, "Walking", "Walking", camera, 50.0)
            for length, stop, subject in zip(LENGTHS, stops, SUBJECTS, strict=True)
        ),
        skeleton=H36M17,
        splits={"train": ("S1",), "test": ("S9", "S11")},
        title="noise",
    )


def window(data, frame, span, causal):
    """(T, J, 2) by a loop, in float64."""
    segment = next(s for s in data.segments if s.start <= frame < s.stop)
    first = frame - (span - 1 if causal else span // 2)
    inside = [min(max(f, segment.start), segment.stop - 1) for f in range(first, first + span)]
    return np.stack([data.keypoints[f] for f in inside]).astype(np.float64)


def run(protocol, receptive_field=9, causal=False, testing=True):
    """The protocol after its setup, as in a run of a method with such windows."""
    model = model_of(receptive_field=receptive_field, causal=causal)
    protocol.trainer = SimpleNamespace(lightning_module=model, testing=testing)
    protocol.setup("test")
    return protocol


def served(protocol):
    pairs = torch.cat(list(protocol.test_dataloader()))
    return protocol.on_after_batch_transfer(pairs, 0)


@settings(max_examples=25, deadline=None)
@given(SPANS, st.booleans(), st.integers(0, 5))
def test_movement_range_is_eq_15(span, causal, seed):
    data = sequences(seed)
    actual = movement_ranges(data, ("S9", "S11"), span, causal)
    for frame, value in zip(data.frames_of(("S9", "S11")), actual, strict=True):
        points = window(data, frame, span, causal)
        distances = np.linalg.norm(points - data.keypoints[frame], axis=-1)
        np.testing.assert_allclose(value, distances.mean(), rtol=1e-5, atol=1e-7)


def test_movement_range_of_a_walk_across_the_image():
    data = sequences()
    data.keypoints[:] = np.arange(len(data))[:, None, None] * np.float32([0.003, 0.004])
    ranges = movement_ranges(data, ("S9",), 5)
    # in the middle of a sequence the five frames are 2, 1, 0, 1 and 2 steps of 0.005 away
    np.testing.assert_allclose(ranges[3:39], 0.006, rtol=1e-4)
    assert ranges[0] == 0, "a sequence of one frame"


@pytest.mark.parametrize("span", [1, 9, 21])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("count", [50, 30])
def test_movement_tenths(span, causal, count):
    held = sequences()
    chosen = np.sort(np.random.default_rng(0).permutation(held.frames_of(("S9", "S11")))[:count])
    marks = np.isin(np.arange(len(held)), chosen)
    source = SimpleNamespace(load=lambda: replace(held, valid=marks))
    protocol = run(MovementRangeProtocol(source), span, causal=causal)
    data, test = protocol.sequences, protocol.frames["test"]
    assert test.tolist() == chosen.tolist()
    batch = served(protocol)
    assert batch["keypoints"].shape == (count, span, 17, 2)
    tenth = batch["movement"].numpy()
    assert np.bincount(tenth).tolist() == [count // 10] * 10
    ranges = np.array(
        [
            np.linalg.norm(window(data, f, span, causal) - data.keypoints[f], axis=-1).mean()
            for f in test
        ]
    )
    for low in range(9):
        assert ranges[tenth == low].max() <= ranges[tenth == low + 1].min() + 1e-6
    names = "00-10 10-20 20-30 30-40 40-50 50-60 60-70 70-80 80-90 90-100"
    assert protocol.groupings()["movement"] == names.split()
    assert (protocol.labels()["movement"][data.frames_of(("S1",))] == -1).all()


@settings(max_examples=25, deadline=None)
@given(SPANS, st.booleans(), st.integers(0, 5))
def test_farthest_is_the_maximum_over_the_window(span, causal, seed):
    data = sequences(seed)
    actual = farthest(data, span, causal)
    expected = [np.abs(window(data, f, span, causal)).max() for f in range(len(data))]
    np.testing.assert_array_equal(actual, np.float32(expected))


@pytest.mark.parametrize("causal", [False, True])
def test_shifted_windows(causal):
    source = SimpleNamespace(load=lambda: sequences(scale=0.22))
    protocol = run(
        GlobalShiftProtocol(source, shift=(0.15, -0.2)), receptive_field=3, causal=causal
    )
    data, every = protocol.sequences, protocol.sequences.frames_of(("S9", "S11"))
    inside = [f for f in every if np.abs(window(data, f, 3, causal)).max() + 0.2 < 1]
    assert 0 < len(inside) < len(every), "the case tells frames apart"
    assert protocol.frames["test"].tolist() == inside
    batch = served(protocol)
    for row, frame in enumerate(inside):
        points = window(data, frame, 3, causal)
        np.testing.assert_array_equal(batch["unshifted"][row], points.astype(np.float32))
        np.testing.assert_allclose(
            batch["keypoints"][row], points + np.array([0.15, -0.2]), atol=1e-6
        )
        np.testing.assert_array_equal(batch["joints"][row], data.joints[frame])
    assert batch["keypoints"].abs().max() < 1
    assert batch["keypoints"].dtype == torch.float32


def test_every_shift_is_judged_on_the_same_frames(human36m_files):
    source = Human36M(human36m_files.write())
    chosen = [
        run(GlobalShiftProtocol(source, shift=shift)).frames["test"].tolist()
        for shift in ((0.0, 0.0), (0.2, -0.2), (0.05, 0.1))
    ]
    assert chosen[0] == chosen[1] == chosen[2]


def test_only_test_batches_are_shifted():
    source = SimpleNamespace(load=lambda: sequences(scale=0.1))
    shifted = run(GlobalShiftProtocol(source), testing=False)
    plain = run(SubjectProtocol(source), testing=False)
    pairs = next(iter(plain.train_dataloader()))
    for name, values in plain.on_after_batch_transfer(pairs, 0).items():
        assert torch.equal(shifted.on_after_batch_transfer(pairs, 0)[name], values)
    assert "unshifted" not in shifted.on_after_batch_transfer(pairs, 0)


def test_training_on_central_frames_alone():
    source = SimpleNamespace(load=lambda: sequences(scale=0.1))
    data, kept = sequences(scale=0.1), []
    train = data.frames_of(("S1",))
    ranks = data.keypoints[train, 0, :2].argsort(axis=0).argsort(axis=0)
    for frame, rank in zip(train, ranks, strict=True):
        # of six roots, in x and in y, the lowest and the highest are not central
        if all(1 <= place <= 4 for place in rank):
            kept.append(frame)
    assert 0 < len(kept) < len(train)
    protocol = run(GlobalShiftProtocol(source, central=0.6), testing=False)
    assert protocol.frames["train"].tolist() == kept
    assert (
        protocol.frames["test"].tolist() == run(GlobalShiftProtocol(source)).frames["test"].tolist()
    )


def test_shifts_that_cannot_be():
    with pytest.raises(DataError, match=r"share of 0 cannot be trained on"):
        GlobalShiftProtocol(central=0)
    with pytest.raises(DataError, match=r"goes beyond the bound 0\.2: "):
        GlobalShiftProtocol(shift=(0.1, -0.21))
    source = SimpleNamespace(load=lambda: sequences(scale=9))
    with pytest.raises(DataError, match="No test window of noise stays inside the image"):
        run(GlobalShiftProtocol(source))
