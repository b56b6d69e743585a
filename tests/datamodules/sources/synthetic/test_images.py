"""SyntheticImages: people are where their joints are, and what is nearer hides what is farther."""

import subprocess
import sys
from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest

from datamodules import DataError, Human36M, HumanEva, PoseNpz, SyntheticImages, SyntheticMocap
from datamodules.loading.pictures import crops_around
from datamodules.sources.synthetic.drawing.brush import paint
from datamodules.sources.synthetic.drawing.person import PARTS, RADII, Look, capsules, make_look
from datamodules.sources.synthetic.drawing.scene import make_scene
from tests.datamodules.conftest import STANDING
from tests.datamodules.sources import conftest as writers

STRIDE = 7


@pytest.fixture
def motion(pose_npz_files):
    return PoseNpz(pose_npz_files.write(), "own")


def places(held, size):
    """Every frame's joints in the picture, (F, 17, 2) pixels."""
    crops = held.images.crops[:, None]
    return ((held.keypoints[..., :2] - crops[..., :2]) / crops[..., 2:] + 0.5) * size


@pytest.mark.parametrize("size", [64, 128])
def test_every_joint_is_on_the_body(motion, size):
    held = SyntheticImages(motion, STRIDE, background=False).read()
    frames = np.arange(len(held))
    drawn = held.images.read(frames, size)
    assert drawn.shape == (len(held), size, size, 3)
    assert drawn.dtype == np.uint8
    body = drawn.any(axis=-1)
    # a fifth of a crop is person, and nobody touches its corners
    assert (body.mean(axis=(1, 2)) > 0.05).all()
    assert (body.mean(axis=(1, 2)) < 0.5).all()
    assert not body[:, [0, 0, -1, -1], [0, -1, 0, -1]].any()
    pixels = places(held, size).astype(int)
    for frame in frames:
        columns, rows = pixels[frame].T
        assert body[frame, rows, columns].all()


def test_generated_people_too(tiny_motion):
    held = SyntheticImages(SyntheticMocap(frames=12), stride=9, background=False).read()
    frames = np.arange(0, len(held), 29)
    body = held.images.read(frames, 96).any(axis=-1)
    for one, pixels in zip(body, places(held, 96)[frames].astype(int), strict=True):
        columns, rows = pixels.T
        assert one[rows, columns].all()


def test_frames_are_thinned_and_keep_their_truth(motion):
    held, full = SyntheticImages(motion, STRIDE).read(), motion.read()
    assert held.has_joints
    assert held.splits == full.splits
    for segment, whole in zip(held.segments, full.segments, strict=True):
        kept, every = slice(segment.start, segment.stop), slice(whole.start, whole.stop, STRIDE)
        np.testing.assert_array_equal(held.joints[kept], full.joints[every])
        np.testing.assert_array_equal(held.keypoints[kept], full.keypoints[every])
        assert segment.fps == whole.fps / STRIDE
    np.testing.assert_array_equal(held.images.crops, crops_around(held.keypoints))


def two(colours, radii=(9.0, 9.0), hem=1.0):
    """A look of two parts, each in one colour, and unshaded by the light."""
    pyramid = np.ones((3, 2, 8, 8), np.float32) * np.transpose(colours)[..., None, None]
    return Look(
        radii=np.array([radii, radii], np.float32),
        materials=np.array([[0, 0], [1, 1]]),
        hems=np.array([hem, hem], np.float32),
        pyramid=(pyramid.astype(np.float32),),
        hair=0.0,
    )


RED, BLUE = (200.0, 0.0, 0.0), (0.0, 0.0, 200.0)


def painted(ends, radii, scale=50.0):
    canvas = np.zeros((3, 64, 64), np.float32)
    away = np.array([0, 0, 1], np.float32)
    paint(canvas, np.float32(ends), np.float32(radii), scale, two((RED, BLUE)), away, 1.0)
    return canvas


@pytest.mark.parametrize("nearer", [0, 1])
def test_the_nearer_limb_hides_the_farther_one(nearer):
    depths = np.array([[4.0, 4.0], [4.0, 4.0]])
    depths[nearer] = 3.0
    across = [[[8, 32, depths[0, 0]], [56, 32, depths[0, 1]]]]
    down = [[[32, 8, depths[1, 0]], [32, 56, depths[1, 1]]]]
    canvas = painted(across + down, [[6, 6], [6, 6]])
    crossing = canvas[:, 30:35, 30:35]
    shown, hidden = (0, 2) if nearer == 0 else (2, 0)
    assert (crossing[shown] > 100).all()
    assert not crossing[hidden].any()
    # and both beside the crossing
    assert canvas[0, 32, 12] > 100
    assert canvas[2, 12, 32] > 100


@pytest.mark.parametrize("seed", range(6))
def test_which_capsule_shows_against_a_ball_that_is_moved_along_its_axis(seed):
    rng = np.random.default_rng(seed)
    scale, radius = 50.0, 8.0
    ends = np.concatenate([rng.uniform(12, 52, (2, 2, 2)), rng.uniform(3, 4, (2, 2, 1))], axis=-1)
    if seed == 0:
        ends[0, 1, :2] = ends[0, 0, :2]  # seen end on
    canvas = painted(ends, np.full((2, 2), radius), scale)
    rows, columns = np.indices((64, 64)) + 0.5
    nearest = np.full((2, 64, 64), np.inf)
    for number, (start, stop) in enumerate(ends):
        for share in np.linspace(0, 1, 800):
            x, y, z = start + share * (stop - start)
            square = radius**2 - (columns - x) ** 2 - (rows - y) ** 2
            front = z - np.sqrt(np.maximum(square, 0)) / scale
            hit = (square > 0) & (front < nearest[number])
            nearest[number][hit] = front[hit]
    empty = np.isinf(nearest).all(axis=0)
    first, second = nearest[0] < nearest[1] - 0.01, nearest[1] < nearest[0] - 0.01
    # but for pixels on an outline
    wrong = (first & (canvas[2] > canvas[0])) | (second & (canvas[0] > canvas[2]))
    assert first.sum() > 50
    assert second.sum() > 50
    assert wrong.sum() <= 0.02 * (first.sum() + second.sum())
    assert (canvas.max(axis=0)[empty] > 150).sum() <= 0.02 * 64 * 64


def test_light_comes_from_its_side():
    look = two((RED, BLUE))
    ends = np.float32([[[32, 10, 4], [32, 54, 4]], [[-90, 0, 4], [-90, 9, 4]]])
    for light, brighter in (((1, 0, 0), slice(34, 40)), ((-1, 0, 0), slice(24, 30))):
        canvas = np.zeros((3, 64, 64), np.float32)
        paint(canvas, ends, look.radii, 50.0, look, np.float32(light), 0.3)
        other = slice(64 - brighter.stop, 64 - brighter.start)
        assert canvas[0, 20:40, brighter].mean() > 1.5 * canvas[0, 20:40, other].mean()


def test_every_joint_is_in_a_capsule():
    """Within its radius of the axis, or less than a centimetre from there."""
    joints = STANDING[None].astype(np.float32)
    ends = capsules(joints, np.zeros(1, np.float32))[0]
    radii = np.array([RADII[part] for part in PARTS])
    for joint in STANDING:
        inside = []
        for (start, stop), (first, last) in zip(ends, radii, strict=True):
            shares = np.linspace(0, 1, 200)[:, None]
            away = np.linalg.norm(start + shares * (stop - start) - joint, axis=1)
            inside.append((away - first - shares[:, 0] * (last - first)).min())
        assert min(inside) < 0.01


def test_the_face_looks_ahead_and_toes_point_there():
    # in STANDING what is ahead is where a person's back would be
    joints = (STANDING * [1, -1, 1])[None].astype(np.float32)
    ends = dict(zip(PARTS, capsules(joints, np.zeros(1, np.float32))[0], strict=True))
    # left is x, up is z, so that ahead is -y
    assert ends["left_eye"][0][1] < ends["head"][1][1] - 0.03
    assert ends["left_eye"][0][0] > ends["right_eye"][0][0]
    for side in ("left", "right"):
        heel, toes = ends[f"{side}_shoe"]
        assert toes[1] < heel[1] - 0.1


def digest(held, size=48):
    drawn = held.images.read(np.arange(len(held)), size)
    return blake2b(drawn.tobytes()).hexdigest()


def test_another_process_draws_the_same(motion):
    code = (
        "import sys; from datamodules import *; "
        "from tests.datamodules.sources.synthetic.test_images import digest; "
        "print(digest(SyntheticImages(PoseNpz(sys.argv[1], 'own'), 7).read()))"
    )
    command = [sys.executable, "-c", code, motion.root]
    root = Path(__file__).parents[4]
    said = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root).stdout
    assert said.strip() == digest(SyntheticImages(motion, STRIDE).read())


def test_a_picture_depends_on_its_frame_alone(motion):
    held = SyntheticImages(motion, STRIDE).read()
    frames = np.array([5, 0, 17, 5, 30])
    together = held.images.read(frames, 64)
    for frame, picture in zip(frames, together, strict=True):
        again = SyntheticImages(motion, STRIDE).read()
        np.testing.assert_array_equal(again.images.read(np.array([frame]), 64)[0], picture)
    assert len({picture.tobytes() for picture in together}) == 4


def test_sizes_show_the_same_picture(motion):
    held = SyntheticImages(motion, STRIDE, background=False).read()
    small, large = (held.images.read(np.array([3]), size)[0] for size in (64, 256))
    means = large.reshape(64, 4, 64, 4, 3).astype(float).mean(axis=(1, 3))
    assert np.abs(means - small).mean() < 4


def test_subjects_keep_their_look_and_sequences_their_scene(motion):
    held = SyntheticImages(motion, STRIDE).read()
    looks = held.images._looks
    first, second = (looks[name].pyramid[0] for name in "AB")
    assert np.abs(first - second).mean() > 5
    same = make_look(np.random.default_rng(4)), make_look(np.random.default_rng(4))
    np.testing.assert_array_equal(same[0].pyramid[0], same[1].pyramid[0])
    # a corner of the crop shows the scene alone
    corners = [held.images.read(np.array([s.start]), 64)[0, :6, :6] for s in held.segments]
    assert len({corner.tobytes() for corner in corners}) == len(corners)


def test_scenes_are_of_all_kinds():
    crop = np.float32([0.1, -0.1, 0.8])
    scenes = [make_scene(np.random.default_rng(seed)) for seed in range(30)]
    drawn = np.stack([scene.draw(crop, 64) for scene in scenes])
    assert drawn.shape == (30, 3, 64, 64)
    assert ((drawn >= 0) & (drawn <= 255)).all()
    assert len({len(scene.shapes) > 0 for scene in scenes}) == 2
    assert drawn.std(axis=(1, 2, 3)).min() > 1
    # moving the crop moves what it shows
    moved = scenes[0].draw(crop + np.float32([0.8 / 64 * 8, 0, 0]), 64)
    assert np.abs(moved[:, :, :-8] - drawn[0][:, :, 8:]).mean() < 3


def test_what_is_outside_the_image_is_black(motion):
    held = SyntheticImages(motion, STRIDE).read()
    held.images.crops[0] = [0.9, 0, 0.4]
    (drawn,) = held.images.read(np.array([0]), 80)
    assert not drawn[:, 61:].any()
    assert drawn[:, :59].any(axis=-1).mean() > 0.95


def test_the_fingerprint_tells_what_determines_the_pictures(motion):
    def fingerprint(source=motion, **changes):
        return SyntheticImages(source, **{"stride": STRIDE} | changes).read().fingerprint()

    before = fingerprint()
    assert fingerprint() == before
    others = [fingerprint(stride=8), fingerprint(seed=1), fingerprint(background=False)]
    assert len({before, motion.read().fingerprint(), *others}) == 5


def test_equal_sources_are_read_once(motion):
    one, other = SyntheticImages(motion, STRIDE), SyntheticImages(PoseNpz(motion.root, "own"), 7)
    assert one == other
    assert hash(one) == hash(other)
    assert one.load() is other.load()
    assert one != SyntheticImages(motion, STRIDE, seed=2)
    assert SyntheticImages() == SyntheticImages(SyntheticMocap())


def test_other_joints_are_refused(tmp_path):
    humaneva = HumanEva(writers.humaneva(tmp_path, frames=4).write())
    with pytest.raises(DataError, match="the 17 joints of Human3"):
        SyntheticImages(humaneva).read()


def test_2d_of_its_own_is_refused(human36m_files):
    for takes in human36m_files.two["positions_2d"].values():
        for seen in takes.values():
            seen[:] = [pixels + 60 for pixels in seen]
    with pytest.raises(DataError, match="use ground-truth 2D"):
        SyntheticImages(Human36M(human36m_files.write())).read()


@pytest.mark.parametrize("root", [(0, 0, 0.3), (90, 0, 3)], ids=["at the camera", "beside it"])
def test_people_who_stand_elsewhere_are_drawn_all_the_same(motion, root):
    held = SyntheticImages(motion, STRIDE).read()
    held.images._roots[:] = root
    assert held.images.read(np.array([0, 1]), 48).shape == (2, 48, 48, 3)


def test_a_stride_of_nothing_is_refused():
    with pytest.raises(ValueError, match="stride of 1 or more"):
        SyntheticImages(stride=0)
