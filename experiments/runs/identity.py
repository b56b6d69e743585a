"""Identity: what determines a run's weights, and what determines its figures, as two keys.

The fit key is a hash of the composed config, the seed, the data, the code that trains, the versions
of torch, NumPy and Lightning, and the kind of device. The measure key is a hash of that, the test's
protocol and data, the metrics, and the code of all three. Comments, docstrings, annotations,
reports and verdicts enter neither; metrics and what else a test alone runs enter the second only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from datamodules.sequences import PoseSequences
from experiments.config.composer import Composition
from experiments.runs.code import code_of, definitions, digest
from experiments.runs.environment import Environment, environment

# messages, and what is made of figures
_SHOWN = ("poseproof", "experiments")
# the data's fingerprint stands for what has read them
_READ = ("datamodules.sources",)
_MEASURES = ("metrics",)
# definitions that train beside the classes of a config
_FIT = {"experiments.runs.callbacks": ("RandomStates",)}
_STAGED_FIT = {
    "experiments.config.composer": ("Stage",),
    "experiments.runs.fit": ("fit_stages", "take_over", "Frozen"),
}
# options of the trainer that change no weight, or for which the ranks and the device stand
_SILENT_TRAINER = {
    "accelerator",
    "callbacks",
    "check_val_every_n_epoch",
    "default_root_dir",
    "devices",
    "enable_autolog_hparams",
    "enable_checkpointing",
    "enable_model_summary",
    "enable_progress_bar",
    "limit_predict_batches",
    "limit_test_batches",
    "limit_val_batches",
    "log_every_n_steps",
    "logger",
    "model_registry",
    "num_nodes",
    "num_sanity_val_steps",
    "profiler",
    "strategy",
    "val_check_interval",
}
_SILENT_DATA = {"source", "test_source", "eval_batch_size", "workers"}


@dataclass(frozen=True)
class Fit:
    """What determines a run's weights.

    Attributes:
        work: hash of what is trained, the same in every environment.
        environment: where it is trained.
    """

    work: str
    environment: Environment

    @property
    def key(self) -> str:
        """The fit key."""
        return digest([self.work, asdict(self.environment)], size=5)


def fit_of(composition: Composition, data: str, ranks: int = 1) -> Fit:
    """What determines the weights of a fit here and now.

    Args:
        composition: the fit.
        data: key of its data, as `data_key` gives it.
        ranks: number of processes that train it together.

    Raises:
        UserError: a class is in no module that there is.
    """
    config = composition.config.as_dict()
    trainer = {k: v for k, v in config["trainer"].items() if k not in _SILENT_TRAINER}
    determining = [
        config["seed_everything"],
        trainer,
        config["model"],
        _own_data(config),
        config["stages"],
        data,
        ranks,
        _fit_code(composition),
    ]
    return Fit(digest(determining, size=8), environment())


def measure_key(
    fit: str, composition: Composition, model: str, data: str, metrics: Sequence[str] = ()
) -> str:
    """What determines the figures of a test.

    Args:
        fit: fit key of the run.
        composition: the test, whose data module alone counts.
        model: class of the run's model.
        data: key of the data to test on, where they are not those of the fit.
        metrics: names of what is measured.

    Raises:
        UserError: a class is in no module that there is.
    """
    own = _own_data(composition.config.as_dict())
    classes = [model, *_classes(own), *(name for name in metrics if "." in name)]
    measures = ("metrics.evaluator",)
    code = code_of(tuple(sorted({*classes})), measures, (*_SHOWN, *_READ), hooks=True)
    return digest([fit, own, data, list(metrics), code], size=5)


def data_key(sequences: PoseSequences) -> str:
    """What a run depends on of its data: their fingerprint, and the code that reads pictures.

    Pictures are read or drawn while a run trains, all else before.
    """
    fingerprint = sequences.fingerprint()
    if sequences.images is None:
        return fingerprint
    reader = type(sequences.images)
    named = f"{reader.__module__}.{reader.__qualname__}"
    return f"{fingerprint} {code_of((named,), (), (*_SHOWN, 'metrics'), hooks=True)}"


def whole_code(config: Any) -> str:  # noqa: ANN401
    """A hash of all code that a config's classes use, what reads the data included."""
    return code_of(tuple(sorted({*_classes(config)})), (), ("experiments",), hooks=True)


def _own_data(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config of the data module, without what reads the data."""
    data = config["data"]
    options = {k: v for k, v in data["init_args"].items() if k not in _SILENT_DATA}
    return {"class_path": data["class_path"], "init_args": options}


def _fit_code(composition: Composition) -> str:
    config = composition.config.as_dict()
    classes = {*_classes(config["model"]), *_classes(_own_data(config))}
    own = code_of(tuple(sorted(classes)), (), (*_SHOWN, *_READ, *_MEASURES), hooks=False)
    parts = _FIT | (_STAGED_FIT if composition.stages else {})
    return digest([own, {module: definitions(module, names) for module, names in parts.items()}], 8)


def _classes(config: Any) -> Iterator[str]:  # noqa: ANN401
    """Every `class_path` in a config, at any depth."""
    if isinstance(config, dict):
        if isinstance(named := config.get("class_path"), str):
            yield named
        config = list(config.values())
    if isinstance(config, list | tuple):
        for each in config:
            yield from _classes(each)
