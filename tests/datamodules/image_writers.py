"""Writers of small image folders in the public layouts of MPII and of H36M-Toolbox.

In every image the right wrist is a red dot, by which tests find it again.
"""

import json
from pathlib import Path

import cv2
import numpy as np

from datamodules.sources.human36m.recordings import human36m_cameras

MPII_RIGHT_WRIST, RIGHT_WRIST = 10, 16


def write_dot(path, size, x, y, radius=6):
    """A grey JPEG of (width, height) with a red dot at pixels from the image's corner."""
    image = np.full((size[1], size[0], 3), 90, np.uint8)
    at = np.round(np.array([x, y]) * 16 - 8).astype(int).tolist()
    cv2.circle(image, at, radius * 16, (0, 0, 255), -1, cv2.LINE_AA, shift=4)
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), image, [cv2.IMWRITE_JPEG_QUALITY, 98])


def dot_of(crop):
    """Where the dot is in a crop (S, S, 3) RGB, as (u, v) of its sides."""
    red = crop[..., 0].astype(float) - crop[..., 1]
    red[red < 40] = 0
    rows, columns = np.indices(red.shape) + 0.5
    return np.array([(columns * red).sum(), (rows * red).sum()]) / red.sum() / len(crop)


def person(image, centre, scale, rng, **changes):
    """An entry of the annotations: joints in the middle two thirds of the person's square."""
    joints = np.array(centre) + rng.uniform(-0.33, 0.33, (16, 2)) * 200 * scale
    entry = {
        "image": image,
        "center": [float(c) for c in centre],
        "scale": scale,
        "joints": joints.round(1).tolist(),
        "joints_vis": [1] * 16,
    }
    return entry | changes


def mpii_people():
    """The entries of train.json and of valid.json; every person in an image of their own."""
    rng = np.random.default_rng(0)
    missing = [1] * 16
    missing[0] = missing[9] = 0
    train = [
        person("000000001.jpg", (320.0, 240.0), 1.2, rng),
        person("000000002.jpg", (200.0, 300.0), 1.625, rng, joints_vis=missing),
        # who cannot be used
        person("000000001.jpg", (-1, -1), 1.0, rng),
        person("000000001.jpg", (90.0, 90.0), 1.0, rng, joints_vis=[0] * 16),
    ]
    return {"train": train, "valid": [person("000000003.jpg", (400.0, 500.0), 2.5, rng)]}


MPII_SIZES = {
    "000000001.jpg": (640, 480),
    "000000002.jpg": (480, 640),
    "000000003.jpg": (1280, 720),
}


def write_mpii(root, people=None):
    """MPII's folder, annotations as given."""
    people = people or mpii_people()
    for group in mpii_people().values():
        for entry in group[:2]:
            # counted from 1 at the middle of the first pixel
            x, y = np.array(entry["joints"][MPII_RIGHT_WRIST]) - 0.5
            write_dot(root / "images" / entry["image"], MPII_SIZES[entry["image"]], x, y)
    write_annotations(root, people)
    return str(root)


def write_annotations(root, people):
    (root / "annot").mkdir(exist_ok=True)
    for name, entries in people.items():
        (root / "annot" / f"{name}.json").write_text(json.dumps(entries))


def write_human36m_images(files, images, stride):
    """Images of every `stride`-th frame of the takes that all subjects name alike.

    Args:
        files: of Human36M; other takes are taken away.
        images: the folder to write to.
        stride: of the frames.
    """
    takes = {"Directions 1": (2, 1), "WalkDog": (15, 2)}
    for held in (files.three["positions_3d"], files.two["positions_2d"]):
        for subject in held:
            held[subject] = {take: held[subject][take] for take in takes}
    for subject, seen in files.two["positions_2d"].items():
        for take, (action, subact) in takes.items():
            for number, pixels in enumerate(seen[take]):
                camera = human36m_cameras()[subject][number]
                name = (
                    f"s_{int(subject[1:]):02}_act_{action:02}_subact_{subact:02}_ca_{number + 1:02}"
                )
                for frame in range(0, len(pixels), stride):
                    write_dot(
                        Path(images) / name / f"{name}_{frame + 1:06}.jpg",
                        (camera.width, camera.height),
                        *pixels[frame, RIGHT_WRIST],
                    )
    return files.write()


def wrist_of(images, keypoints, frame):
    """The right wrist in a frame's crop, as (u, v), by the contract of crops."""
    x, y, side = images.crops[frame]
    return (keypoints[frame, RIGHT_WRIST, :2] - [x, y]) / side + 0.5
