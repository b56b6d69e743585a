"""Export: a trained lifter as ONNX or TorchScript, for programs without this suite."""

import logging
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from pytorch_lightning import Trainer
from pytorch_lightning.utilities import rank_zero_info
from torch import Tensor

from datamodules import PoseDataModule, SyntheticMocap
from experiments.cli.graphs import Graph, predictor
from experiments.runs.files import write_whole
from lightning_modules import PoseLifter
from poseproof.errors import UserError

Format = Literal["onnx", "torchscript"]
Inputs = tuple[Tensor, ...]
Run = Callable[[Inputs], Tensor]

# largest difference of a coordinate from PyTorch's, in metres
LARGEST = 1e-4
_BATCHES = (1, 7)


class ExportingTrainer(Trainer):
    """Lightning's trainer with an `export`, which LightningCLI makes a command."""

    def export(
        self,
        model: PoseLifter,
        datamodule: PoseDataModule,
        output: str,
        format: Format = "onnx",
        ckpt_path: str | None = None,
        weights_only: bool | None = None,
    ) -> None:
        """Write a trained lifter as a graph that other programs run.

        Its input is `keypoints` (B, T, J, 2) in [-1, 1] by image width, y down, and its output
        `joints` (B, J, 3) in metres, camera frame, relative to the root, for any B. That is what
        the model predicts in a test, flip average included. A method from images takes `image`
        (B, 3, S, S) in [0, 1] and `crop` (B, 3), x and y of its centre and its side in [-1, 1] by
        image width.

        Args:
            model: trained lifter.
            datamodule: data of the config; an export does not use them.
            output: path of the file to write.
            format: format of the file: onnx or torchscript.
            ckpt_path: path of the checkpoint with the weights.
            weights_only: without effect, as checkpoints are always read so; for the configs that a
                fit writes.

        Raises:
            UserError: no checkpoint is given, a library is missing, or the written file does not
                predict what the model does.
        """
        if ckpt_path is None:
            raise UserError(
                "An export needs a trained lifter: give its checkpoint, such as --ckpt_path "
                "runs/version_0/checkpoints/last.ckpt."
            )
        checkpoint = torch.load(ckpt_path, weights_only=True, map_location="cpu")
        model.on_load_checkpoint(checkpoint)
        model.load_state_dict(checkpoint["state_dict"])
        difference = export_lifter(model, Path(output), format)
        rank_zero_info(
            f"Written: {output}. On random and generated poses its joints differ from PyTorch's by "
            f"at most {difference:.1e} m."
        )


def export_lifter(model: PoseLifter, output: Path, format: Format) -> float:
    """Write a lifter, and compare the written file's predictions with PyTorch's.

    Args:
        model: lifter with its weights, which cannot be used afterwards.
        output: path of the file to write.
        format: format of the file: "onnx" or "torchscript".

    Returns:
        The largest difference of a coordinate, in metres.

    Raises:
        UserError: a library is missing, the lifter cannot be exported, or the difference is over
            0.1 mm; nothing is written then.
    """
    model.eval().requires_grad_(False)
    trials = [*(_random(model, batch) for batch in _BATCHES), _posed(model)]
    predict = predictor(model)
    with torch.no_grad(), warnings.catch_warnings():
        # TorchScript is deprecated
        warnings.simplefilter("ignore")
        expected = [predict(*inputs) for inputs in trials]
        graph = Graph(model, scripted=format == "torchscript").eval()
        with write_whole(output) as draft:
            try:
                write = _write_onnx if format == "onnx" else _write_torchscript
                run = write(graph, _random(model, 3), draft)
                difference = max(
                    float((run(inputs) - joints).abs().max())
                    for inputs, joints in zip(trials, expected, strict=True)
                )
                # also where it is not a number
                if not difference <= LARGEST:
                    raise UserError(
                        f"The exported {type(model).__name__} predicts joints {difference:.1e} m "
                        f"from PyTorch's, where {LARGEST:.0e} m is allowed: nothing was written."
                    )
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
    return difference


def _random(model: PoseLifter, batch: int) -> Inputs:
    generator = torch.Generator().manual_seed(batch)
    if size := model.needs.image_size:
        crop = torch.tensor([0.1, 0.0, 0.5]) + 0.1 * torch.rand(batch, 3, generator=generator)
        return torch.rand(batch, 3, size, size, generator=generator), crop
    shape = batch, model.receptive_field, len(model.skeleton.joints), 2
    return (0.3 * torch.randn(shape, generator=generator),)


def _posed(model: PoseLifter) -> Inputs:
    """Windows of generated motion, or random images."""
    if model.needs.image_size:
        return _random(model, 5)
    motion = torch.from_numpy(SyntheticMocap(frames=5).load().keypoints[..., :2])
    span, joints = model.receptive_field, len(model.skeleton.joints)
    return (motion[: 31 + span, :joints].unfold(0, span, 1).movedim(-1, 1).contiguous(),)


def _write_torchscript(graph: Graph, inputs: Inputs, path: Path) -> Run:
    torch.jit.trace(graph, inputs, check_trace=False).save(path)
    loaded = torch.jit.load(path)
    return lambda trial: loaded(*trial)


def _write_onnx(graph: Graph, inputs: Inputs, path: Path) -> Run:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise UserError("ONNX needs further libraries: pip install poseproof[export].") from error
    names = ["image", "crop"] if len(inputs) == 2 else ["keypoints"]
    batch = torch.export.Dim("batch")
    try:
        program = torch.export.export(
            graph, inputs, dynamic_shapes={"inputs": tuple({0: batch} for _ in inputs)}
        )
        # messages about libraries that are not needed
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        made: Any = torch.onnx.export(
            program, (), dynamo=True, verbose=False, input_names=names, output_names=["joints"]
        )
    # both torch.export's and torch.onnx's errors are
    except RuntimeError as error:
        raise UserError(
            f"torch {torch.__version__} cannot write this network as ONNX: install torch 2.13, or "
            "choose --format torchscript."
        ) from error
    made.save(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])

    def run(trial: Inputs) -> Tensor:
        feed = dict(zip(names, (each.numpy() for each in trial), strict=True))
        return torch.from_numpy(np.asarray(session.run(["joints"], feed)[0]))

    return run
