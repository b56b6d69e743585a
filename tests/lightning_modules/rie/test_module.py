"""RIE as a lifter: whole videos, batches of runs, and what it refuses."""

import re

import pytest
import torch

from lightning_modules import RIE, SRNet, TemporalConv

SMALL = {"receptive_field": 27, "width": 9, "latent": 6, "hidden": 8}
LIFTERS = {
    "rie": lambda **options: RIE(**SMALL, **options),
    "rie without T-ENH": lambda **options: RIE(temporal=None, **SMALL, **options),
    "srnet": lambda **options: SRNet(receptive_field=27, width=20, **options),
    "temporal_conv": lambda **options: TemporalConv(receptive_field=27, width=8, **options),
}


def by_windows(model, video):
    """Every frame by a window of its own, cut out by hand."""
    before = 26 if model.causal else 13
    windows = []
    for frame in range(len(video)):
        places = torch.arange(frame - before, frame - before + 27).clamp(0, len(video) - 1)
        windows.append(video[places])
    return model.lift(torch.stack(windows))


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("flip_test", [True, False])
@pytest.mark.parametrize("name", LIFTERS)
def test_a_video_is_lifted_as_its_windows_are(name, flip_test, causal):
    torch.manual_seed(0)
    model = LIFTERS[name](flip_test=flip_test, causal=causal).eval()
    assert model.shares_windows == (name != "rie")
    for length in (1, 5, 100):
        video = torch.rand(length, 17, 2) * 2 - 1
        with torch.no_grad():
            torch.testing.assert_close(
                model.lift_sequence(video), by_windows(model, video), rtol=0, atol=1e-5
            )


def test_a_long_video_is_lifted_in_pieces(monkeypatch):
    model = LIFTERS["srnet"]().eval()
    video = torch.rand(100, 17, 2)
    with torch.no_grad():
        whole = model.lift_sequence(video)
        monkeypatch.setattr("lightning_modules.lifter.FRAMES_AT_ONCE", 30)
        torch.testing.assert_close(model.lift_sequence(video), whole, rtol=0, atol=1e-6)


RUNS = [(0, 0, 90), (1, 90, 150), (1, 160, 250), (2, 400, 401)]
SCATTERED = [(0, frame, frame + 1) for frame in range(0, 200, 7)] + [(1, 50, 60)]


@pytest.mark.parametrize("causal", [True, False])
@pytest.mark.parametrize("name", LIFTERS)
@pytest.mark.parametrize("runs", [RUNS, SCATTERED], ids=["runs", "scattered"])
def test_a_batch_of_runs_is_lifted_as_its_windows_are(runs, name, causal):
    """Two sequences that touch, a gap, and single frames, in a batch that is worth sharing."""
    torch.manual_seed(0)
    model = LIFTERS[name](causal=causal).eval()
    frames = torch.cat([torch.arange(start, stop) for _, start, stop in runs])
    batch = {
        "index": frames,
        "sequence": torch.cat([torch.full((stop - start,), s) for s, start, stop in runs]),
    }
    videos = torch.rand(3, 427, 17, 2)
    batch["keypoints"] = torch.stack(
        [videos[s, f : f + 27] for s, f in zip(batch["sequence"], frames, strict=True)]
    )
    spans = []
    lift = model.forward_span
    model.forward_span = lambda span: spans.append(len(span)) or lift(span)
    with torch.no_grad():
        got = model._lift_batch(batch, batch["keypoints"])
        torch.testing.assert_close(got, model.lift(batch["keypoints"]), rtol=0, atol=1e-5)
    shared = runs is RUNS and name != "rie"
    assert spans == [length + 26 for length in (90, 60, 90, 1) for _ in range(2) if shared]


@pytest.mark.parametrize("name", LIFTERS)
def test_a_batch_without_frames_gives_no_poses(name):
    """Ranks take turns at evaluation batches, and the last may find none left."""
    batch = {"index": torch.arange(0), "sequence": torch.arange(0)}
    batch["keypoints"] = torch.rand(0, 27, 17, 2)
    assert LIFTERS[name]().eval()._lift_batch(batch, batch["keypoints"]).shape == (0, 17, 3)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"receptive_field": 100}, "cannot see 100 frames: choose 1, 3, 9, 27, 81 or 243"),
        ({"receptive_field": 1}, "choose 27, 81 or 243"),
        ({"temporal": "add"}, "choose sub, inner"),
        ({"groups": 4}, "no division into 4"),
        ({"absolute": False, "positional": False, "temporal": None}, "choose positional: true"),
    ],
)
def test_what_cannot_be_is_refused(options, words):
    with pytest.raises(ValueError, match=words) as refused:
        RIE(**{**SMALL, **options})
    # one sentence
    assert re.fullmatch(r"[A-Z][^.]*\.", str(refused.value))


def test_the_loss_is_the_mean_distance_in_metres():
    joints = torch.zeros(2, 17, 3)
    joints[0, 3] = torch.tensor([3.0, 4.0, 0.0])
    assert RIE(**SMALL).loss(torch.zeros(2, 17, 3), joints) == pytest.approx(5 / 34)


def test_the_momentum_of_the_temporal_convolutions_alone_falls():
    model = RIE(**SMALL)
    annealed = set(model.annealed())
    names = {name for name, module in model.named_modules() if module in annealed}
    assert names
    assert all(name.startswith("network.encoders") for name in names)
    # the input's, and two a block
    assert len(annealed) == 1 + 2 * 2
