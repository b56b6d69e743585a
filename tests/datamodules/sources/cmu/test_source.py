"""ASF/AMC: kinematics against a slow recursion, real clips against `cmu17`, broken files."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from datamodules.sources.cmu.amc import joint_positions, read_amc
from datamodules.sources.cmu.asf import read_asf
from datamodules.sources.cmu.source import CMUMocap, world_joints
from datamodules.sources.human36m.recordings import human36m_cameras
from datamodules.sources.pose_npz.source import PoseNpz
from poseproof.errors import DataError

DATA = Path(__file__).parents[5] / "shared/data"
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


def _many_bones():
    """More bones than a person has, before the section that follows them."""
    return "".join(f"begin\nname b{number}\nend\n" for number in range(300)) + ":hierarchy"


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


@pytest.mark.skipif(not DATA.is_dir(), reason=f"CMU motions (cmu17, cmu_asfamc) are not at {DATA}")
def test_real_clips_agree_with_cmu17_up_to_their_place_in_the_scene():
    reference = PoseNpz(str(DATA / "cmu17"), "cmu17").load()
    # the first camera of each take
    theirs = {s.take: s for s in reversed(reference.segments)}
    compared = []
    for asf in sorted(DATA.glob("cmu_asfamc/subjects/*/*.asf")):
        skeleton = read_asf(asf)
        for amc in sorted(asf.parent.glob("*.amc")):
            # cmu17 lacks the one, and begins the other at the 51st recorded frame
            if amc.stem in ("02_01", "03_02"):
                continue
            world = world_joints(skeleton, amc)
            other = theirs[amc.stem]
            b = reference.joints[other.start : other.stop]
            assert len(world) == len(b)
            a = world - world[:, :1]
            turn, _ = Rotation.align_vectors(b[::50].reshape(-1, 3), a[::50].reshape(-1, 3))
            # metres; cmu17 is stored in steps of 2^-17
            np.testing.assert_allclose(a @ turn.as_matrix().T, b, atol=2e-5, rtol=0)
            compared.append(amc.stem)
    assert len(compared) == 15


def test_subjects_take_the_rigs_that_cmu17_gives_them(tree):
    third = tree / "subjects/03"
    third.mkdir()
    (third / "03.asf").write_text(asf_text())
    (third / "03_01.amc").write_text(amc_text(angles_of(3)))
    filmed = [(s.subject, s.camera) for s in CMUMocap(str(tree)).read().segments]
    rigs = {"S01": "S5", "S02": "S9", "S03": "S11"}
    assert filmed == [(s, c) for s, rig in rigs.items() for c in human36m_cameras()[rig]]


def test_radians_are_read_as_radians(tree):
    held = angles_of(1)
    turned = {
        name: np.concatenate([values[:, :3], np.deg2rad(values[:, 3:])], axis=1)
        if name == "root"
        else np.deg2rad(values)
        for name, values in held.items()
    }
    text = asf_text().replace("angle deg", "angle rad")
    for name, (*_, axis, _dof) in BONES.items():
        before, after = text.split(f"name {name}\n")
        old, new = (" ".join(map(str, a)) for a in (axis, np.deg2rad(axis)))
        text = f"{before}name {name}\n" + after.replace(f"axis {old}  XYZ", f"axis {new}  XYZ", 1)
    (tree / "rad.asf").write_text(text)
    (tree / "rad.amc").write_text(amc_text(turned))
    in_degrees, in_radians = (
        joint_positions(skeleton, read_amc(amc, skeleton))
        for skeleton, amc in (
            (read_asf(tree / "subjects/01/01.asf"), tree / "subjects/01/01_01.amc"),
            (read_asf(tree / "rad.asf"), tree / "rad.amc"),
        )
    )
    for name in BONES:
        np.testing.assert_allclose(in_degrees[name], in_radians[name], atol=2e-5)


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("01/01_01.amc", lambda t: t[: t.index("\nrhumerus")], "ends inside frame 1"),
        ("01/01_01.amc", lambda t: t[: t.rindex(" ")], "line 2243.*1 values of 'rwrist'"),
        ("01/01_01.amc", lambda t: t.replace("lfemur", "femur"), "line 6.*'femur'"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root x", 1), "line 5.*'root'"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root nan", 1), "line 4.*below a million"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root 1e308", 1), "line 4.*below a million"),
        ("01/01_01.amc", lambda t: t.replace("root 0", "root 0 0", 1), "line 5.*6 values"),
        ("01/01_01.amc", lambda t: t.replace("\n7\n", "\nseven\n"), "number of a frame.*'seven'"),
        ("01/01_01.amc", lambda t: t.replace("lfemur", "(" * 10**6, 1), "line 6"),
        ("01/01_01.amc", lambda t: "", "frame 1"),
        ("01/01.asf", lambda t: t.replace(":hierarchy", ":tree"), "hierarchy"),
        ("01/01.asf", lambda t: t.replace("length 0.45", "length zero"), "line 6.*'length'"),
        ("01/01.asf", lambda t: t.replace("length 0.45", "length 0"), "unit of length"),
        ("01/01.asf", lambda t: t.replace("length 0.45", "length -0.45"), "unit of length"),
        ("01/01.asf", lambda t: t.replace("length 7.6", "length 1e300", 1), "line 27.*'length'"),
        ("01/01.asf", lambda t: t.replace("angle deg", "angle turns"), "line 7.*turns"),
        ("01/01.asf", lambda t: t.replace("20  XYZ", "20  ZYX"), "'ZYX', not XYZ"),
        ("01/01.asf", lambda t: t.replace("dof rx ry rz", "dof tx"), "'dof' must be"),
        ("01/01.asf", lambda t: t.replace("dof ry rz", "dof rz ry"), "in this order"),
        ("01/01.asf", lambda t: t.replace("root lhipjoint", "root root lhipjoint"), "circle"),
        ("01/01.asf", lambda t: t.replace("TX TY TZ RX", "RX TX TY TZ"), "order"),
        ("01/01.asf", lambda t: t.replace("lwrist", "lpalm"), "lwrist"),
        ("01/01.asf", lambda t: t.replace(":hierarchy", _many_bones()), "256"),
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
    assert len(str(told.value)) < 500
    assert "01" in str(told.value)


def test_a_folder_without_subjects_and_a_missing_test_subject(tree, tmp_path):
    with pytest.raises(DataError, match="no subject folders"):
        CMUMocap(str(tmp_path / "nowhere")).read()
    with pytest.raises(DataError, match="lacks the test subjects S03: it has S01, S02"):
        CMUMocap(str(tree)).read()


def test_a_colon_alone_is_no_section(tree):
    asf = tree / "subjects/01/01.asf"
    asf.write_text(asf_text().replace(":root\n", ": \n:root\n"))
    assert read_asf(asf).bones.keys() == BONES.keys()


@pytest.mark.parametrize(
    ("lost", "words"),
    [("01/01.asf", "01.asf is missing"), ("02/02_01.amc", "02 has no .amc files")],
)
def test_a_subject_without_skeleton_or_motion_is_told(lost, words, tree):
    (tree / "subjects" / lost).unlink()
    with pytest.raises(DataError, match=words):
        CMUMocap(str(tree), test_subjects=("S02",)).read()


def test_a_test_subject_that_is_never_in_view_is_told(tree):
    held = angles_of(2)
    held["root"][:, 0] += np.linspace(0, 5000, FRAMES)
    (tree / "subjects/02/02_01.amc").write_text(amc_text(held))
    with pytest.raises(DataError, match="no clip of the test subjects S02"):
        CMUMocap(str(tree), test_subjects=("S02",)).read()


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    suffix=st.sampled_from(["asf", "amc"]),
    place=st.floats(0, 1, exclude_max=True),
    junk=st.binary(min_size=1, max_size=6)
    | st.sampled_from([b"\n: \n", b" 0 ", b"-1e999", b"\nbegin\n", b"("]),
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
