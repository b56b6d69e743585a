"""Human36M and PoseNpz: what they read, and what they say of files that are not right."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.human36m.source import Human36M
from datamodules.sources.pose_npz.source import PoseNpz
from poseproof.errors import DataError

SUBJECTS = ["S1", "S5", "S6", "S7", "S8", "S9", "S11"]
# the 17 joints among the 32 recorded ones, as in the public loaders
KEPT = [0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27]


def relative(world, orientation):
    """Root-relative joints in the camera frame, where the camera's place does not matter."""
    w, x, y, z = orientation
    turned = Rotation.from_quat([x, y, z, w]).inv().apply(world.reshape(-1, 3).astype(float))
    turned = turned.reshape(world.shape)
    return turned - turned[:, :1]


def one(sequences, subject, take, camera):
    found = [
        segment
        for segment in sequences.segments
        if (segment.subject, segment.take, segment.camera.id) == (subject, take, camera.id)
    ]
    assert len(found) == 1
    return found[0]


def assert_says(error, phrase):
    """One clear sentence on one line, which says what is asked for."""
    message = str(error.value)
    assert phrase in message
    assert "\n" not in message
    assert message.endswith(".")
    assert ". " not in message
    assert len(message) < 400


def test_human36m_reads_17_joints_of_four_cameras(human36m_files):
    sequences = Human36M(human36m_files.write()).read()
    assert sequences.subjects == SUBJECTS
    assert sequences.splits == {"train": ("S1", "S5", "S6", "S7", "S8"), "test": ("S9", "S11")}
    assert sequences.actions == ["Directions", "WalkDog"]
    assert len(sequences.segments) == (7 * 3 - 1) * 4
    assert len(sequences) == 4 * (7 * (20 + 21 + 22) - 20)
    assert sequences.joints.dtype == sequences.keypoints.dtype == np.float32
    stop = 0
    for segment in sequences.segments:
        assert segment.start == stop
        assert segment.fps == 50
        stop = segment.stop
    assert stop == len(sequences.joints) == len(sequences.keypoints)

    for subject in SUBJECTS:
        for number, camera in enumerate(human36m_cameras()[subject]):
            segment = one(sequences, subject, "WalkDog", camera)
            frames = slice(segment.start, segment.stop)
            world = human36m_files.three["positions_3d"][subject]["WalkDog"][:, KEPT]
            expected = relative(world, camera.orientation)
            np.testing.assert_allclose(sequences.joints[frames], expected, atol=2e-6)
            pixels = human36m_files.two["positions_2d"][subject]["WalkDog"][number]
            height = camera.height
            expected = np.stack([pixels[..., 0] / 500 - 1, pixels[..., 1] / 500 - height / 1000], 2)
            np.testing.assert_allclose(sequences.keypoints[frames], expected, atol=1e-6)


def test_human36m_names_actions_without_the_number_of_the_take(human36m_files):
    sequences = Human36M(human36m_files.write()).read()
    takes = {(segment.take, segment.action) for segment in sequences.segments}
    assert takes == {
        ("Directions", "Directions"),
        ("Directions 1", "Directions"),
        ("WalkDog", "WalkDog"),
    }


def test_human36m_drops_the_take_of_s11_with_the_corrupt_video_alone(human36m_files):
    sequences = Human36M(human36m_files.write()).read()
    kept = {(segment.subject, segment.take) for segment in sequences.segments}
    every = {(s, take) for s in SUBJECTS for take in ("Directions", "Directions 1", "WalkDog")}
    assert every - kept == {("S11", "Directions")}


def test_human36m_does_not_ask_for_2d_of_the_dropped_take(human36m_files):
    del human36m_files.two["positions_2d"]["S11"]["Directions"]
    Human36M(human36m_files.write()).read()


def test_human36m_reads_detections_with_a_score_for_more_subjects_and_frames(human36m_files):
    truth = human36m_files.two["positions_2d"]
    rng = np.random.default_rng(0)
    detected = {
        subject: {
            take: [
                np.concatenate(
                    [np.pad(p, ((0, 3), (0, 0), (0, 0))), rng.random((len(p) + 3, 17, 1))], 2
                )
                for p in cameras
            ]
            for take, cameras in takes.items()
        }
        for subject, takes in truth.items()
    }
    detected["S2"] = detected["S1"]
    metadata = human36m_files.two["metadata"] | {"layout_name": "h36m"}
    human36m_files.two = {"positions_2d": detected, "metadata": metadata}
    human36m_files.names = ("data_3d_h36m.npz", "data_2d_h36m_cpn_ft_h36m_dbb.npz")

    sequences = Human36M(human36m_files.write(), keypoints="cpn_ft_h36m_dbb").read()
    assert "S2" not in sequences.subjects
    assert sequences.keypoints.shape == (len(sequences.joints), 17, 3)
    camera = human36m_cameras()["S9"][1]
    segment = one(sequences, "S9", "Directions 1", camera)
    frames = slice(segment.start, segment.stop)
    score = detected["S9"]["Directions 1"][1][:-3, :, 2]
    np.testing.assert_allclose(sequences.keypoints[frames, :, 2], score, atol=1e-7)
    pixels = truth["S9"]["Directions 1"][1]
    np.testing.assert_allclose(sequences.keypoints[frames, :, :2], pixels / 500 - 1, atol=1e-6)


def test_pose_npz_reads_its_own_cameras_splits_and_frame_rate(pose_npz_files):
    sequences = PoseNpz(pose_npz_files.write(), "own").read()
    assert sequences.splits == {"train": ("A", "B"), "test": ("C",)}
    assert sequences.subjects == ["A", "B", "C"]
    assert sequences.actions == ["Sitting", "Walking"]
    assert {segment.fps for segment in sequences.segments} == {25.0}
    assert len(sequences.segments) == 3 * 2 * 2
    for camera in human36m_cameras()["S5"][:2]:
        segment = one(sequences, "B", "Walking 1", camera)
        assert segment.camera == camera
        world = pose_npz_files.three["positions_3d"]["B"]["Walking 1"]
        expected = relative(world, camera.orientation)
        np.testing.assert_allclose(
            sequences.joints[segment.start : segment.stop], expected, atol=2e-6
        )


def test_pose_npz_takes_50_frames_a_second_where_none_are_given(pose_npz_files):
    del pose_npz_files.two["metadata"]["fps"]
    assert {s.fps for s in PoseNpz(pose_npz_files.write(), "own").read().segments} == {50.0}


def test_equal_sources_read_once(human36m_files, monkeypatch):
    folder = human36m_files.write()
    first = Human36M(folder).load()
    assert Human36M(folder).load() is first
    assert Human36M(folder) != Human36M(folder, keypoints="other")
    assert Human36M(folder) != PoseNpz(folder, "gt")


def test_the_fingerprint_tells_data_apart(pose_npz_files):
    before = PoseNpz(pose_npz_files.write(), "own").read()
    assert before.fingerprint() == PoseNpz(str(pose_npz_files.folder), "own").read().fingerprint()
    pose_npz_files.three["positions_3d"]["C"]["Sitting"][-1, -1, -1] += 0.001
    changed = PoseNpz(pose_npz_files.write(), "own").read()
    pose_npz_files.two["metadata"]["splits"] = {"train": ["A"], "test": ["B", "C"]}
    split = PoseNpz(pose_npz_files.write(), "own").read()
    assert len({s.fingerprint() for s in (before, changed, split)}) == 3


def at(*keys, contents="three"):
    """A change of the entry under the keys by a function of what is there."""

    def change(files, edit):
        held = getattr(files, contents)
        for key in keys[:-1]:
            held = held[key]
        held[keys[-1]] = edit(held[keys[-1]])

    return change


def without(*keys, contents="two"):
    def change(files):
        held = getattr(files, contents)
        for key in keys[:-1]:
            held = held[key]
        del held[keys[-1]]

    return change


def edited(keys, edit, contents="two"):
    return lambda files: at(*keys, contents=contents)(files, edit)


def hole(where, value):
    def edit(array):
        array = array.copy()
        array[where] = value
        return array

    return edit


WORLD = ("positions_3d", "B", "Sitting")
PIXELS = ("positions_2d", "B", "Sitting", 1)
CAMERA = ("cameras", "B", 1)
SPLITS = ("metadata", "splits")

BROKEN = {
    # 3D poses
    "3D of 16 joints": (
        edited(WORLD, lambda a: a[:, 1:], "three"),
        "subject B, action 'Sitting', camera 54138969: the 3D poses have shape (24, 16, 3)",
    ),
    "3D of 32 joints": (
        edited(WORLD, lambda a: np.repeat(a, 2, axis=1)[:, :32], "three"),
        "convert them to the 17 joints",
    ),
    "3D in a plane": (edited(WORLD, lambda a: a[..., :2], "three"), "(24, 17, 2)"),
    "3D flattened": (edited(WORLD, lambda a: a.reshape(24, 51), "three"), "not ndarray (24, 51)"),
    "3D not a number": (
        edited(WORLD, hole((7, 3), np.nan), "three"),
        "the 3D poses are not finite from frame 7 on: repair or remove",
    ),
    "3D in millimetres": (
        edited(WORLD, lambda a: a * 1000, "three"),
        "must be in metres: divide by 1000",
    ),
    "3D in kilometres": (edited(WORLD, lambda a: a / 1000, "three"), "in metres: check the unit"),
    "3D without frames": (
        edited(WORLD, lambda a: a[:0], "three"),
        "has no frames; remove it",
    ),
    "3D of objects": (
        edited(WORLD, lambda a: a.astype(object), "three"),
        "The 3D poses of subject B, action 'Sitting': an array of numbers of shape",
    ),
    "3D of text": (edited(WORLD, lambda a: a.astype(str), "three"), "an array of numbers"),
    "3D as lists": (edited(WORLD, lambda a: a.tolist(), "three"), "needed, not list"),
    "3D of none": (edited(WORLD, lambda a: None, "three"), "needed, not NoneType"),
    "3D of no subjects": (edited(WORLD[:1], lambda a: {}, "three"), "holds no sequences"),
    "3D in another layout": (
        lambda files: setattr(files, "three", {"poses": files.three["positions_3d"]}),
        "data_3d_own.npz has no 'positions_3d' of the form subject -> action -> array",
    ),
    "3D not by subject": (
        edited(WORLD[:1], lambda a: np.zeros(3), "three"),
        "has no 'positions_3d'",
    ),
    "3D not by action": (edited(WORLD[:2], lambda a: a["Sitting"], "three"), "no 'positions_3d'"),
    # 2D keypoints
    "2D of 16 joints": (
        edited(PIXELS, lambda a: a[:, 1:]),
        "camera 55011271: the 2D keypoints have shape (24, 16, 2)",
    ),
    "2D shorter": (
        edited(PIXELS, lambda a: a[:-1]),
        "there are 23 frames of 2D keypoints but 24 of 3D poses",
    ),
    "2D infinite": (
        edited(PIXELS, hole((3, 0, 1), np.inf)),
        "the 2D keypoints are not finite from frame 3 on",
    ),
    "2D normalised already": (
        edited(PIXELS, lambda a: a / 500 - 1),
        "they look normalised, but pixels of the image are needed",
    ),
    "2D of a larger image": (
        edited(PIXELS, lambda a: a * 6),
        "lie far outside the 1000 x 1000 image: give pixels of that image",
    ),
    "2D of objects": (
        edited(PIXELS, lambda a: a.astype(object)),
        "data_2d_own_gt.npz, subject B, action 'Sitting', camera 55011271: an array of numbers",
    ),
    "2D without a subject": (without("positions_2d", "B"), "lacks subject B"),
    "2D without an action": (
        without(*PIXELS[:3]),
        "data_2d_own_gt.npz lacks subject B, action 'Sitting', which the 3D poses have",
    ),
    "2D without a camera": (without(*PIXELS), "2D of 1 cameras, but subject B has 2"),
    "2D not by camera": (edited(PIXELS[:3], lambda a: 5), "one array for each camera"),
    "2D by name of camera": (
        edited(PIXELS[:3], lambda a: dict(zip("xy", a, strict=True))),
        "one array for each camera",
    ),
    "2D in another layout": (without("positions_2d"), "has no 'positions_2d'"),
    "2D in COCO's order": (
        edited(("metadata", "layout_name"), lambda a: "coco"),
        "in the 'coco' joint order, but Human3.6M's 17 joints are needed",
    ),
    # cameras
    "no cameras": (without("cameras"), "has no 'cameras': add one list of calibrations"),
    "no cameras of a subject": (without("cameras", "B"), "There are no cameras for subject B"),
    "camera key missing": (
        without(*CAMERA, "focal_length"),
        "a camera is not described in full (KeyError: 'focal_length')",
    ),
    "camera centre of three": (
        edited((*CAMERA, "center"), lambda a: [1, 2, 3]),
        "center has 3 numbers, not 2",
    ),
    "camera as an array": (edited(CAMERA, lambda a: np.zeros(9)), "not described in full"),
    "camera of text": (edited((*CAMERA, "res_w"), lambda a: "wide"), "not described in full"),
    "camera without an image": (edited((*CAMERA, "res_h"), lambda a: 0), "not described in full"),
    "camera not finite": (
        edited((*CAMERA, "translation"), lambda a: [0, np.nan, 0]),
        "translation is not finite",
    ),
    "camera not turned by a unit quaternion": (
        edited((*CAMERA, "orientation"), lambda a: 2 * a),
        "orientation is not a unit quaternion",
    ),
    # metadata
    "no metadata": (without("metadata"), "has no metadata['splits']"),
    "metadata as a list": (edited(("metadata",), lambda a: [1]), "has no metadata['splits']"),
    "no splits": (without(*SPLITS), "names the subjects of 'train' and 'test'"),
    "no test split": (without(*SPLITS, "test"), "names the subjects of 'train' and 'test'"),
    "a split that is text": (
        edited((*SPLITS, "test"), lambda a: "C"),
        "names the subjects of 'train' and 'test'",
    ),
    "a split that is a number": (
        edited((*SPLITS, "train"), lambda a: 2),
        "names the subjects of 'train' and 'test'",
    ),
    "a frame rate that is text": (edited(("metadata", "fps"), lambda a: "fast"), "'fps'"),
    "a frame rate of zero": (edited(("metadata", "fps"), lambda a: 0), "'fps'"),
}


@pytest.mark.parametrize(("change", "phrase"), BROKEN.values(), ids=BROKEN)
def test_pose_npz_says_what_is_wrong(pose_npz_files, change, phrase):
    change(pose_npz_files)
    folder = pose_npz_files.write()
    with pytest.raises(DataError) as error:
        PoseNpz(folder, "own").read()
    assert_says(error, phrase)


def moved(files):
    files.two["positions_2d"] = files.two["positions_2d"] | {"S9": {}}


TAKE = ("S9", "WalkDog")
BROKEN_HUMAN36M = {
    "17 joints": (
        edited(("positions_3d", *TAKE), lambda a: a[:, :17], "three"),
        "subject S9, action 'WalkDog': 17 joints, but the public file has 32",
    ),
    "no subject in 3D": (
        without("positions_3d", "S9", contents="three"),
        "data_3d_h36m.npz lacks the subjects S9: the protocols need all of S1",
    ),
    "no action in 2D": (moved, "data_2d_h36m_gt.npz lacks subject S9, action 'Directions'"),
    "no subject in 2D": (without("positions_2d", "S6"), "data_2d_h36m_gt.npz lacks subject S6"),
    "no camera": (without("positions_2d", *TAKE, 3), "2D of 3 cameras, but subject S9 has 4"),
    "2D shorter": (
        edited(("positions_2d", *TAKE, 2), lambda a: a[:5]),
        "camera 58860488: there are 5 frames of 2D keypoints but 22",
    ),
    "millimetres": (
        edited(("positions_3d", *TAKE), lambda a: a * 1000, "three"),
        "divide by 1000, they look like millimetres",
    ),
    "not a number": (
        edited(("positions_3d", *TAKE), hole((4, 26, 1), np.nan), "three"),
        "subject S9, action 'WalkDog', camera 54138969: the 3D poses are not finite from frame 4",
    ),
    "normalised": (edited(("positions_2d", *TAKE, 0), lambda a: a / 500), "look normalised"),
    "COCO": (
        edited(("metadata",), lambda a: a | {"layout_name": "coco"}),
        "in the 'coco' joint order",
    ),
    "objects": (
        edited(("positions_3d", *TAKE), lambda a: a.astype(object), "three"),
        "data_3d_h36m.npz, subject S9, action 'WalkDog': an array of numbers",
    ),
    "another layout": (
        lambda files: setattr(files, "three", {"S1": np.zeros((3, 32, 3))}),
        "(it holds 'S1')",
    ),
}


@pytest.mark.parametrize(("change", "phrase"), BROKEN_HUMAN36M.values(), ids=BROKEN_HUMAN36M)
def test_human36m_says_what_is_wrong(human36m_files, change, phrase):
    change(human36m_files)
    folder = human36m_files.write()
    with pytest.raises(DataError) as error:
        Human36M(folder).read()
    assert_says(error, phrase)


def test_human36m_does_not_care_what_its_unused_joints_hold(human36m_files):
    human36m_files.three["positions_3d"]["S9"]["WalkDog"][:, 31] = np.nan
    assert np.isfinite(Human36M(human36m_files.write()).read().joints).all()


@pytest.mark.parametrize("number", [0, 1], ids=["3D", "2D"])
@pytest.mark.parametrize("damage", ["missing", "cut short", "empty"])
def test_files_that_are_missing_or_cut_short(pose_npz_files, number, damage):
    pose_npz_files.write()
    path = pose_npz_files.folder / pose_npz_files.names[number]
    raw = path.read_bytes()
    path.unlink()
    if damage != "missing":
        path.write_bytes(raw[: len(raw) // 2] if damage == "cut short" else b"")
    with pytest.raises(DataError) as error:
        PoseNpz(str(pose_npz_files.folder), "own").read()
    assert_says(error, "is not there" if damage == "missing" else "is damaged or no .npz archive")
    assert path.name in str(error.value)


def test_keypoints_a_little_outside_the_image_are_taken(pose_npz_files):
    pixels = pose_npz_files.two["positions_2d"]["B"]["Sitting"][1]
    pixels[:, 6] = [1040.0, -30.0]
    PoseNpz(pose_npz_files.write(), "own").read()
