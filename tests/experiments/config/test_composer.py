"""The composer: a config means the same in a table, in `lightning fit` and in a stage."""

import json
import subprocess
import sys

import pytest
import torch
import yaml
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from experiments.cli.lightning import PoseCLI
from experiments.config.composer import SECTIONS, Stage, compose, compose_values, composed
from experiments.config.setting import Setting
from experiments.config.tables import CONFIGS, Training, load_table
from experiments.runs.run import Run
from poseproof.errors import UserError
from tests.experiments.conftest import configs, data, model, trainer

TABLE = """
title: a staged method under a preset of one's own
method: {method}
presets: {{quick: {preset}}}
sources: {{synthetic: synthetic_images}}
rows: {{Mine: {{}}}}
columns: {{subject: {{protocol: subject, metric: mpjpe}}}}
claims: []
"""
STAGED = ("rie", "lift_only", "dpcn_images", "dpcn_two_step", "selfsup")
STAGES = {
    method: yaml.safe_load((CONFIGS / f"methods/{method}.yaml").read_text())["stages"]
    for method in STAGED
}
rates = st.sampled_from([0.0001, 0.003, 0.5])


@st.composite
def presets(draw):
    """A staged method, and a preset that says something of any of its stages, or of other ones."""
    method = draw(st.sampled_from(STAGED))
    names = [stage["name"] for stage in STAGES[method]]
    if draw(st.booleans()):
        names = draw(st.lists(st.sampled_from(["one", "two", *names]), min_size=1, max_size=4))
    entry = st.fixed_dictionaries(
        {},
        optional={
            "epochs": st.sampled_from([0.3, 1.0, 4.0]),
            "model": st.fixed_dictionaries({"lr": rates}),
            "data": st.fixed_dictionaries({"batch_size": st.integers(2, 64)}),
            "frozen": st.lists(st.sampled_from(["estimator", "flow"]), max_size=2),
            "frozen_statistics": st.sampled_from(["fixed", "moving"]),
        },
    )
    preset = {"stages": [{"name": name, **draw(entry)} for name in names]}
    if draw(st.booleans()):
        preset["trainer"] = {"max_epochs": draw(st.integers(1, 9))}
    if draw(st.booleans()):
        preset["model"] = {"init_args": {"lr": draw(rates)}}
    return method, preset


def plain(composition):
    """The values of a composition, where a list is a list whatever has made it."""
    return json.loads(json.dumps(composition.values()))


def fitted_by_the_command(args):
    """What `lightning fit` would fit, which nothing is built of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PoseCLI, "instantiate_classes", lambda _: None)
        patch.setattr(PoseCLI, "_run_subcommand", lambda *_: None)
        return composed(PoseCLI(["fit", *args]).config.fit)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("own")


@hypothesis_settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(presets())
def test_a_preset_of_stages_means_the_same_in_a_table_and_in_the_command(folder, made):
    method, preset = made
    path = folder / "mine.yaml"
    path.write_text(yaml.safe_dump(preset))
    (folder / "table.yaml").write_text(TABLE.format(method=method, preset=path.name))
    table = load_table(str(folder / "table.yaml"))
    run = Run(table, "Mine", Training(), 0, Setting("synthetic", (), "quick"), "", folder)
    axes = (f"methods/{method}", "protocols/subject", "sources/synthetic_images")
    by_command = fitted_by_the_command([*configs(*axes), f"--config={path}"])
    assert plain(by_command) == plain(run.composition)
    assert by_command.stages == run.composition.stages
    # in as many stages a preset changes what it names, and leaves all else as the method has it
    if len(preset["stages"]) == len(STAGES[method]):
        merged = [{**own, **new} for own, new in zip(STAGES[method], preset["stages"], strict=True)]
        assert run.composition.stages == [Stage(**stage) for stage in merged]


ARGS = [*configs("methods/rie", "protocols/subject", "presets/quick_rie"), *model(width=32)]


def test_options_set_one_by_one_are_those_of_the_command_line():
    at_once = compose([*ARGS, *model(lr=0.5), *data(batch_size=7), *trainer(max_epochs=3)])
    changed = compose(ARGS).with_options({"lr": 0.5}, {"batch_size": 7}, {"max_epochs": 3})
    assert plain(at_once) == plain(changed) != plain(compose(ARGS))
    counted = compose(ARGS).with_values({"trainer.max_epochs": 3, "data.init_args.batch_size": 7})
    assert plain(counted.with_options({"lr": 0.5})) == plain(at_once)
    with pytest.raises(UserError, match=r"no option model\.init_args\.sede to set to 3"):
        compose(ARGS).with_values({"model.init_args.sede": 3})


def test_a_composition_goes_through_plain_values():
    composition = compose(ARGS)
    assert {*vars(composition.config)} == {*SECTIONS}
    assert plain(compose_values(plain(composition))) == plain(composition)


def test_a_command_line_is_parsed_once_until_its_configs_change(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("model: {init_args: {width: 8}}")
    args = [*ARGS, f"--config={path}"]
    first = compose(args)
    assert compose(args) is first
    path.write_text("model: {init_args: {width: 16}}")
    assert [each.config.model.init_args.width for each in (first, compose(args))] == [8, 16]


def test_what_is_built_is_what_the_command_builds():
    composition, cli = compose(ARGS), PoseCLI(ARGS, run=False)
    built = composition.build()
    for name, weight in cli.model.state_dict().items():
        assert torch.equal(weight, built.model.state_dict()[name]), name
    before = torch.get_rng_state()
    assert vars(composition.datamodule()).keys() == vars(cli.datamodule).keys()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("module", ["tables", "claims", "sweeps", "setting"])
def test_what_reads_yaml_alone_loads_no_torch(module):
    code = f"import sys, experiments.config.{module}; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
