"""Which frames each protocol trains and judges on."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from datamodules.protocols import (
    CrossActionProtocol,
    GlobalShiftProtocol,
    MovementRangeProtocol,
    RarePoseProtocol,
    SubjectProtocol,
)
from datamodules.rarity import occurrence
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.pose_npz.source import PoseNpz
from metrics import MPJPE
from poseproof.errors import DataError, UserError
from tests.datamodules.conftest import model_of

TRAIN, TEST = {"S1", "S5", "S6", "S7", "S8"}, {"S9", "S11"}


@pytest.fixture
def source(human36m_files):
    return Human36M(human36m_files.write())


def ready(protocol, stage="fit", receptive_field=1, causal=False):
    """The protocol after its setup, as in a run of a method of that receptive field."""
    model = model_of(receptive_field=receptive_field, causal=causal)
    protocol.trainer = SimpleNamespace(lightning_module=model)
    protocol.setup(stage)
    return protocol


def subjects_of(protocol, part):
    """Frame by frame, by the segment table."""
    return [
        next(s.subject for s in protocol.sequences.segments if s.start <= frame < s.stop)
        for frame in protocol.frames[part].tolist()
    ]


def assert_all_frames(protocol, part, subjects):
    expected = [
        frame
        for segment in protocol.sequences.segments
        if segment.subject in subjects
        for frame in range(segment.start, segment.stop)
    ]
    assert sorted(protocol.frames[part].tolist()) == expected


def served(loader):
    batches = list(loader)
    return torch.cat(batches) if batches else torch.empty(0, 2, dtype=torch.int64)


def test_the_split_of_the_data_set(source):
    protocol = ready(SubjectProtocol(source))
    assert_all_frames(protocol, "train", TRAIN)
    assert_all_frames(protocol, "test", TEST)
    assert set(subjects_of(protocol, "train")) == TRAIN
    assert set(subjects_of(protocol, "test")) == TEST
    assert protocol.frames["val"].size == 0
    assert protocol.val_dataloader() == []
    everything = np.concatenate([protocol.frames["train"], protocol.frames["test"]])
    assert sorted(everything.tolist()) == list(range(len(protocol.sequences)))


def test_splits_of_pose_npz(pose_npz_files):
    protocol = ready(SubjectProtocol(PoseNpz(pose_npz_files.write(), "own")))
    assert_all_frames(protocol, "train", {"A", "B"})
    assert_all_frames(protocol, "test", {"C"})


def test_subjects_of_ones_own_choice(source):
    protocol = ready(SubjectProtocol(source, train_subjects=["S9", "S6"], test_subjects=["S1"]))
    assert_all_frames(protocol, "train", {"S6", "S9"})
    assert_all_frames(protocol, "test", {"S1"})


@pytest.mark.parametrize("kind", [SubjectProtocol, RarePoseProtocol])
def test_the_validation_subject_is_not_trained_on(source, kind):
    protocol = ready(kind(source=source, val_subject="S6"), "validate")
    assert_all_frames(protocol, "val", {"S6"})
    assert_all_frames(protocol, "train", TRAIN - {"S6"})
    assert set(subjects_of(protocol, "test")) <= TEST
    [validated] = [served(protocol.val_dataloader())]
    assert sorted(validated[:, 0].tolist()) == sorted(protocol.frames["val"].tolist())
    assert not validated[:, 1].any()
    trained = served(protocol.train_dataloader())[:, 0].tolist()
    assert not {*trained} & {*protocol.frames["val"].tolist(), *protocol.frames["test"].tolist()}


@pytest.mark.parametrize(
    ("options", "phrase"),
    [
        ({"train_subjects": ["S1", "S2"]}, "There is no subject S2 in Human3.6M"),
        ({"test_subjects": ["S10", "S3"]}, "There is no subject S10, S3"),
        ({"test_subjects": ["S9", "S5"]}, "S5 would be trained and tested on"),
        ({"val_subject": "S9"}, "S9 cannot be held out for validation: name one of the training"),
        ({"val_subject": "S3"}, "S3 cannot be held out"),
        ({"train_subjects": ["S1"], "val_subject": "S1"}, "leave another one to train on"),
    ],
)
@pytest.mark.parametrize("kind", [SubjectProtocol, RarePoseProtocol])
def test_subjects_that_cannot_be(source, kind, options, phrase):
    with pytest.raises(DataError) as error:
        ready(kind(source=source, **options))
    assert phrase in str(error.value)
    assert "\n" not in str(error.value)


def test_a_split_of_the_file_that_names_no_subject(pose_npz_files):
    pose_npz_files.two["metadata"]["splits"] = {"train": ["A"], "test": ["C", "D"]}
    source = PoseNpz(pose_npz_files.write(), "own")
    with pytest.raises(DataError, match="There is no subject D in own"):
        ready(SubjectProtocol(source))


def test_validating_needs_a_subject_to_validate_on(source):
    with pytest.raises(DataError, match="No subject is held out for validation"):
        ready(SubjectProtocol(source), "validate")


KINDS = [
    SubjectProtocol,
    CrossActionProtocol,
    RarePoseProtocol,
    MovementRangeProtocol,
    GlobalShiftProtocol,
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("splits", [{"train": [], "test": ["C"]}, {"train": ["A"], "test": []}])
def test_a_stage_needs_frames_of_its_own_kind(pose_npz_files, kind, splits):
    pose_npz_files.two["metadata"]["splits"] = splits
    source = PoseNpz(pose_npz_files.write(), "own")
    possible, refused = ("test", "fit") if splits["test"] else ("fit", "test")
    part = {"fit": "train", "test": "test"}
    with pytest.raises(DataError) as error:
        ready(kind(source), refused)
    said = str(error.value)
    assert said.startswith(f"own (PoseNpz) has no frames to {part[refused]} on under this protocol")
    assert f"--data.init_args.{part[refused]}_subjects" in said
    assert "\n" not in said
    if splits["test"] or kind in (SubjectProtocol, CrossActionProtocol):
        assert len(ready(kind(source), possible).frames[part[possible]])
        return
    # those that judge a choice of the test frames choose them before anything is trained
    with pytest.raises(DataError, match="has no frames to test on"):
        ready(kind(source), "fit")


def test_subjects_make_up_for_a_split_that_names_none(pose_npz_files):
    pose_npz_files.two["metadata"]["splits"] = {"train": [], "test": []}
    source = PoseNpz(pose_npz_files.write(), "own")
    assert_all_frames(ready(SubjectProtocol(source, train_subjects=["B"])), "train", {"B"})
    tested = ready(SubjectProtocol(source, test_subjects=["A"]), "predict")
    assert_all_frames(tested, "test", {"A"})


def test_poses_to_count_against_must_be_there(pose_npz_files):
    pose_npz_files.two["metadata"]["splits"] = {"train": [], "test": ["C"]}
    source = PoseNpz(pose_npz_files.write(), "own")
    with pytest.raises(DataError, match="has no frames to train on"):
        ready(RarePoseProtocol(source, reference="train"), "test")


@pytest.mark.parametrize("stage", ["fit", "validate"])
@pytest.mark.parametrize("kind", KINDS)
def test_validation_errors_are_of_groups_that_its_frames_have(source, kind, stage):
    option = {"train_action": "WalkDog"} if kind is CrossActionProtocol else {}
    protocol = ready(kind(source, val_subject="S6", **option), stage)
    batch = protocol.windows(served(protocol.val_dataloader()))
    for name, groups in protocol.groupings().items():
        metric = MPJPE(len(groups), average="none")
        metric.update(batch["joints"], batch["joints"], batch[name])
        assert metric.count.sum() == len(protocol.frames["val"])


@pytest.mark.parametrize("stride", [1, 3])
@pytest.mark.parametrize("flip", [True, False])
def test_training_rows(source, stride, flip):
    options = {"batch_size": 64, "train_stride": stride, "flip": flip}
    protocol = ready(SubjectProtocol(source, **options))
    frames = [
        frame
        for segment in protocol.sequences.segments
        if segment.subject in TRAIN
        for frame in range(segment.start, segment.stop)
    ][::stride]
    expected = {(frame, flipped) for frame in frames for flipped in range(1 + flip)}
    loader = protocol.train_dataloader()
    rows = [tuple(row) for row in served(loader).tolist()]
    assert len(set(rows)) == len(rows)
    assert set(rows) <= expected
    assert len(expected) - len(rows) <= 1, "all but a last batch of a single row"
    assert all(1 < len(batch) <= 64 for batch in loader)
    # the stride thins the training frames alone
    assert_all_frames(protocol, "test", TEST)


def test_every_test_frame_is_served_once_and_plain(source):
    protocol = ready(SubjectProtocol(source, eval_batch_size=100))
    for loader in (protocol.test_dataloader(), protocol.predict_dataloader()):
        rows = served(loader)
        assert rows[:, 0].tolist() == protocol.frames["test"].tolist()
        assert not rows[:, 1].any()


def test_the_order_of_training_follows_the_seed(source, monkeypatch):
    protocol = ready(SubjectProtocol(source))
    orders = []
    for seed in ("4", "4", "5"):
        monkeypatch.setenv("PL_GLOBAL_SEED", seed)
        orders.append(served(protocol.train_dataloader()).tolist())
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[0]) == sorted(orders[2])


def test_batches_become_windows_of_the_methods_receptive_field(source):
    protocol = ready(SubjectProtocol(source), receptive_field=5)
    pairs = next(iter(protocol.test_dataloader()))[:7]
    batch = protocol.on_after_batch_transfer(pairs, 0)
    assert batch["keypoints"].shape == (7, 5, 17, 2)
    expected = protocol.sequences.joints[pairs[:, 0].numpy()]
    np.testing.assert_array_equal(batch["joints"], expected)
    assert batch["index"].tolist() == pairs[:, 0].tolist()


def test_the_groupings_name_the_numbers_of_a_batch(source):
    protocol = ready(RarePoseProtocol(source=source, rarest=50), "test")
    groupings = protocol.groupings()
    assert groupings["action"] == ["Directions", "WalkDog"]
    tenths = "00-10 10-20 20-30 30-40 40-50 50-60 60-70 70-80 80-90 90-100"
    assert groupings["rarity"] == tenths.split()
    batch = protocol.on_after_batch_transfer(served(protocol.test_dataloader()), 0)
    for name, labels in groupings.items():
        assert 0 <= batch[name].min() <= batch[name].max() < len(labels)
    for frame, number in zip(batch["index"].tolist(), batch["action"].tolist(), strict=True):
        segment = next(s for s in protocol.sequences.segments if s.start <= frame < s.stop)
        assert segment.action == groupings["action"][number]


def frames_and_occurrences(protocol, reference, stride=1, **options):
    """Every test frame and its occurrence, counted plainly."""
    sequences = protocol.sequences
    numbers = {"test": [], "train": []}
    for segment in sequences.segments:
        part = "train" if segment.subject in TRAIN else "test"
        numbers[part] += range(segment.start, segment.stop)
    counted = sequences.joints[numbers[reference][::stride]]
    test = np.array(numbers["test"])
    return test, occurrence(sequences.joints[test], counted, method="exact", **options)


@pytest.mark.parametrize(
    ("options", "counted"),
    [
        ({}, {"reference": "test", "sigma": 0.2}),
        ({"sigma": 0.5}, {"reference": "test", "sigma": 0.5}),
        (
            {"reference": "train", "reference_stride": 10, "kernel": "laplacian"},
            {"reference": "train", "stride": 10, "sigma": 0.2, "kernel": "laplacian"},
        ),
        (
            {"reference": "train", "reference_stride": 3},
            {"reference": "train", "stride": 3, "sigma": 0.2},
        ),
    ],
    ids=["paper", "wider", "released code", "train"],
)
def test_rare_poses_have_the_lowest_occurrence(source, options, counted):
    protocol = ready(RarePoseProtocol(source=source, rarest=20, **options))
    test, occurrences = frames_and_occurrences(protocol, **counted)
    chosen = protocol.frames["test"]
    assert len(chosen) == round(0.2 * len(test))
    assert len(set(chosen.tolist())) == len(chosen)
    by_frame = dict(zip(test.tolist(), occurrences, strict=True))
    values = np.array([by_frame.pop(frame) for frame in chosen.tolist()])
    assert values.max() <= min(by_frame.values()) + 1e-8
    assert (np.diff(values) >= -1e-8).all(), "rarest first"
    assert_all_frames(protocol, "train", TRAIN)


def test_the_options_choose_different_poses(source):
    chosen = [
        frozenset(ready(RarePoseProtocol(source=source, **options)).frames["test"].tolist())
        for options in ({}, {"sigma": 0.02}, {"reference": "train"}, {"kernel": "laplacian"})
    ]
    assert len(set(chosen)) == 4


def test_rarer_is_a_subset_and_all_is_all(source):
    ten, twenty, every = (
        ready(RarePoseProtocol(source=source, rarest=percent)).frames["test"].tolist()
        for percent in (10, 20, 100)
    )
    assert ten == twenty[: len(ten)] == every[: len(ten)]
    assert twenty == every[: len(twenty)]
    assert len(ten) < len(twenty) < len(every)
    whole = ready(SubjectProtocol(source)).frames["test"]
    assert sorted(every) == whole.tolist()


def test_rarity_bins_are_tenths_of_the_test_poses(source):
    protocol = ready(RarePoseProtocol(source=source, rarest=30))
    test, occurrences = frames_and_occurrences(protocol, "test", sigma=0.2)
    column = protocol.labels()["rarity"]
    bins = column[test]
    counts = np.bincount(bins, minlength=10)
    assert len(counts) == 10
    assert counts.max() - counts.min() <= 1
    for low in range(9):
        assert occurrences[bins == low].max() <= occurrences[bins == low + 1].min() + 1e-8
    rest = np.setdiff1d(np.arange(len(column)), test)
    assert (column[rest] == -1).all()
    # those judged on are the rarest tenths, three of them
    assert set(column[protocol.frames["test"]]) == {0, 1, 2}


@pytest.mark.parametrize("percent", [0, -5, 101])
def test_percentages_that_cannot_be(source, percent):
    with pytest.raises(UserError, match=f"percent is {percent}"):
        ready(RarePoseProtocol(source=source, rarest=percent))
