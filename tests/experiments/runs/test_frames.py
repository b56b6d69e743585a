"""What a test leaves beside its figures, against plain sums and predictions made again."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from pytorch_lightning import Trainer

from datamodules import RarePoseProtocol, SubjectProtocol, SyntheticMocap
from experiments.runs.frames import Frames, FramesRecorder, choose
from lightning_modules import SRNet
from metrics.evaluator import Evaluator


@pytest.fixture(scope="module", params=[SubjectProtocol, RarePoseProtocol])
def tested(request, tmp_path_factory):
    recorder = FramesRecorder()
    torch.manual_seed(0)
    model = SRNet(network="fc", width=16)
    data = request.param(SyntheticMocap(frames=6), eval_batch_size=100)
    trainer = Trainer(
        accelerator="cpu",
        logger=False,
        enable_progress_bar=False,
        callbacks=[Evaluator(), recorder],
        default_root_dir=tmp_path_factory.mktemp("frames"),
    )
    (figures,) = trainer.test(model, data, verbose=False)
    return SimpleNamespace(frames=recorder.frames, model=model, data=data, figures=figures)


def test_sums_over_takes_give_the_figures(tested):
    held = tested.frames
    assert set(held.errors) == {
        "mpjpe", "pa_mpjpe", "nmpjpe", "pck", "auc", "pck_17", "auc_17"
    }  # fmt: skip
    for name in held.errors:
        mean = held.totals(name).sum() / held.counts.sum()
        assert mean == pytest.approx(tested.figures[f"test/{name}"], rel=1e-12)
    assert held.joints.mean() == pytest.approx(tested.figures["test/mpjpe"], rel=1e-12)
    for action in set(held.actions):
        of = held.actions == action
        mean = held.totals("mpjpe")[of].sum() / held.counts[of].sum()
        logged = tested.figures[f"test/mpjpe_by_action/{action}"]
        assert mean == pytest.approx(logged, rel=1e-12)


def test_cameras_of_a_recording_are_one_take(tested):
    segments = tested.data.sequences.segments
    subjects = tested.data.sequences.splits["test"]
    frames = set(tested.data.frames["test"])
    takes = {
        f"{s.subject} {s.take}"
        for s in segments
        if s.subject in subjects and not frames.isdisjoint(range(s.start, s.stop))
    }
    assert set(tested.frames.take_names) == takes
    assert tested.frames.counts.sum() == len(frames)


def test_samples_are_the_frames_that_they_say(tested):
    held, data = tested.frames.samples, tested.data.sequences
    named = {
        f"{s.subject} {s.take}, camera {s.camera.id}, frame {frame - s.start}": frame
        for s in data.segments
        for frame in range(s.start, s.stop)
    }
    frames = [named[title] for title in held.titles]
    np.testing.assert_array_equal(held.truth, data.joints[frames])
    np.testing.assert_array_equal(held.keypoints, data.keypoints[frames, :, :2])
    tested.model.eval()
    with torch.no_grad():
        lifted = tested.model.lift(torch.from_numpy(held.keypoints)[:, None]).numpy()
    np.testing.assert_allclose(held.predicted, lifted, atol=1e-6)
    away = 1000 * np.linalg.norm(held.predicted - held.truth, axis=-1).mean(1)
    np.testing.assert_allclose(held.errors, away, atol=1e-3)


def test_the_rarest_are_there_where_rareness_is_known(tested):
    kinds = dict.fromkeys(tested.frames.samples.kinds)
    rare = isinstance(tested.data, RarePoseProtocol)
    assert list(kinds) == ["best", "median", "worst", *["rarest"] * rare]
    if rare:
        first = tested.data.frames["test"][0]
        place = list(tested.frames.samples.kinds).index("rarest")
        truth = tested.data.sequences.joints[first]
        np.testing.assert_array_equal(tested.frames.samples.truth[place], truth)


def test_samples_are_of_as_many_takes_as_there_are():
    errors = np.array([5.0, 1.0, 2.0, 9.0, 8.0, 3.0, 4.0])
    takes = np.array([0, 1, 1, 2, 2, 3, 3])
    chosen = choose(errors, takes, by_rareness=True)
    assert {kind: list(places) for kind, places in chosen.items()} == {
        "best": [1, 5, 0],
        "median": [6, 0, 2],
        "worst": [3, 0, 6],
        "rarest": [0, 1, 3],
    }


def test_a_file_gives_back_what_was_saved(tested, tmp_path):
    tested.frames.save(tmp_path / "frames.npz")
    read = Frames.load(tmp_path / "frames.npz")
    for name, value in flat(tested.frames).items():
        np.testing.assert_array_equal(flat(read)[name], value)
    assert flat(read).keys() == flat(tested.frames).keys()
    assert [path.name for path in tmp_path.iterdir()] == ["frames.npz"]


def flat(frames):
    """All arrays by name."""
    samples = {f"samples/{name}": each for name, each in vars(frames.samples).items()}
    arrays = {"index": frames.index, "take": frames.take, "joints": frames.joints}
    for name in ("groupings", "groups", "errors"):
        arrays |= {f"{name}/{key}": each for key, each in getattr(frames, name).items()}
    return arrays | {"take_names": frames.take_names} | samples


def test_the_figures_of_the_frames_are_those_that_were_logged(tested):
    figures = tested.frames.figures()
    logged = {name.removeprefix("test/"): value for name, value in tested.figures.items()}
    del logged["mpjve"]
    assert {name: figures[name] for name in logged} == pytest.approx(logged, rel=1e-12)


def test_figures_that_were_not_logged_come_from_the_frames(tested):
    """The mean over actions of a score, and PA-MPJPE of one group, against plain means."""
    frames, figures = tested.frames, tested.frames.figures()
    action = tested.data.sequences.per_frame(
        [tested.data.sequences.actions.index(s.action) for s in tested.data.sequences.segments]
    )[frames.index]
    means = [frames.errors["pck"][action == number].mean() for number in set(action)]
    assert figures["pck_action"] == pytest.approx(np.mean(means))
    if isinstance(tested.data, RarePoseProtocol):
        inside = tested.data.tenth_of_frame[frames.index] == 1
        assert figures["pa_mpjpe_by_rarity/10-20"] == pytest.approx(
            frames.errors["pa_mpjpe"][inside].mean()
        )
    else:
        assert not any("rarity" in name for name in figures)
