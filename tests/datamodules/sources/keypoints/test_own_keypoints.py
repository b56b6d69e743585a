"""A user's own keypoints: every format, several people, what is missing, sizes, mistakes."""

import json

import numpy as np
import pytest

from datamodules import DataError, OwnKeypoints
from datamodules.batch import DataNeeds
from datamodules.skeletons import H36M17
from datamodules.sources.keypoints import clip as clips
from datamodules.sources.keypoints.own_clip import read_own_clip
from poseproof.errors import UserError
from tests.datamodules import keypoint_writers as writers
from tests.datamodules.keypoint_writers import COCO, swaying

SIZE = (1280, 720)


def read(path, image_size=SIZE, layout=None, min_score=0.3):
    return read_own_clip(path, image_size, layout, min_score)


def coco(path, people):
    return writers.write_json(path, writers.coco_results(people))


def test_every_format_gives_the_same_clip(tmp_path):
    poses = swaying(12)
    clips = {name: read(path) for name, path in writers.every_format(tmp_path, poses).items()}
    assert len(clips) == 12
    for name, clip in clips.items():
        np.testing.assert_array_equal(clip.frames, np.arange(12), err_msg=name)
        np.testing.assert_allclose(clip.keypoints, clips["npz"].keypoints, atol=1e-9, err_msg=name)


def test_joints_are_made_as_the_docs_say(tmp_path):
    poses = swaying(3)
    clip = read(writers.write_npz(tmp_path / "c.npz", poses))
    np.testing.assert_allclose(clip.keypoints, writers.as_h36m(poses), atol=1e-9)


def test_human36m_joints_pass_as_they_are(tmp_path):
    poses = read(writers.write_npz(tmp_path / "coco.npz", swaying(4))).keypoints
    whole = np.concatenate([poses, np.ones((4, 17, 1))], axis=2)
    named = writers.write_npz(tmp_path / "named.npz", whole, layout="h36m")
    unnamed = writers.write_npz(tmp_path / "unnamed.npz", whole)
    meta = {"dataset_name": "h36m"}
    frames = writers.mmpose_frames({n: [pose] for n, pose in enumerate(whole)})
    said = writers.write_json(tmp_path / "m.json", {"meta_info": meta, "instance_info": frames})
    for clip in (read(named), read(unnamed, layout="h36m"), read(said)):
        np.testing.assert_allclose(clip.keypoints, poses, atol=1e-9)
    with pytest.raises(DataError, match=r"set --data\.init_args\.layout to h36m or coco"):
        read(unnamed)
    with pytest.raises(DataError, match="states its joints, h36m, but coco is given"):
        read(named, layout="coco")


def test_missing_and_unsure_joints_lie_between_their_sights(tmp_path):
    poses = swaying(9)
    wrist, ankle, knee = COCO.index("LWrist"), COCO.index("RAnkle"), COCO.index("LKnee")
    poses[:, [wrist, ankle, knee], :2] = np.linspace(500, 580, 9)[:, None, None]
    broken = poses.copy()
    broken[3:6, wrist, 2] = 0.29
    broken[3:6, wrist, :2] = 9
    broken[:2, ankle] = 0
    broken[7:, knee] = (5, 5, -1)
    clip = read(coco(tmp_path / "c.json", {n: [pose] for n, pose in enumerate(broken)}))
    at = H36M17.joints.index
    np.testing.assert_allclose(clip.keypoints[:, at("left_wrist")], poses[:, wrist, :2])
    held = poses[[2, 2, *range(2, 9)], ankle, :2]
    np.testing.assert_allclose(clip.keypoints[:, at("right_foot")], held)
    held = poses[[*range(7), 6, 6], knee, :2]
    np.testing.assert_allclose(clip.keypoints[:, at("left_knee")], held)
    assert any(note.startswith(f"{7 / (9 * 17):.1%} of the joints") for note in clip.notes)
    kept = read(tmp_path / "c.json", min_score=0.2).keypoints[4, at("left_wrist")]
    np.testing.assert_array_equal(kept, [9, 9])


def test_nan_is_missing_in_npz(tmp_path):
    poses = swaying(5)
    expected = read(writers.write_npz(tmp_path / "a.npz", poses)).keypoints
    broken = poses[..., :2].copy()
    broken[2, 7] = np.nan
    np.savez(tmp_path / "b.npz", keypoints=broken)
    between = read(tmp_path / "b.npz").keypoints
    middle = (expected[1] + expected[3]) / 2
    np.testing.assert_allclose(between[2, 12], middle[12])
    between[2, 12] = expected[2, 12]
    np.testing.assert_allclose(between, expected)


def test_a_joint_that_is_never_seen_is_refused(tmp_path):
    poses = swaying(5)
    poses[:, 10, 2] = 0.1
    with pytest.raises(DataError, match=r"right wrist is never seen with a score of 0\.3"):
        read(writers.write_npz(tmp_path / "c.npz", poses))
    poses[..., 2] = 0.2
    with pytest.raises(DataError, match=r"No joint of the clip has a score of 0\.3"):
        read(writers.write_npz(tmp_path / "d.npz", poses))


def test_a_person_is_followed_through_those_who_come_and_go(tmp_path):
    walking = swaying(20, 0)
    walking[..., 0] += 8 * np.arange(20)[:, None] - 300
    standing = swaying(20, 1, at=(1100, 380), size=320)
    # surer than the one who walks, but not there for long
    people = {n: [walking[n]] for n in range(20)}
    for n in range(5, 9):
        standing[n, :, 2] = 1
        people[n].insert(n % 2, standing[n])
    people[12] = []
    clip = read(coco(tmp_path / "c.json", people))
    alone = read(coco(tmp_path / "d.json", {n: [walking[n]] for n in range(20) if n != 12}))
    np.testing.assert_array_equal(clip.frames, np.arange(20))
    np.testing.assert_array_equal(clip.keypoints, alone.keypoints)
    assert "of up to 2 people in a frame" in clip.notes[0]
    assert "people" not in alone.notes[0]


def test_the_clip_lasts_from_first_sight_to_last(tmp_path):
    poses = swaying(6)
    people = {n: [] for n in range(10)} | {n + 2: [pose] for n, pose in enumerate(poses)}
    clip = read(writers.write_folder(tmp_path / "f", writers.openpose(people)))
    np.testing.assert_array_equal(clip.frames, np.arange(2, 8))
    assert "in 6 of the 10 frames, from 2 to 7" in clip.notes[0]


def test_frames_in_steps_follow_each_other(tmp_path):
    poses = swaying(6)
    held = writers.alphapose({100 + 5 * n: [pose] for n, pose in enumerate(poses)})
    clip = read(writers.write_json(tmp_path / "a.json", held[::-1]))
    np.testing.assert_array_equal(clip.frames, [100, 105, 110, 115, 120, 125])
    np.testing.assert_allclose(
        clip.keypoints, read(writers.write_npz(tmp_path / "c.npz", poses)).keypoints
    )


@pytest.mark.parametrize(
    ("at", "size", "expected"),
    [
        ((640, 380), 300, (1280, 720)),
        ((500, 240), 200, (640, 480)),
        ((300, 240), 200, (360, 640)),
        ((380, 640), 500, (720, 1280)),
        ((1900, 1000), 900, (3840, 2160)),
    ],
)
def test_an_image_size_is_estimated(at, size, expected, tmp_path):
    path = writers.write_npz(tmp_path / "c.npz", swaying(5, at=at, size=size))
    clip = read(path, image_size=None)
    assert clip.image_size == expected
    assert any(f"taken for {expected[0]} x {expected[1]}" in note for note in clip.notes)


def test_sizes_and_rates_of_the_file_are_taken(tmp_path):
    path = writers.write_npz(tmp_path / "c.npz", swaying(5), image_size=[1280, 800], fps=25.0)
    clip = read(path, image_size=None)
    assert (clip.image_size, clip.fps) == ((1280, 800), 25.0)
    assert len(clip.notes) == 1
    held = clip.sequences()
    # Eq. of normalize_screen, by hand
    np.testing.assert_allclose(held.keypoints[..., 0], clip.keypoints[..., 0] / 640 - 1, atol=1e-6)
    np.testing.assert_allclose(
        held.keypoints[..., 1], (clip.keypoints[..., 1] - 400) / 640, atol=1e-6
    )
    with pytest.raises(DataError, match="states its image size"):
        read(path)


def entry(**changes):
    (held,) = writers.coco_results({0: [swaying(1)[0]]})
    return [held | changes]


def frame(**changes):
    (held,) = writers.mmpose_frames({0: [swaying(1)[0]]})
    held["instances"][0] |= changes
    return [held]


KEYPOINTS = swaying(1)[0]
MISTAKES = {
    "words": ("this is no JSON", "is damaged"),
    "cut": (json.dumps(entry())[:-20], "is damaged"),
    "twice": ('[{"image_id": 0, "image_id": 1}]', "names a field twice"),
    "nan": (json.dumps(entry(keypoints=[float("nan")] * 51)), "not a finite number"),
    "deep": ("[" * 100_000, "is damaged"),
    "huge number": (json.dumps(entry(keypoints=[10**400] * 51)), "not a finite number"),
    "another thing": ({"info": {}, "annotations": []}, "of no known format"),
    "nothing": ([], "of no known format"),
    "16 joints": (entry(keypoints=[1.0] * 48), "51 numbers are needed"),
    "words for numbers": (entry(keypoints=["1"] * 51), "not a finite number"),
    "no image": ([{"keypoints": [1.0] * 51}], "`image_id` is neither"),
    "a truth value": (entry(image_id=True), "`image_id` is neither"),
    "no keypoints": ([*entry(), {"image_id": 3}], "entry 1: a person"),
    "both": (entry() + entry(image_id="a1.jpg"), "names some images and numbers others"),
    "no numbers": (entry(image_id="a.jpg") + entry(image_id="b.jpg"), "do not number the frames"),
    "same numbers": (entry(image_id="a1.jpg") + entry(image_id="b1.jpg"), "do not number"),
    "a crowd": (entry() * 101, "more than 100 people in one frame"),
    "nobody": ({"people": []}, "contains no people"),
    "15 joints of OpenPose": ({"people": [{"pose_keypoints_2d": [1.0] * 45}]}, "75 or 54 numbers"),
    "no list of people": ({"people": {}}, "list of up to 100 people"),
    "a person without joints": ({"bodies": [{}]}, "a person has no `joints`"),
    "133 joints of MMPose": (frame(keypoints=[[1.0, 2.0]] * 133), "17 `keypoints`"),
    "scores of MMPose": (frame(keypoint_scores=None), "17 `keypoints`"),
    "words of MMPose": (frame(keypoint_scores=["1"] * 17), "not a finite number"),
    "a frame twice": (frame() + frame(), "entry 1: a frame is needed"),
    "no instances": ({"instance_info": 3}, "`instance_info` is not a list"),
    "normalised": (entry(keypoints=writers.flat(KEYPOINTS / 1280)), "No joint|look normalised"),
    "elsewhere": (entry(keypoints=writers.flat(KEYPOINTS * [9, 9, 1])), "far outside the 1280"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_sentence(name, tmp_path):
    held, words = MISTAKES[name]
    path = tmp_path / "clip.json"
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    with pytest.raises(DataError, match=words) as raised:
        read(path, min_score=0.0)
    assert str(raised.value).isprintable()
    assert str(raised.value).endswith(".")


NPZ = {
    "no keypoints": ({"poses": np.zeros((3, 17, 2))}, "has poses, but `keypoints` is needed"),
    "another key": ({"keypoints": swaying(2), "more": 1}, "has more, but"),
    "joints": ({"keypoints": np.zeros((3, 18, 2))}, r"shape \(3, 18, 2\)"),
    "scores": ({"keypoints": swaying(2), "scores": np.ones(17)}, "`scores` has shape"),
    "text": ({"keypoints": np.full((3, 17, 2), "a")}, "not an array of real numbers"),
    "infinite": ({"keypoints": np.full((3, 17, 2), np.inf)}, "a million or more"),
    "size": ({"keypoints": swaying(2), "image_size": 3}, "not a width and a height"),
    "half a pixel": ({"keypoints": swaying(2), "image_size": (9.5, 9)}, "not a width and a"),
    "fps": ({"keypoints": swaying(2), "fps": 0}, "not a number of frames per second"),
    "layout": ({"keypoints": swaying(2), "layout": "mpii"}, "neither coco nor h36m"),
    "no frames": ({"keypoints": np.zeros((0, 17, 2))}, "contains no people"),
    "only NaN": ({"keypoints": np.full((4, 17, 2), np.nan)}, "No joint of the clip"),
}


@pytest.mark.parametrize("name", NPZ)
def test_mistakes_in_npz_are_told_in_one_sentence(name, tmp_path):
    held, words = NPZ[name]
    np.savez(tmp_path / "clip.npz", **held)
    with pytest.raises(DataError, match=words):
        read(tmp_path / "clip.npz", image_size=None)


def test_a_file_that_is_too_large_is_refused(tmp_path, monkeypatch):
    path = coco(tmp_path / "c.json", {n: [pose] for n, pose in enumerate(swaying(3))})
    folder = writers.write_folder(tmp_path / "f", writers.openpose({0: [KEYPOINTS]}))
    for module in ("reading.safe_json", "sources.keypoints.read"):
        monkeypatch.setattr(f"datamodules.{module}.MOST_BYTES", 500)
    for place in (path, folder):
        with pytest.raises(DataError, match="split it"):
            read(place)


def test_what_is_not_there_is_refused(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        read(tmp_path / "no.json")
    with pytest.raises(DataError, match=r"holds no \.json files"):
        read(tmp_path)


def test_only_lifting_is_for_own_keypoints(tmp_path):
    path = str(writers.write_npz(tmp_path / "c.npz", swaying(3)))
    data = OwnKeypoints(path, SIZE)
    for stage in ("fit", "validate", "test"):
        with pytest.raises(UserError, match="use `lightning predict`"):
            data.load(stage, DataNeeds())
    with pytest.raises(UserError, match="takes images, not keypoints"):
        data.load("predict", DataNeeds(image_size=64))
    with pytest.raises(UserError, match=r"Human3\.6M's 17 joints"):
        data.load("predict", DataNeeds(skeleton="humaneva15"))
    data.load("predict", DataNeeds())
    assert len(data.sequences) == len(data.frames["test"]) == 3
    assert not data.sequences.has_joints


def test_scores_of_another_scale_are_scores(tmp_path):
    """AlphaPose's reach 6 in some versions."""
    poses = swaying(4)
    poses[..., 2] *= 6
    held = writers.alphapose({n: [pose] for n, pose in enumerate(poses)})
    assert clips.person(poses[0].copy()).score > 1
    assert len(read(writers.write_json(tmp_path / "a.json", held)).notes) == 1
