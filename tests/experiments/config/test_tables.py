"""The YAML tables: against the papers' figures, and against what the suite has."""

from functools import cache
from types import SimpleNamespace

import pytest
import yaml

from experiments.cli.lightning import PoseCLI
from experiments.config.composer import compose
from experiments.config.setting import Setting
from experiments.config.tables import CONFIGS, FOLDER, Training, load_table, table_names
from experiments.runs.plan import check_metrics
from experiments.runs.run import Run

TABLES = table_names()
QUICK, PAPER = (Setting("synthetic", (), preset) for preset in ("quick", "paper"))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_speaks_of_rows_and_columns_that_it_has(name):
    table = load_table(name)
    assert table.title
    assert table.claims
    for figures in table.published.values():
        assert set(figures) <= set(table.columns)
    for curve in table.curves.values():
        assert set(curve.rows) <= set(table.rows)
        assert set(curve.columns.values()) <= set(table.columns)
        assert [bool(curve.columns), bool(curve.measured), bool(curve.lines)].count(True) == 1
        for points in curve.lines.values():
            assert set(points.values()) <= set(table.rows)
            assert curve.column in table.columns
    for column in table.columns.values():
        assert bool(column.mean) != bool(column.protocol)
        assert set(column.mean) <= set(table.columns)
    for claim in yaml.safe_load((FOLDER / f"{name}.yaml").read_text())["claims"]:
        assert claim["text"]
        assert claim["comparisons"]
        for comparison in claim["comparisons"]:
            assert comparison.pop("kind") in (
                "order",
                "growing_gain",
                "larger_gain",
                "rise",
                "below",
            )
            assert isinstance(comparison.pop("limit", 0.0), float)
            columns = [comparison.pop(key) for key in ("columns", "along") if key in comparison]
            assert set(flat(columns)) <= set(table.columns)
            # what is left are rows, alone, in lists or in pairs
            assert set(flat(comparison)) <= set(table.rows)
            assert list(flat(columns))
            assert list(flat(comparison))


def flat(data):
    """All words in nested lists and mappings."""
    if isinstance(data, str):
        yield data
    else:
        for each in data.values() if isinstance(data, dict) else data:
            yield from flat(each)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_names_configs_that_there_are(name):
    table = load_table(name)
    for row in table.rows.values():
        assert (CONFIGS / f"methods/{row.method}.yaml").exists()
        for word in ("quick", "paper"):
            assert (CONFIGS / f"presets/{row.presets.get(word, word)}.yaml").exists()
        for source in row.sources.values():
            assert (CONFIGS / f"sources/{source}.yaml").exists()
    trainings = [training for row in table.rows for training in table.trainings(row)]
    for named in [*table.measurements, *trainings]:
        if named.protocol == "training":
            assert named.metric == "loss"
            continue
        assert (CONFIGS / f"protocols/{named.protocol}.yaml").exists()


def test_every_metric_of_a_table_is_one_that_there_is():
    for name in TABLES:
        check_metrics(load_table(name), QUICK)


@pytest.mark.parametrize("name", TABLES)
def test_a_method_is_trained_under_the_protocol_that_it_asks_for(name):
    def protocol(place):
        held = yaml.safe_load((CONFIGS / f"{place}.yaml").read_text())
        return held.get("data", {}).get("class_path")

    table = load_table(name)
    for row, held in table.rows.items():
        asked = protocol(f"methods/{held.method}")
        for training in table.trainings(row):
            assert asked in (None, protocol(f"protocols/{training.protocol}"))


@cache
def built(*args):
    """What is looked at of a command line's fit; tables share many."""
    cli = PoseCLI(list(args), run=False)
    return SimpleNamespace(
        options=dict(cli.model.hparams),
        data=cli.datamodule,
        stages=cli.config_init.stages,
        seed=cli.config["seed_everything"],
        epochs=cli.trainer.max_epochs,
    )


@pytest.mark.parametrize("name", TABLES)
def test_every_row_can_be_built_and_every_measurement_carried_out(name):
    table = load_table(name)
    for row, held in table.rows.items():
        if held.data is None:
            training = table.trainings(row)[0]
            run = Run(table, row, training, 3, QUICK, "", FOLDER)
            fit = built(*run.args)
            for option, value in held.options.items():
                assert fit.options[option] == value
            assert fit.stages == run.composition.stages
            for option, value in training.set.items():
                assert getattr(fit.data, option) == value
            assert fit.seed == 3
            whole = compose(QUICK.args(held, "subject", {})).max_epochs
            assert fit.epochs == run.composition.max_epochs == round(held.epochs * whole)
    for measurement in table.measurements:
        if measurement.protocol == "training":
            continue
        for option, value in measurement.set.items():
            held = getattr(run.test_composition(measurement).datamodule(), option)
            assert (list(held) if isinstance(held, tuple) else held) == value


@pytest.mark.parametrize(
    ("name", "row", "column", "figure"),
    [
        ("srnet-table2", "SFS", "rare20", 59.2),
        ("srnet-table3", "200%", "rare20", 78.5),
        ("srnet-table4", "17", "subject", 91.5),
        ("srnet-table5", "4", "subject", 49.7),
        ("srnet-table6", "Ours", "AUC", 43.8),
        ("srnet-table6", "Zhou", "Outdoor", 72.7),
        ("srnet-table7", "Ours", "SitD", 93.4),
        ("srnet-table7", "Ci", "WalkT", 118.9),
        ("srnet-table8", "Ours det", "subject", 49.9),
        ("srnet-table9", "Ours", "subject", 33.9),
        ("srnet-table10", "SRNet GT", "Avg", 32.0),
        ("srnet-table10", "SRNet det", "SitD", 61.1),
        ("srnet-table10", "Pavllo GT", "Avg", 37.2),
        ("srnet-table10", "Cai det", "WalkT", 39.4),
        ("rie-table1", "+P-ENH+T-ENH(M-S OPT)", "MPJPE", 30.1),
        ("rie-supp-table1", "+T-ENH(w/o ABS)", "MPJPE", 36.9),
        ("rie-supp-table2", "+SUB+SUB_S", "MPJPE", 34.2),
        ("rie-supp-table3", "+T-ENH(M-S OPT)", "MPJPE", 31.8),
        ("rie-table2", "RIE GT", "Walk", 24.1),
        ("rie-table2", "RIE CPN", "Avg", 44.3),
        ("rie-table2", "Zeng GT", "Dir.", 34.8),
        ("rie-table2", "Lin GT", "Avg", 32.8),
        ("rie-table3", "RIE CPN", "SitD.", 47.9),
        ("rie-table3", "Xu CPN", "Photo", 43.9),
        ("rie-table4", "Ours det", "Walk S3", 47.2),
        ("rie-table4", "Liu", "Jog S1", 20.2),
        ("rie-fig6", "+P-ENH", "error0.00", 33.4),
    ],
)
def test_published_figures_are_the_papers(name, row, column, figure):
    assert load_table(name).published[row][column] == figure


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("rie-table2", "RIE GT"),
        ("rie-table2", "RIE CPN"),
        ("srnet-table7", "Martinez"),
        ("srnet-table7", "Ours"),
        ("srnet-table10", "SRNet GT"),
    ],
)
def test_the_average_is_that_of_the_actions_to_what_the_papers_round(name, row):
    *actions, average = load_table(name).published[row].values()
    assert len(actions) == 15
    assert sum(actions) / 15 == pytest.approx(average, abs=0.07)


def test_tables_of_one_paper_agree_where_they_have_the_same_row():
    first = load_table("rie-table1").published
    for name in ("rie-supp-table1", "rie-supp-table2", "rie-supp-table3"):
        for row, figures in load_table(name).published.items():
            assert figures == first.get(row, figures)
    assert load_table("rie-supp-table2").published["+SUB"] == first["+T-ENH"]


def test_one_fit_may_be_as_long_as_three_stages():
    table = load_table("rie-table1")
    for setting in (QUICK, PAPER):
        staged, plain, long = (
            Run(table, f"+P-ENH+T-ENH{row}", Training(), 0, setting, "", FOLDER).epochs
            for row in ("(M-S OPT)", "", "(180 epochs)")
        )
        assert staged == long == round(2.25 * plain)
    assert long == 180
