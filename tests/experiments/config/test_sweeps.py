"""The suite's sweeps, and what is refused of one before W&B is asked."""

import pytest

from experiments.config import sweeps
from experiments.config.sweeps import load_sweep, sweep_names
from experiments.config.tables import table_names
from poseproof.errors import UserError


def test_every_paper_has_a_grid_of_all_its_tables_and_a_search():
    papers = ("dpcn", "rie", "selfsup", "srnet")
    assert sweep_names() == sorted([*papers, *(f"{paper}-search" for paper in papers)])
    for paper in papers:
        tables = load_sweep(paper).tables
        assert sorted(tables) == [t for t in table_names() if t.startswith(f"{paper}-")]


def test_every_table_is_a_sweep():
    for name in table_names():
        assert load_sweep(name).tables == (name,)


def test_a_row_of_a_search_is_written_as_in_a_table():
    row = load_sweep("srnet-search").row
    assert (row.method, row.options, row.train.protocol) == (
        "srnet",
        {"operator": "concat"},
        "subject",
    )


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("srnet-search", "val/mpjpe", "test/mpjpe", "held-out training subject: name a metric"),
        ("srnet-search", "val/mpjpe", "3", "3 would choose on other data than a held-out"),
        ("srnet-search", "row:", "rows:", "bad.yaml: 'rows' means nothing here; did you mean row?"),
        ("srnet-search", "method: srnet", "method: sr", "no config 'sr' in methods; choose"),
        ("srnet-search", "search:", "tables: [srnet-table2]\nsearch:", "either tables, or a row"),
        ("srnet", "srnet-fig4", "srnet-fig6", "no table 'srnet-fig6'; did you mean"),
        ("srnet", "title:", "titel:", "bad.yaml: 'titel' means nothing here; did you mean title?"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_one_sentence(monkeypatch, tmp_path, name, old, new, words):
    text = (sweeps.FOLDER / f"{name}.yaml").read_text()
    assert old in text
    (tmp_path / "bad.yaml").write_text(text.replace(old, new))
    monkeypatch.setattr(sweeps, "FOLDER", tmp_path)
    with pytest.raises(UserError) as refused:
        load_sweep("bad")
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)
