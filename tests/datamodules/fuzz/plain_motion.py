"""ASF/AMC trees by a plain reading: dicts of words, a recursion over bones, single rotations."""

import numpy as np
from scipy.interpolate import make_interp_spline
from scipy.spatial.transform import Rotation

from datamodules.sources.human36m.recordings import human36m_cameras
from tests.datamodules.fuzz.plain import Plain, in_camera, normalised

LIMBS = (
    *("rhipjoint", "rfemur", "rtibia", "lhipjoint", "lfemur", "ltibia"),
    *("lowerback", "thorax", "upperneck", "head"),
    *("lclavicle", "lhumerus", "lwrist", "rclavicle", "rhumerus", "rwrist"),
)


def cmu(folder):
    """Plain readings of a tree of S01, who trains, and S02, who is tested on; one clip each."""
    sequences = []
    for subject, rig in (("01", "S5"), ("02", "S9")):
        home = folder / "subjects" / subject
        world = _world(home / f"{subject}.asf", home / f"{subject}_01.amc")
        cameras = human36m_cameras()[rig]
        world = (world + _looked_at(cameras)).astype(np.float32)
        filmed = [_filmed(world, camera) for camera in cameras]
        seen = np.ones(len(world), bool)
        for camera, (_, pixels) in zip(cameras, filmed, strict=True):
            inside = (pixels >= 0) & (pixels <= [camera.width, camera.height])
            seen &= inside.all((1, 2))
        start, stop = _longest(seen)
        if stop - start < 25:
            continue
        for camera, (joints, pixels) in zip(cameras, filmed, strict=True):
            flat = normalised(pixels, camera.width, camera.height)
            take = f"{subject}_01"
            sequences.append(
                Plain(f"S{subject}", take, camera.id, 50.0, flat[start:stop], joints[start:stop])
            )
    train = ("S01",) if any(s.subject == "S01" for s in sequences) else ()
    return sequences, {"train": train, "test": ("S02",)}


def _words(path):
    lines = path.read_text(encoding="latin1").split("\n")
    return [words for line in lines if (words := line.split()) and words[0][0] != "#"]


def _asf(path):
    section, sections = "", {}
    for words in _words(path):
        if words[0][0] == ":":
            section = words[0][1:]
        else:
            sections.setdefault(section, []).append(words)
    units = {words[0]: words[1:] for words in sections["units"]}
    bones, bone = {}, {}
    for words in sections["bonedata"]:
        if words[0] == "begin":
            bone = {}
        elif words[0] == "name":
            bones[words[1]] = bone
        bone[words[0]] = words[1:]
    parents = {name: words[0] for words in sections["hierarchy"] for name in words[1:]}
    return bones, parents, units["angle"][0] == "deg", 0.0254 / float(units["length"][0])


def _amc(path):
    frames = []
    for words in _words(path):
        if words[0].isdecimal():
            frames.append({})
        elif words[0][0] != ":":
            frames[-1][words[0]] = [float(word) for word in words[1:]]
    return {name: np.array([frame[name] for frame in frames]) for name in frames[0]}


def _about(axis, angles):
    """(F,) radians -> (F, 3, 3)."""
    turn = np.zeros((len(angles), 3, 3))
    one, two = (axis + 1) % 3, (axis + 2) % 3
    turn[:, axis, axis] = 1
    turn[:, one, one] = turn[:, two, two] = np.cos(angles)
    turn[:, two, one] = np.sin(angles)
    turn[:, one, two] = -np.sin(angles)
    return turn


def _turn(angles, degrees):
    angles = np.asarray(angles, float)
    angles = np.deg2rad(angles) if degrees else angles
    return _about(2, angles[:, 2]) @ _about(1, angles[:, 1]) @ _about(0, angles[:, 0])


def _world(asf, amc):
    """(F, 17, 3) metres at 50 Hz, z up, over the origin."""
    bones, parents, degrees, metres = _asf(asf)
    motion = _amc(amc)
    frames = len(motion["root"])

    def far_end(name):
        if name == "root":
            return _turn(motion["root"][:, 3:], degrees), motion["root"][:, :3]
        turn, place = far_end(parents[name])
        bone = bones[name]
        own = _turn([[float(word) for word in bone["axis"][:3]]], degrees)[0]
        angles = np.zeros((frames, 3))
        for number, channel in enumerate(bone.get("dof", ())):
            angles[:, "xyz".index(channel[1])] = motion[name][:, number]
        turn = turn @ own @ _turn(angles, degrees) @ own.T
        offset = np.array([float(w) for w in bone["direction"][:3]]) * float(bone["length"][0])
        return turn, place + turn @ offset

    limbs = np.stack([far_end(bone)[1] for bone in LIMBS], 1) * metres
    joints = np.concatenate([(limbs[:, :1] + limbs[:, 3:4]) / 2, limbs], 1)
    joints = np.stack([joints[..., 0], -joints[..., 2], joints[..., 1]], -1)
    times = np.arange(0, frames - 0.999, 2.4)
    joints = make_interp_spline(np.arange(frames), joints, k=3)(times)
    path = joints[:, 0, :2]
    joints[..., :2] -= (path.min(0) + path.max(0)) / 2
    return joints.astype(np.float32)


def _looked_at(cameras):
    """The point of the floor under what the cameras look at."""
    rows, sides = [], []
    for camera in cameras:
        w, x, y, z = camera.orientation
        axis = Rotation.from_quat([x, y, z, w]).as_matrix()[:, 2]
        across = np.eye(3) - np.outer(axis, axis)
        rows.append(across)
        sides.append(across @ camera.translation)
    point = np.linalg.lstsq(np.concatenate(rows), np.concatenate(sides), rcond=None)[0]
    return point * (1, 1, 0)


def _filmed(world, camera):
    joints = in_camera(world, camera.orientation, camera.translation)
    ray = np.clip(joints[..., :2] / joints[..., 2:], -1, 1)
    square = (ray**2).sum(-1, keepdims=True)
    k1, k2, k3 = camera.radial
    gain = 1 + k1 * square + k2 * square**2 + k3 * square**3 + (ray @ camera.tangential)[..., None]
    pixels = (ray * gain + np.array(camera.tangential) * square) * camera.focal + camera.center
    return joints, pixels


def _longest(seen):
    """Start and stop of the longest run of true values."""
    best, start = (0, 0), None
    for frame, here in enumerate([*seen, False]):
        if here and start is None:
            start = frame
        if not here and start is not None:
            best = max(best, (start, frame), key=lambda run: run[1] - run[0])
            start = None
    return best
