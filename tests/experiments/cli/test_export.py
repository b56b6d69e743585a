"""`lightning export`: what other programs then predict is what PyTorch does."""

import numpy as np
import onnxruntime
import pytest
import torch

from experiments.cli import export
from experiments.cli.export import export_lifter
from experiments.cli.graphs import Graph, predictor
from experiments.cli.lightning import PoseCLI, main
from lightning_modules import DPCN, FCBaseline
from lightning_modules.dpcn.joint_groups import sample_groups
from tests.experiments.cli.test_lightning import METHODS, NARROW
from tests.experiments.conftest import configs, model, refused

# few layers, as each takes its time to bring to ONNX
FEW = {
    "srnet": {"num_layers": 4, "groups": 2},
    "srnet_temporal": {"receptive_field": 9, "groups": 3},
    "rie": {"receptive_field": 9},
    "temporal_conv": {"receptive_field": 9},
    "dpcn": {"num_blocks": 1},
    "dpcn_images": {"stacks": 1},
}
# the others are these networks, trained otherwise
NETWORKS = sorted({*METHODS} - {"dpcn_estimator", "dpcn_two_step", "rie_end_to_end"})


def built(method, **options):
    """A model of a method's config, its zeros drawn, as though it had been trained."""
    narrow = {
        k: v
        for name, widths in NARROW.items()
        if method.startswith(name)
        for k, v in widths.items()
    }
    few = {k: v for name, more in FEW.items() if method.startswith(name) for k, v in more.items()}
    if method == "srnet_temporal":
        del few["num_layers"]
    args = [*configs(f"methods/{method}"), *model(**({"width": 16} | narrow | few | options))]
    torch.manual_seed(0)
    made = PoseCLI(args, run=False).model
    if isinstance(made, DPCN):
        size, least = made.group_size, made.min_groups
        made._build(sample_groups(torch.rand(17, 17), size, 10.0, least, 0))
    for name, weight in made.state_dict().items():
        if name.endswith("running_var"):
            weight.uniform_(0.5, 2)
        elif weight.is_floating_point() and not weight.any():
            weight.normal_(std=0.1)
    for name in {"unit", "size"} & set(dict(made.named_buffers(recurse=False))):
        getattr(made, name).fill_(0.6)
    return made.eval()


def inputs(made, batch):
    if size := made.needs.image_size:
        return torch.rand(batch, 3, size, size), torch.rand(batch, 3) + 0.2
    return (0.4 * torch.rand(batch, made.receptive_field, 17, 2) - 0.2,)


def predicted_by(made, held):
    with torch.no_grad():
        return predictor(made)(*held).clone()


@pytest.mark.parametrize("method", NETWORKS)
def test_torchscript_of_every_method(method, tmp_path):
    made = built(method)
    trials = [inputs(made, batch) for batch in (1, 4)]
    expected = [predicted_by(made, held) for held in trials]
    assert expected[1].std(0).max() > 1e-4
    apart = export_lifter(made, tmp_path / "out/lifter.pt", "torchscript")
    assert apart < 1e-4
    loaded = torch.jit.load(tmp_path / "out/lifter.pt")
    for held, joints in zip(trials, expected, strict=True):
        torch.testing.assert_close(loaded(*held), joints, atol=1e-4, rtol=0)


@pytest.mark.skipif(
    tuple(map(int, torch.__version__.split(".")[:2])) < (2, 13),
    reason="torch before 2.13 may not write the loop of DPCN's consensus as ONNX, and says so",
)
def test_onnx(tmp_path):
    """Of the one with a loop; each takes ten seconds, and an export checks itself."""
    made = built("dpcn", flip_test="false", min_groups=1)
    trials = [inputs(made, batch) for batch in (1, 4)]
    expected = [predicted_by(made, held) for held in trials]
    export_lifter(made, tmp_path / "lifter.onnx", "onnx")
    session = onnxruntime.InferenceSession(tmp_path / "lifter.onnx")
    for held, joints in zip(trials, expected, strict=True):
        (found,) = session.run(["joints"], {"keypoints": held[0].numpy()})
        np.testing.assert_allclose(found, joints, atol=1e-4)


# lifters that were never trained disagree by decimetres, where l1 takes its time to be exact
@pytest.mark.parametrize(("norm", "apart"), [("l21", 1e-4), ("l1", 1e-3), ("l2", 1e-5)])
def test_the_consensus_iterates_as_long_as_it_needs(norm, apart):
    """Of batches that take fewer and more steps than the one that was traced."""
    made = built("dpcn", norm=norm, group_size=10)
    trials = [scale * inputs(made, 1)[0] for scale in (0.01, 1)]
    expected = [predicted_by(made, (held,)) for held in trials]
    with torch.no_grad():
        traced = torch.jit.trace(Graph(made, True), (trials[0],), check_trace=False)
    for held, joints in zip(trials, expected, strict=True):
        torch.testing.assert_close(traced(held), joints, atol=apart, rtol=0)


def drawn(path):
    cli = PoseCLI([*configs("methods/fc_baseline"), *model(width=16)], run=False)
    cli.trainer.strategy.connect(cli.model)
    cli.trainer.save_checkpoint(path, weights_only=True)
    return cli.model.eval()


def test_the_command_writes_the_weights_of_the_checkpoint(tmp_path):
    own = drawn("own.ckpt")
    held = inputs(own, 3)
    expected = predicted_by(own, held)
    args = ["export", *configs("methods/fc_baseline"), *model(width=16), "--ckpt_path=own.ckpt"]
    main([*args, "--seed_everything=7", "--format=torchscript", "--output=lifter.pt"])
    torch.testing.assert_close(torch.jit.load("lifter.pt")(*held), expected)
    # nothing but the file: no log of a run that there was not
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lifter.pt", "own.ckpt"]


def test_mistakes_are_told_in_one_sentence(capsys, tmp_path):
    drawn("own.ckpt")
    args = ["export", *configs("methods/fc_baseline"), "--output=lifter.pt"]
    assert "give its checkpoint" in refused(capsys, args)
    assert "not of this model" in refused(capsys, [*args, "--ckpt_path=own.ckpt"])
    assert "There is no checkpoint" in refused(capsys, [*args, "--ckpt_path=no.ckpt"])


def test_a_file_that_predicts_otherwise_is_not_left(tmp_path, monkeypatch):
    def moved(graph, held, path):
        path.write_text("")
        return lambda trial: torch.full((len(trial[0]), 17, 3), float("nan"))

    monkeypatch.setattr(export, "_write_torchscript", moved)
    with pytest.raises(ValueError, match=r"FCBaseline predicts joints nan m"):
        export_lifter(FCBaseline(width=8), tmp_path / "lifter.pt", "torchscript")
    assert not list(tmp_path.iterdir())
