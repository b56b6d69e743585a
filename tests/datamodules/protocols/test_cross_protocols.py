"""Which frames train and which are judged across actions and data sets, by loops over segments."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from datamodules.protocols import CrossActionProtocol, CrossDatasetProtocol, SubjectProtocol
from datamodules.sequences import PoseSequences, Segment, join
from datamodules.skeletons import H36M17, HUMANEVA15
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.pose_npz.source import PoseNpz
from datamodules.sources.source import Source
from datamodules.sources.synthetic.source import SyntheticMocap
from metrics import MPJPE
from poseproof.errors import DataError
from tests.datamodules.conftest import model_of

CMU = Path(__file__).parents[4] / "shared/data/cmu17"
CAMERA = human36m_cameras()["S1"][0]
SUBJECTS, ACTIONS = ("S1", "S5", "S9"), ("Sitting", "SittingDown", "Walking")
SPLITS = {"train": ("S1", "S5"), "test": ("S9",)}


class Held(Source):
    """Sequences as a source that hands out a new copy whenever it is read."""

    def __init__(self, sequences):
        self.sequences = sequences

    def read(self):
        return replace(self.sequences)

    def __hash__(self):
        return id(self.sequences)


def made(takes, seed=0, channels=2, **kwargs):
    """Sequences of (subject, action, frames) takes, noise in the arrays."""
    rng, stops = np.random.default_rng(seed), np.cumsum([frames for *_, frames in takes]).tolist()
    return PoseSequences(
        keypoints=rng.normal(size=(stops[-1], 17, channels)).astype(np.float32),
        joints=rng.normal(size=(stops[-1], 17, 3)).astype(np.float32),
        segments=tuple(
            Segment(stop - frames, stop, subject, action, f"{action} {number}", CAMERA, 50.0)
            for number, (stop, (subject, action, frames)) in enumerate(
                zip(stops, takes, strict=True)
            )
        ),
        **{"skeleton": H36M17, "splits": SPLITS, "title": "noise", **kwargs},
    )


@st.composite
def data(draw):
    """Any sequences in which all subjects and actions occur, some frames not to be judged."""
    take = st.tuples(st.sampled_from(SUBJECTS), st.sampled_from(ACTIONS), st.integers(1, 4))
    least = [(subject, action, 2) for subject in SUBJECTS for action in ACTIONS]
    takes = draw(st.permutations(least + draw(st.lists(take, max_size=6))))
    count = sum(frames for *_, frames in takes)
    marks = draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    judged = None if marks is None else np.array(marks)
    if judged is not None and not judged[frames_where(made(takes), subjects={"S9"})].any():
        judged = None
    scenes = draw(st.sampled_from([{}, {"S9": "GS"}, {"S1": "GS", "S9": "outdoor"}]))
    return made(takes, draw(st.integers(0, 9)), valid=judged, scenes=scenes)


def frames_where(sequences, subjects=None, action=None):
    chosen = []
    for s in sequences.segments:
        for frame in range(s.start, s.stop):
            may = sequences.valid is None or bool(sequences.valid[frame])
            if may and s.subject in (subjects or SUBJECTS) and s.action == (action or s.action):
                chosen.append(frame)
    return chosen


def ready(protocol, stage="test", receptive_field=1):
    """The protocol after its setup, as in a run of a method with such windows."""
    model = model_of(receptive_field=receptive_field)
    protocol.trainer = SimpleNamespace(lightning_module=model)
    protocol.setup(stage)
    return protocol


def batch_of(protocol, part):
    frames = torch.from_numpy(protocol.frames[part])
    pairs = torch.stack([frames, torch.zeros_like(frames)], dim=1)
    return protocol.on_after_batch_transfer(pairs, 0)


@settings(max_examples=30, deadline=None)
@given(data(), st.sampled_from(ACTIONS), st.booleans())
def test_the_clean_variant_keeps_subjects_apart(sequences, action, held_out):
    options = {"val_subject": "S5"} if held_out else {}
    protocol = ready(CrossActionProtocol(Held(sequences), action, **options))
    train = {"S1"} if held_out else {"S1", "S5"}
    assert protocol.frames["train"].tolist() == frames_where(sequences, train, action)
    assert protocol.frames["test"].tolist() == frames_where(sequences, {"S9"})
    held = frames_where(sequences, {"S5"}) if held_out else []
    assert protocol.frames["val"].tolist() == held, "all actions, as in the test"


@settings(max_examples=30, deadline=None)
@given(data(), st.sampled_from(ACTIONS))
def test_the_released_variant_tests_on_what_it_trains_on(sequences, action):
    protocol = ready(CrossActionProtocol(Held(sequences), action, variant="released"))
    assert protocol.frames["train"].tolist() == frames_where(sequences, action=action)
    assert protocol.frames["test"].tolist() == frames_where(sequences)
    assert protocol.frames["val"].size == 0


def test_a_files_action_is_all_of_its_takes_and_no_other_action(pose_npz_files):
    names = ("Sitting", "Sitting 1", "SittingDown", "SittingDown 1")
    for contents in (pose_npz_files.three["positions_3d"], pose_npz_files.two["positions_2d"]):
        for takes in contents.values():
            sitting, walking = takes.pop("Sitting"), takes.pop("Walking 1")
            takes |= dict(zip(names, (sitting, walking, walking, sitting), strict=True))
    source = PoseNpz(pose_npz_files.write(), "own")
    protocol = ready(CrossActionProtocol(source, "Sitting"))
    takes = {
        s.take
        for s in protocol.sequences.segments
        if {*range(s.start, s.stop)} & {*protocol.frames["train"].tolist()}
    }
    assert takes == {"Sitting", "Sitting 1"}
    # two subjects, two takes, two cameras
    assert len(protocol.frames["train"]) == 2 * 2 * 2 * 24
    assert protocol.groupings() == {"action": ["Sitting", "SittingDown"]}
    assert np.bincount(batch_of(protocol, "test")["action"]).tolist() == [2 * 2 * 24] * 2


@pytest.mark.parametrize("stage", ["fit", "test"])
@pytest.mark.parametrize("variant", ["clean", "released"])
def test_an_action_that_there_is_not(human36m_files, variant, stage):
    source = Human36M(human36m_files.write())
    with pytest.raises(DataError) as error:
        ready(CrossActionProtocol(source, "Direction", variant=variant), stage)
    said = str(error.value)
    assert (
        "acts 'Direction': choose --data.init_args.train_action from Directions, WalkDog." in said
    )
    assert "\n" not in said


def test_an_action_of_test_subjects_alone():
    sequences = made([("S1", "Walking", 3), ("S5", "Walking", 3), ("S9", "Sitting", 3)])
    with pytest.raises(DataError, match=r"acts 'Sitting': choose .* from Walking\.$"):
        ready(CrossActionProtocol(Held(sequences), "Sitting"))
    protocol = ready(CrossActionProtocol(Held(sequences), "Sitting", variant="released"))
    assert protocol.frames["train"].tolist() == [6, 7, 8]


def test_a_library_of_clips_is_not_listed_in_full():
    takes = [("S1", f"clip{number:04d}", 1) for number in range(1000)]
    takes += [("S5", "clip0000", 1), ("S9", "Walking", 1)]
    with pytest.raises(DataError, match=r"clip0000, .* and 970 more\.$") as error:
        ready(CrossActionProtocol(Held(made(takes)), "Walking"))
    assert len(str(error.value)) < 500


@pytest.mark.parametrize(
    "options", [{"train_subjects": ["S1"]}, {"test_subjects": ["S9"]}, {"val_subject": "S5"}]
)
def test_the_released_variant_takes_no_subjects(options):
    with pytest.raises(ValueError, match="The released variant trains and tests on everyone"):
        CrossActionProtocol(variant="released", **options)


def test_a_variant_that_there_is_not():
    with pytest.raises(ValueError, match="no variant 'official': choose clean or released"):
        CrossActionProtocol(variant="official")


@settings(max_examples=30, deadline=None)
@given(data(), data())
def test_joined_data_are_both_on_end(first, second):
    joined = join(first, second)
    for frame in range(len(joined)):
        own = frame < len(first)
        held, place = (first, frame) if own else (second, frame - len(first))
        np.testing.assert_array_equal(joined.keypoints[frame], held.keypoints[place])
        np.testing.assert_array_equal(joined.joints[frame], held.joints[place])
        assert joined.valid[frame] == (held.valid is None or held.valid[place])
        (segment,) = (s for s in joined.segments if s.start <= frame < s.stop)
        (source,) = (s for s in held.segments if s.start <= place < s.stop)
        assert segment.subject == ("" if own else "test:") + source.subject
        assert (segment.action, segment.take) == (source.action, source.take)
        assert frame - segment.start == place - source.start
        assert segment.stop - segment.start == source.stop - source.start
    assert len(joined) == len(first) + len(second) == len(joined.valid)
    assert joined.splits == {"train": ("S1", "S5"), "test": ("test:S9",)}
    assert joined.title == "noise -> noise"
    assert joined.scenes == first.scenes | {f"test:{s}": kind for s, kind in second.scenes.items()}


@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize("change", ["keypoints", "joints", "valid", "scenes", "segments"])
def test_the_fingerprint_covers_both(place, change):
    both = [made([(subject, "Walking", 3) for subject in SUBJECTS], seed) for seed in (1, 2)]
    changed = {
        "keypoints": both[place].keypoints + 1,
        "joints": both[place].joints + 1,
        "valid": np.arange(9) > 0,
        "scenes": {"S9": "GS"},
        "segments": tuple(replace(s, fps=25.0) for s in both[place].segments),
    }
    before = join(*both).fingerprint()
    assert join(*both).fingerprint() == before
    assert join(*reversed(both)).fingerprint() != before
    both[place] = replace(both[place], **{change: changed[change]})
    assert join(*both).fingerprint() != before


@pytest.mark.parametrize(("channels", "kept"), [((3, 3), 3), ((2, 3), 2), ((3, 2), 2)])
def test_scores_are_kept_where_both_have_them(channels, kept):
    first, second = (
        made([("S1", "Walking", 3), ("S9", "Walking", 3)], channels=count) for count in channels
    )
    expected = [*first.keypoints[..., :kept], *second.keypoints[..., :kept]]
    np.testing.assert_array_equal(join(first, second).keypoints, expected)


def test_skeletons_that_differ():
    first, second = (
        made([("S1", "Walking", 3)], skeleton=skeleton, title=skeleton.name.upper())
        for skeleton in (H36M17, HUMANEVA15)
    )
    with pytest.raises(DataError) as error:
        ready(CrossDatasetProtocol(Held(first), Held(second)))
    assert str(error.value) == (
        "H36M17 (h36m17) and HUMANEVA15 (humaneva15) have different skeletons: choose data of one "
        "skeleton."
    )


@settings(max_examples=30, deadline=None)
@given(
    data(),
    data(),
    st.sampled_from([(None, {"S9"}), ("all", {*SUBJECTS}), (["S9", "S1"], {"S1", "S9"})]),
    st.booleans(),
)
def test_one_data_set_trains_and_the_other_is_judged(first, second, tested, held_out):
    option, subjects = tested
    options = {"val_subject": "S5"} if held_out else {}
    protocol = ready(
        CrossDatasetProtocol(Held(first), Held(second), test_subjects=option, **options)
    )
    train = {"S1"} if held_out else {"S1", "S5"}
    assert protocol.frames["train"].tolist() == frames_where(first, train)
    assert protocol.frames["val"].tolist() == (frames_where(first, {"S5"}) if held_out else [])
    judged = frames_where(second, subjects)
    assert protocol.frames["test"].tolist() == [len(first) + frame for frame in judged]
    np.testing.assert_array_equal(batch_of(protocol, "test")["joints"], second.joints[judged])


def test_files_of_two_formats(human36m_files, pose_npz_files):
    own, other = Human36M(human36m_files.write()), PoseNpz(pose_npz_files.write(), "own")
    protocol = ready(CrossDatasetProtocol(own, other), receptive_field=9)
    assert protocol.sequences.title == "Human3.6M (gt 2D) -> own (PoseNpz)"
    assert protocol.test_source is other
    assert protocol.groupings() == {"action": ["Directions", "Sitting", "WalkDog", "Walking"]}
    count = len(own.load())
    assert protocol.frames["train"].tolist() == frames_where(
        own.load(), {"S1", "S5", "S6", "S7", "S8"}
    )
    assert protocol.frames["test"].tolist() == [
        count + frame for frame in frames_where(other.load(), {"C"})
    ]
    # windows end where their sequence does, at the seam as elsewhere
    held = protocol.sequences
    seam = torch.tensor([[count - 1, 0], [count, 0]])
    last, first = protocol.on_after_batch_transfer(seam, 0)["keypoints"].numpy()
    np.testing.assert_array_equal(last[4:], held.keypoints[[count - 1] * 5])
    np.testing.assert_array_equal(first[:5], held.keypoints[[count] * 5])


def test_subjects_are_named_as_in_their_own_data(human36m_files, pose_npz_files):
    own, other = Human36M(human36m_files.write()), PoseNpz(pose_npz_files.write(), "own")
    with pytest.raises(DataError, match=r"There is no subject test:S9 in Human3\.6M .* -> own"):
        ready(CrossDatasetProtocol(own, other, test_subjects=["S9"]))
    with pytest.raises(DataError, match="There is no subject C in "):
        ready(CrossDatasetProtocol(own, other, train_subjects=["C"]))


def test_test_data_without_a_split():
    first, second = (made([(s, "Walking", 3) for s in SUBJECTS], seed) for seed in (1, 2))
    sources = Held(first), Held(replace(second, splits={"train": SUBJECTS}))
    assert len(ready(CrossDatasetProtocol(*sources), "fit").frames["train"]) == 6
    with pytest.raises(DataError, match="noise -> noise has no frames to test on"):
        ready(CrossDatasetProtocol(*sources))
    assert len(ready(CrossDatasetProtocol(*sources, test_subjects="all")).frames["test"]) == 9


TWELVE = [(subject, "Walking", 3) for subject in ("T1", "T2", "T3", "T4")]


@pytest.mark.parametrize(
    ("scenes", "names", "expected"),
    [
        ({"T1": "GS", "T2": "noGS", "T3": "GS", "T4": "outdoor"}, "GS noGS outdoor", [0, 1, 0, 2]),
        ({"T3": "GS", "T2": "outdoor"}, "unnamed outdoor GS", [0, 1, 2, 0]),
        ({"T9": "GS"}, "", None),
        ({}, "", None),
    ],
    ids=["all", "some", "others", "none"],
)
def test_errors_by_scene(scenes, names, expected):
    first = made([(s, "Walking", 2) for s in SUBJECTS], scenes={"S1": "lab", "S9": "lab"})
    splits = {"train": (), "test": ("T1", "T2", "T3", "T4")}
    second = made(TWELVE, 3, splits=splits, scenes=scenes, valid=np.arange(12) % 3 > 0)
    options = Held(first), Held(second)
    protocol = ready(CrossDatasetProtocol(*options, val_subject="S5"))
    if expected is None:
        assert protocol.groupings() == {"action": ["Walking"]}
        assert protocol.labels() == {}
        return
    assert protocol.groupings() == {"action": ["Walking"], "scene": names.split()}
    batch = batch_of(protocol, "test")
    assert batch["scene"].tolist() == np.repeat(expected, 2).tolist(), "two of three are judged"
    assert (protocol.labels()["scene"][: len(first)] == -1).all()


@pytest.mark.parametrize(("stage", "part"), [("fit", "val"), ("validate", "val"), ("test", "test")])
def test_a_metric_takes_every_group_of_a_stage(stage, part):
    first = made([(s, "Walking", 2) for s in SUBJECTS])
    splits = {"train": (), "test": ("T1", "T2")}
    second = made(TWELVE, 3, splits=splits, scenes={"T2": "GS"})
    protocol = ready(CrossDatasetProtocol(Held(first), Held(second), val_subject="S5"), stage)
    batch = batch_of(protocol, part)
    for name, groups in protocol.groupings().items():
        metric = MPJPE(len(groups), average="none")
        metric.update(batch["joints"], batch["joints"], batch[name])
        assert metric.count.sum() == len(batch["joints"]) > 0


def test_other_data_to_test_on():
    with pytest.raises(ValueError, match=r"no data to test on: give --data.init_args.test_source"):
        CrossDatasetProtocol()
    with pytest.raises(ValueError, match="The data to test on are those to train on"):
        CrossDatasetProtocol(SyntheticMocap(seed=3), SyntheticMocap(seed=3))
    with pytest.raises(ValueError, match="The data to test on are those to train on"):
        CrossDatasetProtocol(test_source=SyntheticMocap())


def test_the_runs_of_a_table_read_and_join_once():
    first, second = (made([(s, "Walking", 3) for s in SUBJECTS], seed) for seed in (1, 2))
    seen = set()
    for _ in range(3):
        # every run names sources of its own
        seen.add(ready(SubjectProtocol(Held(first))).sequences)
        protocol = ready(CrossDatasetProtocol(Held(first), Held(second)))
        seen |= {protocol.sequences, protocol.source.load(), protocol.test_source.load()}
        seen.add(ready(SubjectProtocol(Held(second))).sequences)
    assert len(seen) == 3, "two data sets and their join"


@pytest.mark.skipif(not CMU.is_dir(), reason=f"CMU motions in PoseNpz's layout are not at {CMU}")
@pytest.mark.parametrize("direction", ["from generated motion", "to generated motion"])
def test_generated_and_recorded_motion(direction, tiny_motion):
    sources = [SyntheticMocap(frames=12), PoseNpz(str(CMU), "cmu17")]
    own, other = sources if direction.startswith("from") else reversed(sources)
    protocol = ready(CrossDatasetProtocol(own, other, batch_size=64, eval_batch_size=64), "fit", 3)
    held, first = protocol.sequences, own.load()
    expected = frames_where(first, first.splits["train"])
    assert protocol.frames["train"].tolist() == expected
    pairs = next(iter(protocol.train_dataloader()))
    batch = protocol.on_after_batch_transfer(pairs, 0)
    assert batch["keypoints"].shape == (64, 3, 17, 2)
    assert {*pairs[:, 0].tolist()} <= {*expected}
    protocol = ready(protocol, "test", 3)
    assert protocol.sequences is held
    pairs = next(iter(protocol.test_dataloader()))
    batch = protocol.on_after_batch_transfer(pairs, 0)
    places = frames_where(other.load(), other.load().splits["test"])[:64]
    np.testing.assert_array_equal(batch["joints"], other.load().joints[places])
    np.testing.assert_array_equal(batch["keypoints"][:, 1], other.load().keypoints[places])
    names = [protocol.groupings()["action"][number] for number in batch["action"].tolist()]
    segments = other.load().segments
    assert names == [next(s.action for s in segments if s.start <= f < s.stop) for f in places]
