"""The pages on adding one's own: what they show is written down, run and looked at."""

import csv
import json
import re
from math import isfinite

import numpy as np
import pytest
import torch

from datamodules import DataError, SyntheticMocap
from experiments.cli import reproduce
from experiments.cli.lightning import main
from experiments.config.tables import load_table
from poseproof.errors import UserError
from tests.datamodules.conftest import sway
from tests.docs.pages import ROOT, commands, files, made
from tests.experiments.conftest import latest, make_tiny

LIFTER, DATA_SET, TABLE, CLAIM_KIND, METRIC, PROTOCOL, PAPER = ADDING = [
    f"docs/adding/{page}.md"
    for page in ("lifter", "data_set", "table", "claim_kind", "metric", "protocol", "paper")
]
FRAMES = 12
QUIET = ["--trainer.enable_progress_bar=false", "--trainer.enable_model_summary=false"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where a newcomer stands: the pages' files, the suite's configs, and motion of their own."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        folder = make_tiny(tmp_path_factory, monkeypatch)
        for page in ADDING:
            for name, text in files(page).items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
        (folder / "experiments").mkdir()
        (folder / "experiments/configs").symlink_to(folder / "configs")
        monkeypatch.syspath_prepend(folder / "mine")
        record(folder / "mocap")
        yield folder


@pytest.fixture(autouse=True)
def in_the_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def record(folder):
    """CSV files as the page describes them, of three people who sway; one take is also detected."""
    from mocap_csv import JOINTS

    for number, subject in enumerate(("S1", "S2", "S3")):
        # in another order than the skeleton's, beside a column that is not read
        order = np.random.default_rng(number).permutation(17)
        names = ["time", *(f"{JOINTS[joint]}_{axis}" for joint in order for axis in "xyz")]
        poses = 1000 * sway(FRAMES, seed=number)[:, order].reshape(FRAMES, -1)
        write(folder / f"{subject}_walk_1.csv", names, np.c_[np.arange(FRAMES), poses])
    names = [f"{joint}_{axis}" for joint in JOINTS for axis in "xy"]
    (folder / "left").mkdir()
    write(folder / "left/S3_walk_1.csv", names, np.tile(np.arange(34.0), (FRAMES, 1)))


def write(path, names, rows):
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([names, *rows.tolist()])


def follow(page):
    """Run all commands of a page, as its user would."""
    for given, words in commands(page):
        assert given["PYTHONPATH"] == "mine"
        if words[0] == "make":
            ((_, flag, module, *args),) = made(words)
            assert (flag, module) == ("-m", "experiments.cli.reproduce")
            reproduce.main(args)
        else:
            assert words[0] == "lightning"
            main([*words[1:], *QUIET])


def table(name):
    with open(f"results/{name}/table.json") as file:
        return json.load(file)


@pytest.mark.parametrize(
    ("page", "name", "longest"),
    [(LIFTER, "mine/graph_lifter.py", 60), (DATA_SET, "mine/mocap_csv.py", 80)],
)
def test_it_is_one_file_of_so_many_lines_and_one_yaml(page, name, longest):
    held = files(page)
    assert held[name].count("\n") <= longest
    (yaml,) = [other for other in held if other.endswith(".yaml")]
    assert set(held) - {name, yaml} <= {"mocap/cameras.json"}


def test_a_table_is_one_yaml():
    assert list(files(TABLE)) == ["mine/graph-table.yaml"]


def test_the_lifter_is_trained_and_tested(folder):
    follow(LIFTER)
    assert (folder / "runs/graph/checkpoints/last.ckpt").exists()
    figures = json.loads(latest(folder / "runs", "metrics.json").read_text())
    assert all(isfinite(figures[f"test/{name}"]) for name in ("mpjpe", "pa_mpjpe", "pck", "auc"))


def test_the_lifter_mixes_joints_along_bones_alone_before_it_is_trained():
    from graph_lifter import GraphLifter

    lifter = GraphLifter(width=8, num_blocks=1, receptive_field=3).eval()
    plain = torch.rand(2, 3, 17, 2)
    assert lifter(plain).shape == (2, 17, 3)
    moved = plain.clone()
    moved[:, :, 16] += 1
    changed = (lifter(moved) - lifter(plain)).abs().sum((0, 2)).nonzero()[:, 0].tolist()
    # three layers from the right wrist: the elbow, the shoulder, and the thorax
    assert changed == [8, 14, 15, 16]


def test_the_data_set_is_read_trained_and_tested_on(folder):
    from mocap_csv import MocapCsv

    follow(DATA_SET)
    contents = table("srnet-table9")
    assert contents["complete"]
    assert contents["data"]["title"] == "mocap (MocapCsv)"
    assert contents["data"]["splits"] == {"train": ["S1", "S2"], "test": ["S3"]}
    assert contents["data"]["fingerprint"] == MocapCsv("mocap", ["S3"], 100.0).load().fingerprint()


def test_the_data_set_s_poses_and_pixels_are_opencv_s():
    import cv2
    from mocap_csv import MocapCsv

    held = MocapCsv("mocap", ["S3"], 100.0).load()
    with open("mocap/cameras.json") as file:
        cameras = {each["id"]: each for each in json.load(file)}
    for segment in held.segments:
        camera = cameras[segment.camera.id]
        world = 1000 * sway(FRAMES, seed=int(segment.subject[1]) - 1).astype(float)
        turned, moved, lens = (np.array(camera[key], float) for key in ("R", "t", "K"))
        in_camera = world @ turned.T + moved
        frames = slice(segment.start, segment.stop)
        relative = (in_camera - in_camera[:, :1]) / 1000
        np.testing.assert_allclose(held.joints[frames], relative, atol=1e-5)
        pixels, _ = cv2.projectPoints(
            world.reshape(-1, 3), cv2.Rodrigues(turned)[0], moved, lens, None
        )
        if (segment.subject, segment.camera.id) == ("S3", "left"):
            pixels = np.tile(np.arange(34.0), (FRAMES, 1))
        screen = pixels.reshape(FRAMES, 17, 2) * 2 / 1280 - [1, 720 / 1280]
        np.testing.assert_allclose(held.keypoints[frames], screen, atol=1e-5)


def test_the_table_is_made_and_judged(folder):
    follow(TABLE)
    contents = table("graph-table")
    assert contents["complete"]
    assert contents["rows"] == ["Martinez", "Graph"]
    assert contents["columns"] == ["subject", "rare20"]
    assert contents["seeds"] == [0, 1]
    errors = [cell["mean"] for row in contents["cells"].values() for cell in row.values()]
    assert len(set(errors)) == 4
    assert all(map(isfinite, errors))
    order, gain = contents["claims"]
    assert [each["name"] for each in order["comparisons"]] == [
        "Martinez - Graph, subject",
        "Martinez - Graph, rare20",
    ]
    assert len(gain["comparisons"]) == 1
    assert {order["verdict"], gain["verdict"]} <= {"holds", "reversed", "undecided"}
    page = (folder / "results/graph-table/table.md").read_text()
    assert "Published" not in page
    assert "COMPARABLE" not in page


def test_a_kind_of_claim_is_one_class_and_one_yaml(folder):
    assert list(files(CLAIM_KIND)) == ["mine/lower_by.py", "mine/lower-by.yaml"]
    follow(CLAIM_KIND)
    contents = table("lower-by")
    errors = {row: columns["subject"]["seeds"] for row, columns in contents["cells"].items()}
    (claim,) = contents["claims"]
    (comparison,) = claim["comparisons"]
    assert comparison["name"] == "0.9 Martinez - SR, subject"
    pairs = zip(errors["Martinez"], errors["SR"], strict=True)
    left = [0.9 * worse - better for worse, better in pairs]
    assert comparison["mean"] == pytest.approx(sum(left) / 2)
    assert comparison["seeds"] == 2


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("percent: 10", "percent: ten", "percent: 'ten' is given where a number is needed."),
        (", percent: 10", "", "claim 1, comparison 1: percent is missing."),
        ("better: SR", "better: SRNet", "better: the table has no row 'SRNet'; choose one of"),
        ("LowerBy", "LowBy", "'lower_by.LowBy' is not a class that inherits"),
        ("lower_by", "lower_bye", "Python finds no module 'lower_bye': set PYTHONPATH"),
    ],
)
def test_a_claim_of_ones_own_kind_is_checked_before_anything_is_trained(folder, old, new, words):
    text = files(CLAIM_KIND)["mine/lower-by.yaml"]
    assert old in text
    (folder / "mine/wrong.yaml").write_text(text.replace(old, new))
    with pytest.raises(UserError) as refused:
        load_table("mine/wrong.yaml")
    assert words in str(refused.value)


def test_every_page_on_adding_is_followed():
    assert sorted(ADDING) == sorted(
        f"docs/adding/{page.name}" for page in (ROOT / "docs/adding").glob("*.md")
    )


def test_a_metric_is_one_class_and_one_yaml(folder):
    assert list(files(METRIC)) == ["mine/wrists.py", "mine/wrists.yaml"]
    follow(METRIC)
    contents = table("wrists")
    (claim,) = contents["claims"]
    (comparison,) = claim["comparisons"]
    assert comparison["takes"] > 1
    for row in contents["rows"]:
        wrists, everything = (contents["cells"][row][name] for name in ("wrists", "all"))
        assert wrists["unit"] == "mm"
        assert all(map(isfinite, wrists["seeds"]))
        assert wrists["seeds"] != everything["seeds"]


def test_the_error_of_the_wrists_is_that_of_joints_13_and_16():
    from wrists import WristError

    true = np.random.default_rng(0).normal(0, 300, (5, 17, 3))
    predicted = true.copy()
    predicted[:, 13] += [3, 4, 0]
    predicted[:, 16] += [0, 0, 9]
    predicted[:, 2] += 100
    metric = WristError()
    metric.update(torch.from_numpy(predicted), torch.from_numpy(true))
    assert metric.compute() == pytest.approx((5 + 9) / 2)


def test_a_protocol_is_one_class_one_config_and_one_table(folder):
    names = ["mine/cross_camera.py", "mine/cross_camera.yaml", "mine/cross-camera.yaml"]
    assert list(files(PROTOCOL)) == names
    follow(PROTOCOL)
    contents = table("cross-camera")
    assert contents["complete"]
    figures = [cell["mean"] for row in contents["cells"].values() for cell in row.values()]
    assert len(set(figures)) == 4
    assert all(map(isfinite, figures))


def test_the_protocol_tests_on_a_camera_that_nobody_was_trained_on():
    from cross_camera import CrossCameraProtocol

    protocol = CrossCameraProtocol(SyntheticMocap(frames=5), val_subject="S8")
    protocol.sequences = protocol.source.load()
    camera_of, subject_of = {}, {}
    for segment in protocol.sequences.segments:
        for frame in range(segment.start, segment.stop):
            camera_of[frame], subject_of[frame] = segment.camera.id, segment.subject
    picked = protocol.pick()
    cameras = {split: {camera_of[frame] for frame in picked[split]} for split in picked}
    assert cameras["test"] == {"60457274"}
    assert cameras["train"] == cameras["val"] == {"54138969", "55011271", "58860488"}
    subjects = {split: {subject_of[frame] for frame in picked[split]} for split in picked}
    assert subjects["test"] == {"S9", "S11"}
    assert subjects["val"] == {"S8"}
    protocol.test_camera = "none"
    with pytest.raises(DataError, match="has no camera none: choose test_camera among 54138969"):
        protocol.pick()


def test_a_paper_is_reproduced_and_its_page_leads_to_what_there_is(folder):
    from bottleneck.test_bottleneck import test_a_block_is_eq_1

    test_a_block_is_eq_1()
    follow(PAPER)
    contents = table("bottleneck-table1")
    assert contents["complete"]
    assert contents["paper"]["cells"]["256"] == {"Avg": 45.0}
    assert [len(claim["comparisons"]) for claim in contents["claims"]] == [1, 1]
    page = folder / "mine/bottleneck/README.md"
    links = re.findall(r"\[`([^`]*)`\]\(([^)]*)\)", page.read_text())
    assert links
    for name, path in links:
        text = (page.parent / path).read_text()
        assert name in text or path.endswith(name)
