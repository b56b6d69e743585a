"""A clip of 2D keypoints, written as each estimator writes it."""

import json

import numpy as np

from datamodules.skeletons import H36M17

COCO = (
    *("Nose", "LEye", "REye", "LEar", "REar", "LShoulder", "RShoulder", "LElbow", "RElbow"),
    *("LWrist", "RWrist", "LHip", "RHip", "LKnee", "RKnee", "LAnkle", "RAnkle"),
)
# the first eight are common to OpenPose's two models
_ARMS = ("Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist")
_LEGS = ("RHip", "RKnee", "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar")
_FEET = ("LBigToe", "LSmallToe", "LHeel", "RBigToe", "RSmallToe", "RHeel")
COCO_18 = (*_ARMS, *_LEGS)
BODY_25 = (*_ARMS, "MidHip", *_LEGS, *_FEET)
# metres, x right, y down, of someone who stands and looks at the camera
_STANDING = {
    "Nose": (0, -0.62),
    "LEye": (0.03, -0.66),
    "REye": (-0.03, -0.66),
    "LEar": (0.07, -0.65),
    "REar": (-0.07, -0.65),
    "LShoulder": (0.17, -0.45),
    "RShoulder": (-0.17, -0.45),
    "LElbow": (0.22, -0.17),
    "RElbow": (-0.24, -0.17),
    "LWrist": (0.2, 0.06),
    "RWrist": (-0.25, 0.07),
    "LHip": (0.12, 0),
    "RHip": (-0.12, 0),
    "LKnee": (0.13, 0.44),
    "RKnee": (-0.14, 0.44),
    "LAnkle": (0.12, 0.86),
    "RAnkle": (-0.13, 0.86),
}


def swaying(frames, seed=0, at=(640, 380), size=300):
    """(frames, 17, 3) pixels and scores of COCO's joints."""
    rng = np.random.default_rng(seed)
    phase, far = rng.uniform(0, 2 * np.pi, (1, 17, 2)), rng.uniform(0.005, 0.05, (1, 17, 2))
    time = np.arange(frames)[:, None, None] / 10
    body = np.array([_STANDING[name] for name in COCO]) + far * np.sin(time + phase)
    scores = rng.uniform(0.5, 0.98, (frames, 17, 1))
    return np.concatenate([np.array(at) + size * body, scores], axis=2).round(3)


def as_h36m(poses):
    """What (F, 17, 3) become, (F, 17, 2), as the docs say it."""
    of = {name: poses[:, place, :2] for place, name in enumerate(COCO)}
    shoulders = (of["LShoulder"] + of["RShoulder"]) / 2
    eyes = (of["LEye"] + of["REye"]) / 2
    face = (of["LEye"] + of["REye"] + of["LEar"] + of["REar"]) / 4
    hip = (of["LHip"] + of["RHip"]) / 2
    thorax = shoulders * 2 / 3 + of["Nose"] / 3
    made = {
        "hip": hip,
        "thorax": thorax,
        "spine": (hip + thorax) / 2,
        "neck": shoulders / 4 + of["Nose"] * 3 / 4,
        "head": face + eyes - of["Nose"],
        "right_hip": of["RHip"],
        "right_knee": of["RKnee"],
        "right_foot": of["RAnkle"],
        "left_hip": of["LHip"],
        "left_knee": of["LKnee"],
        "left_foot": of["LAnkle"],
        "left_shoulder": of["LShoulder"],
        "left_elbow": of["LElbow"],
        "left_wrist": of["LWrist"],
        "right_shoulder": of["RShoulder"],
        "right_elbow": of["RElbow"],
        "right_wrist": of["RWrist"],
    }
    return np.stack([made[name] for name in H36M17.joints], axis=1)


def in_order(pose, names):
    """A pose (17, 3) in OpenPose's order; what COCO lacks is midway or missing."""
    held = dict(zip(COCO, pose, strict=True))
    held["Neck"] = (held["LShoulder"] + held["RShoulder"]) / 2
    held["MidHip"] = (held["LHip"] + held["RHip"]) / 2
    return np.array([held.get(name, np.zeros(3)) for name in names])


def flat(pose):
    return np.asarray(pose, float).reshape(-1).tolist()


def coco_results(people):
    """People: frame -> poses (17, 3)."""
    return [
        {"image_id": frame, "category_id": 1, "keypoints": flat(pose), "score": 0.9}
        for frame, poses in people.items()
        for pose in poses
    ]


def alphapose(people):
    return [
        entry
        | {"image_id": f"{entry['image_id']}.jpg", "score": 2.9, "box": [1.0] * 4, "idx": [[1.0]]}
        for entry in coco_results(people)
    ]


def alphapose_like(people, names=COCO_18, key="bodies", field="joints"):
    return {
        f"{frame}.jpg": {
            "version": "AlphaPose v0.3",
            key: [{field: flat(in_order(pose, names))} for pose in poses],
        }
        for frame, poses in people.items()
    }


def openpose(people, names=BODY_25):
    """File name -> what it holds."""
    return {
        f"clip_{frame:012}_keypoints.json": {
            "version": 1.3,
            "people": [
                {
                    "person_id": [-1],
                    "pose_keypoints_2d": flat(in_order(pose, names)),
                    "face_keypoints_2d": [],
                }
                for pose in poses
            ],
        }
        for frame, poses in people.items()
    }


def mmpose_people(poses):
    return [
        {
            "keypoints": pose[:, :2].tolist(),
            "keypoint_scores": pose[:, 2].tolist(),
            "bbox": [[0.0, 0.0, 9.0, 9.0]],
            "bbox_score": 0.9,
        }
        for pose in poses
    ]


def mmpose_frames(people):
    return [
        {"frame_id": frame, "instances": mmpose_people(poses)} for frame, poses in people.items()
    ]


def mmpose(people):
    meta = {"dataset_name": "coco", "num_keypoints": 17, "keypoint_id2name": {"0": "nose"}}
    return {"meta_info": meta, "instance_info": mmpose_frames(people)}


def write_json(path, held):
    path.write_text(json.dumps(held))
    return path


def write_folder(folder, frames):
    folder.mkdir()
    for name, held in frames.items():
        write_json(folder / name, held)
    return folder


def write_npz(path, poses, **more):
    np.savez(path, keypoints=poses[..., :2], scores=poses[..., 2], **more)
    return path


def every_format(folder, poses):
    """Format -> path of the clip of one person in it."""
    people = {frame: [pose] for frame, pose in enumerate(poses)}
    np.savez_compressed(folder / "triple.npz", keypoints=poses)
    images = {f"{n:06}.json": mmpose_people(each) for n, each in people.items()}
    opened = alphapose_like(people, key="people", field="pose_keypoints_2d")
    return {
        "npz": write_npz(folder / "clip.npz", poses),
        "npz with scores inside": folder / "triple.npz",
        "COCO results": write_json(folder / "coco.json", coco_results(people)),
        "OpenPose, BODY_25": write_folder(folder / "body25", openpose(people)),
        "OpenPose, COCO": write_folder(folder / "coco18", openpose(people, COCO_18)),
        "AlphaPose": write_json(folder / "alphapose-results.json", alphapose(people)),
        "AlphaPose, cmu": write_json(folder / "cmu.json", alphapose_like(people)),
        "AlphaPose, open": write_json(folder / "open.json", opened),
        "AlphaPose, open, apart": write_folder(
            folder / "sep-json", {name.replace("jpg", "json"): h for name, h in opened.items()}
        ),
        "MMPose": write_json(folder / "mmpose.json", mmpose(people)),
        "MMPose, Inferencer": write_json(folder / "inferencer.json", mmpose_frames(people)),
        "MMPose, images": write_folder(folder / "images", images),
    }
