"""Generated motion: bodies that could be, in view, seeded, with limbs that go together."""

import numpy as np
import pytest
import yaml

from datamodules.rarity import occurrence
from datamodules.skeletons import H36M17
from datamodules.sources.synthetic import source as synthetic
from datamodules.sources.synthetic.source import FPS, SyntheticMocap, generate

FRAMES = 100
ACTIONS = [
    *("Directions", "Discussion", "Eating", "Greeting", "Phoning", "Photo", "Posing", "Purchases"),
    *("Sitting", "SittingDown", "Smoking", "Waiting", "WalkDog", "WalkTogether", "Walking"),
]


@pytest.fixture(scope="module")
def worlds():
    return generate(FRAMES, seed=0)


def angle(a, b):
    """Degrees between vectors."""
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def test_subjects_actions_takes_cameras_and_splits(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    sequences = SyntheticMocap(frames=5).read()
    assert sequences.subjects == ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
    assert sequences.actions == ACTIONS
    assert len(sequences.segments) == 7 * 15 * 2 * 4
    assert sequences.splits == {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
    assert {segment.fps for segment in sequences.segments} == {50.0}


def test_bones_keep_their_length_and_subjects_differ(worlds):
    lengths = {}
    for (subject, _), world in worlds.items():
        bones = np.stack(
            [np.linalg.norm(world[:, a] - world[:, b], axis=-1) for a, b in H36M17.bones]
        )
        np.testing.assert_allclose(bones, bones[:, :1].repeat(FRAMES, 1), atol=2e-6)
        lengths.setdefault(subject, bones[:, 0])
        np.testing.assert_allclose(bones[:, 0], lengths[subject], atol=2e-6)
    assert np.ptp(np.stack(list(lengths.values())), axis=0).min() > 0.002


def test_hinges_stay_inside_their_ranges_and_bend_the_right_way(worlds):
    ranges = yaml.safe_load((synthetic._FOLDER / "motion.yaml").read_text())["ranges"]
    world = np.concatenate(list(worlds.values()))
    for a, b, c, name in ((1, 2, 3, "knee"), (4, 5, 6, "knee"), (11, 12, 13, "elbow")):
        bend = angle(world[:, b] - world[:, a], world[:, c] - world[:, b])
        low, high = ranges[f"{name}_flexion"]
        assert low <= bend.min() and bend.max() <= high + 0.01
        assert bend.max() > 90
    for hip, knee, foot in ((1, 2, 3), (4, 5, 6)):
        # a shank turns back from its thigh about the body's left: forward thigh, foot behind
        across = world[:, 4] - world[:, 1]
        turned = np.cross(world[:, knee] - world[:, hip], world[:, foot] - world[:, knee])
        seated = angle(world[:, knee] - world[:, hip], world[:, 0] - world[:, 7]) > 70
        assert ((turned * across).sum(-1)[seated] > 0).all()


def test_left_is_left_when_walking(worlds):
    """Forward is where a walker goes; the left hip lies to the left of it."""
    world = worlds["S9", "Walking"]
    forward = np.diff(world[:, 0, :2], axis=0)
    left = (world[:, 4] - world[:, 1])[:-1, :2]
    assert (forward[:, 0] * left[:, 1] - forward[:, 1] * left[:, 0] > 0).all()


def test_motion_is_smooth_and_on_the_floor(worlds):
    world = np.stack(list(worlds.values()))
    speed = np.linalg.norm(np.diff(world, axis=1), axis=-1) * FPS
    jerk = np.linalg.norm(np.diff(world, n=2, axis=1), axis=-1) * FPS**2
    assert speed.max() < 10  # a throw's wrist
    assert np.percentile(jerk, 99.9) < 60
    lowest = world[..., 2].min(-1)
    assert lowest.min() > 0.05 and lowest.max() < 0.2


def test_everyone_is_in_every_picture(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert (np.abs(SyntheticMocap(FRAMES).read().keypoints) > 1.002).mean() < 1e-3


def test_a_seed_is_a_set_and_the_cache_gives_it_back(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    first = SyntheticMocap(frames=8, seed=3).read()
    (cached,) = (tmp_path / "poseproof").iterdir()
    again = SyntheticMocap(frames=8, seed=3).read()
    cached.write_bytes(cached.read_bytes()[:1000])
    mended = SyntheticMocap(frames=8, seed=3).read()
    other = SyntheticMocap(frames=8, seed=4).read()
    assert first.fingerprint() == again.fingerprint() == mended.fingerprint()
    assert first.fingerprint() != other.fingerprint()
    assert len(list((tmp_path / "poseproof").iterdir())) == 2


def test_a_limb_goes_together_more_than_limbs_do(worlds):
    """Variance of a wrist that the rest of its arm explains, against what the other arm does."""
    world = np.concatenate([worlds["S9", a] for a in ("Directions", "Discussion", "Posing")])
    arms = {}
    for side, shoulder in (("left", 11), ("right", 14)):
        elbow, wrist = (world[:, shoulder + n] - world[:, shoulder] for n in (1, 2))
        arms[side] = elbow, wrist

    def explained(given, wanted):
        design = np.column_stack([given, np.ones(len(given))])
        rest = wanted - design @ np.linalg.lstsq(design, wanted, rcond=None)[0]
        return 1 - rest.var(0).sum() / wanted.var(0).sum()

    within = explained(arms["left"][0], arms["left"][1])
    between = explained(np.column_stack(arms["right"]), arms["left"][1])
    assert within > between + 0.2


def test_some_poses_are_rare(worlds):
    poses = np.concatenate(list(worlds.values()))[::10].astype(np.float64)
    poses -= poses[:, :1]
    occurrences = occurrence(poses, poses, sigma=0.2)
    rare, median, common = np.percentile(occurrences, [1, 50, 99])
    assert median - rare > 1.2 * (common - median)
