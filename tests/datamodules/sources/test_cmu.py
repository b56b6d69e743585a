"""ASF/AMC: kinematics against a slow recursion, real clips against `cmu17`, broken files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from datamodules.errors import DataError
from datamodules.sources.asfamc import joint_positions, read_amc, read_asf
from datamodules.sources.cmu import CMUMocap
from datamodules.sources.pose_npz import PoseNpz

DATA = Path(__file__).parents[4] / "shared/data"
FRAMES = 140
# bone -> parent, direction, length, axis, angles
BONES = {
    "lhipjoint": ("root", (0.65, -0.7, 0.2), 2.5, (0, 0, 0), ""),
    "lfemur": ("lhipjoint", (0.34, -0.94, 0), 7.6, (0, 0, 20), "rx ry rz"),
    "ltibia": ("lfemur", (0.34, -0.94, 0), 7.3, (0, 0, 20), "rx"),
    "rhipjoint": ("root", (-0.65, -0.7, 0.2), 2.5, (0, 0, 0), ""),
    "rfemur": ("rhipjoint", (-0.34, -0.94, 0), 7.6, (0, 0, -20), "rx ry rz"),
    "rtibia": ("rfemur", (-0.34, -0.94, 0), 7.3, (0, 0, -20), "rx"),
    "lowerback": ("root", (0, 1, 0), 2.0, (0, 0, 0), "rx ry rz"),
    "thorax": ("lowerback", (0, 1, 0.05), 4.0, (0, 0, 0), "rx ry rz"),
    "upperneck": ("thorax", (0, 1, 0), 1.7, (0, 0, 0), "rx ry rz"),
    "head": ("upperneck", (0, 1, 0.1), 1.7, (0, 0, 0), "rx ry rz"),
    "lclavicle": ("thorax", (0.9, 0.3, 0), 3.5, (0, 0, 0), "ry rz"),
    "lhumerus": ("lclavicle", (1, 0, 0), 5.0, (180, 30, 90), "rx ry rz"),
    "lwrist": ("lhumerus", (1, 0, 0), 3.5, (180, 30, 90), "rx"),
    "rclavicle": ("thorax", (-0.9, 0.3, 0), 3.5, (0, 0, 0), "ry rz"),
    "rhumerus": ("rclavicle", (-1, 0, 0), 5.0, (180, -30, -90), "rx ry rz"),
    "rwrist": ("rhumerus", (-1, 0, 0), 3.5, (180, -30, -90), "rx"),
}


def asf_text():
    bones = "".join(
        f"  begin\n     id {number}\n     name {name}\n     direction {' '.join(map(str, d))}\n"
        f"     length {length}\n     axis {' '.join(map(str, axis))}  XYZ\n"
        + (f"    dof {dof}\n    limits (-160.0 20.0)\n           (-70.0 70.0)\n" if dof else "")
        + "  end\n"
        for number, (name, (_, d, length, axis, dof)) in enumerate(BONES.items(), 1)
    )
    children = {}
    for name, (parent, *_) in BONES.items():
        children.setdefault(parent, []).append(name)
    tree = "".join(f"    {parent} {' '.join(names)}\n" for parent, names in children.items())
    return (
        "# made up\n:version 1.10\n:name VICON\n:units\n  mass 1.0\n  length 0.45\n  angle deg\n"
        ":documentation\n   none\n:root\n   order TX TY TZ RX RY RZ\n   axis XYZ\n"
        "   position 0 0 0\n   orientation 0 0 0\n"
        f":bonedata\n{bones}:hierarchy\n  begin\n{tree}  end\n"
    )


def angles_of(seed=0):
    generator = np.random.default_rng(seed)
    wave = np.sin(np.linspace(0, 3, FRAMES))[:, None]
    held = {"root": np.hstack([np.array([0.0, 17.0, 0.0]) + wave, 10 * wave * [[1, 2, 0.5]]])}
    for name, (*_, dof) in BONES.items():
        if dof:
            held[name] = 15 * wave * generator.standard_normal((1, len(dof.split())))
    return held


def amc_text(held):
    lines = ["#!OML:ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for frame in range(FRAMES):
        lines.append(str(frame + 1))
        lines += [f"{name} {' '.join(f'{v:.6g}' for v in held[name][frame])}" for name in held]
    return "\n".join(lines) + "\n"


@pytest.fixture
def tree(tmp_path):
    for subject in ("01", "02"):
        folder = tmp_path / "subjects" / subject
        folder.mkdir(parents=True)
        (folder / f"{subject}.asf").write_text(asf_text())
        (folder / f"{subject}_01.amc").write_text(amc_text(angles_of(int(subject))))
    return tmp_path


def test_kinematics_follow_a_recursion_frame_by_frame(tree):
    held = angles_of(1)
    skeleton = read_asf(tree / "subjects/01/01.asf")
    placed = joint_positions(skeleton, read_amc(tree / "subjects/01/01_01.amc", skeleton))

    def far_end(name, frame):
        if name == "root":
            turn = Rotation.from_euler("xyz", held["root"][frame, 3:], degrees=True)
            return turn.as_matrix(), held["root"][frame, :3]
        parent, direction, length, axis, dof = BONES[name]
        turn, place = far_end(parent, frame)
        c = Rotation.from_euler("xyz", axis, degrees=True).as_matrix()
        values = dict(zip(dof.split(), held.get(name, np.zeros((FRAMES, 0)))[frame], strict=True))
        x, y, z = (
            Rotation.from_euler(a, values.get(f"r{a}", 0.0), degrees=True).as_matrix()
            for a in "xyz"
        )
        turn = turn @ c @ (z @ y @ x) @ c.T
        return turn, place + turn @ (np.array(direction) * length)

    for name in ("root", *BONES):
        for frame in (0, 60, 139):
            expected = far_end(name, frame)[1] * 0.0254 / 0.45
            np.testing.assert_allclose(placed[name][frame], expected, atol=2e-5)


def test_a_tree_becomes_sequences(tree):
    sequences = CMUMocap(str(tree), test_subjects=("S02",)).read()
    assert sequences.splits == {"train": ("S01",), "test": ("S02",)}
    assert len(sequences.segments) == 2 * 4
    # 50 Hz frames at 0, 2.4, … of 140 frames at 120 Hz
    assert {s.stop - s.start for s in sequences.segments} == {58}
    assert (np.abs(sequences.keypoints) <= 1.002).all()
    assert np.linalg.norm(sequences.joints[:, 3] - sequences.joints[:, 2], axis=-1).std() < 1e-3


@pytest.mark.skipif(not DATA.is_dir(), reason="the CMU files are not beside this checkout")
def test_real_clips_agree_with_cmu17_up_to_their_place_in_the_scene():
    ours = CMUMocap(str(DATA / "cmu_asfamc")).load()
    reference = PoseNpz(str(DATA / "cmu17"), "cmu17").load()
    theirs = {(s.take, s.camera.id): s for s in reference.segments}
    compared = 0
    for segment in ours.segments:
        other = theirs.get((segment.take, segment.camera.id))
        # clips that leave an image are cut elsewhere there
        if other is None or other.stop - other.start != segment.stop - segment.start:
            continue
        a = ours.joints[segment.start : segment.stop].reshape(-1, 3)
        b = reference.joints[other.start : other.stop].reshape(-1, 3)
        turn, _ = Rotation.align_vectors(b, a)
        assert np.abs(turn.apply(a) - b).max() < 2e-5  # metres
        compared += 1
    assert compared >= 40


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("01/01_01.amc", lambda t: t[: len(t) // 2], "ends inside frame"),
        ("01/01_01.amc", lambda t: t.replace("lfemur", "femur"), "femur"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root x", 1), "root"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root nan", 1), "finite"),
        ("01/01_01.amc", lambda t: "", "frame 1"),
        ("01/01.asf", lambda t: t.replace(":hierarchy", ":tree"), "hierarchy"),
        ("01/01.asf", lambda t: t.replace("length 0.45", "length zero"), "zero"),
        ("01/01.asf", lambda t: t.replace("angle deg", "angle turns"), "turns"),
        ("01/01.asf", lambda t: t.replace("dof rx ry rz", "dof tx"), "described in full"),
        ("01/01.asf", lambda t: t.replace("root lhipjoint", "root root lhipjoint"), "circle"),
        ("01/01.asf", lambda t: t.replace("TX TY TZ RX", "RX TX TY TZ"), "order"),
        ("01/01.asf", lambda t: t.replace("lwrist", "lpalm"), "lwrist"),
    ],
)
def test_a_broken_file_is_told_in_one_sentence(file, change, words, tree):
    path = tree / "subjects" / file
    text = path.read_text()
    assert change(text) != text
    path.write_text(change(text))
    with pytest.raises(DataError, match=words) as told:
        CMUMocap(str(tree), test_subjects=("S02",)).read()
    assert "\n" not in str(told.value)
    assert "01" in str(told.value)


def test_a_folder_without_subjects_and_a_missing_test_subject(tree, tmp_path):
    with pytest.raises(DataError, match="no subject folders"):
        CMUMocap(str(tmp_path / "nowhere")).read()
    with pytest.raises(DataError, match="lacks the test subjects S03: it has S01, S02"):
        CMUMocap(str(tree)).read()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    suffix=st.sampled_from(["asf", "amc"]),
    place=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=6),
)
def test_changed_bytes_are_read_or_refused(suffix, place, junk, tree):
    asf, amc = tree / "subjects/01/01.asf", tree / "subjects/01/01_01.amc"
    broken = tree / f"broken.{suffix}"
    raw = bytearray((asf if suffix == "asf" else amc).read_bytes())
    at = int(place * len(raw))
    raw[at : at + len(junk)] = junk
    broken.write_bytes(raw)
    try:
        skeleton = read_asf(broken if suffix == "asf" else asf)
        placed = joint_positions(skeleton, read_amc(broken if suffix == "amc" else amc, skeleton))
    except DataError as told:
        assert "\n" not in str(told)
    else:
        assert all(np.isfinite(place).all() for place in placed.values())
