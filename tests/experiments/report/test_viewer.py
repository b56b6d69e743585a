"""What the viewer's fragment holds, before a browser reads it."""

import json
import re
from base64 import b64decode

import cv2
import numpy as np

from datamodules.skeletons import H36M17
from experiments.report.viewer import Scene, viewer_html, viewer_page


def scene(frames=None, **others):
    random = np.random.default_rng(0)
    shape = (17,) if frames is None else (frames, 17)
    keypoints = random.uniform(-1, 1, (*shape, 2))
    return Scene("a walk", H36M17, keypoints, random.normal(0, 0.5, (*shape, 3)), **others)


def packed(html):
    return json.loads(re.search(r'<script type="application/json">(.*?)</script>', html, re.S)[1])


def unpacked(text, unit, size):
    return np.frombuffer(b64decode(text), "<i2").reshape(-1, size) * unit


def test_a_clip_is_packed_to_the_millimetre():
    clip = scene(frames=40)
    (held,) = packed(viewer_html([clip], "clips"))
    assert (held["frames"], held["truth"]) == (40, None)
    np.testing.assert_allclose(
        unpacked(held["predicted"], 1e-3, 3), clip.predicted.reshape(-1, 3), atol=5.01e-4
    )
    np.testing.assert_allclose(
        unpacked(held["keypoints"], 1e-4, 2), clip.keypoints.reshape(-1, 2), atol=5.01e-5
    )


def test_missing_joints_are_marked_and_far_ones_stay_at_the_end_of_the_range():
    pose = scene()
    pose.keypoints[3] = np.nan
    pose.predicted[4] = 1e6, -1e6, 0
    (held,) = packed(viewer_html([pose], "poses"))
    steps = unpacked(held["keypoints"], 1, 2)
    assert (steps[3] == -32768).all()
    assert (np.delete(steps, 3, 0) > -32768).all()
    assert unpacked(held["predicted"], 1, 3)[4].tolist() == [32767, -32767, 0]


def test_pictures_come_along_as_they_are():
    image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    html = viewer_html([scene(image=image, skeleton_image=image[..., 0])], "pictures")
    first, second = re.findall(r'src="data:image/png;base64,([^"]*)"', html)
    read = cv2.imdecode(np.frombuffer(b64decode(first), np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(read[..., ::-1], image)
    read = cv2.imdecode(np.frombuffer(b64decode(second), np.uint8), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(read, image[..., 0])


def test_code_comes_once_where_it_is_asked_for_once():
    scenes = [scene(error=12.34)]
    fragments = viewer_html(scenes, "a") + viewer_html(scenes, "b", code=False)
    assert fragments.count("DOMContentLoaded") == 1
    assert fragments.count("<b>12.3 mm</b>") == 2


def test_a_file_s_name_is_text_and_never_markup():
    name = '</script><script>alert("1")</script>'
    page = viewer_page([Scene(name, H36M17, np.zeros((17, 2)), np.zeros((17, 3)))], name, name)
    assert name not in page
    assert "alert(&#34;1&#34;)" in page
