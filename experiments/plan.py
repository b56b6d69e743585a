"""What of a table the data at hand can serve, found out before anything is trained."""

from datamodules import DataError, PoseSequences, Source
from experiments.cli import PoseCLI
from experiments.runs import CROSS_DATASET, Setting, datamodule
from experiments.tables import Table, Training


def load_rows(table: Table, setting: Setting) -> tuple[dict[str, PoseSequences], dict[str, str]]:
    """The data of every row, and for the rows that these data cannot serve, why.

    Raises:
        DataError: wrong data.
    """
    data, skipped = {}, {}
    for name, row in table.rows.items():
        if row.data not in (None, setting.data):
            needed = ", ".join([str(row.data), *(f"{k}={v}" for k, v in row.source.items())])
            skipped[name] = f"needs {needed}"
            continue
        try:
            data[name] = datamodule(setting.args(row, "subject", {})).source.load()
        except DataError as error:
            if not row.source:
                raise
            skipped[name] = str(error).rstrip(".")
    return data, skipped


def possible_trainings(table: Table, row: str, setting: Setting) -> list[Training]:
    """What a row is trained under, as far as the data allow: they may lack an action.

    Raises:
        DataError: they allow none.
    """
    possible, refusals = [], []
    for training in table.trainings(row):
        options = {f"data.init_args.{name}": value for name, value in training.set.items()}
        cli = PoseCLI(setting.args(table.rows[row], training.protocol, options), run=False)
        try:
            cli.datamodule.load("fit", cli.model)
        except DataError as refusal:
            refusals.append(refusal)
        else:
            possible.append(training)
    if not possible:
        raise refusals[0]
    return possible


def load_other(table: Table, setting: Setting) -> PoseSequences | None:
    """The data that a table tests on beside those that it trains on, if it does.

    Raises:
        DataError: wrong data.
    """
    if CROSS_DATASET not in {each.protocol for each in table.measurements}:
        return None
    args = setting.args(next(iter(table.rows.values())), CROSS_DATASET, {})
    source: Source = PoseCLI(args, run=False).datamodule.test_source
    return source.load()
