"""The velocity error, against NumPy on whole sequences, however frames are dealt."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose
from torch import Tensor, nn

from metrics import MPJVE

quick = settings(max_examples=60, deadline=None, database=None)


def frames(lengths: list[int], seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Sequences on end, numbered through: predicted and true poses, frame numbers, sequences."""
    rng = torch.Generator().manual_seed(seed)
    poses = 400 * torch.randn(2, sum(lengths), 5, 3, generator=rng, dtype=torch.float64)
    sequence = torch.from_numpy(np.repeat(np.arange(len(lengths)), lengths))
    return poses[0], poses[1], torch.arange(sum(lengths)), sequence


def reference(preds: Tensor, target: Tensor, index: Tensor, sequence: Tensor) -> float:
    """np.diff of each run of frames that follow each other, the pairs' errors on end."""
    errors = []
    for number in sequence.unique():
        mine = (sequence == number).nonzero()[:, 0]
        mine = mine[index[mine].argsort()]
        breaks = np.flatnonzero(np.diff(index[mine]) != 1) + 1
        for run in np.split(mine.numpy(), breaks):
            velocities = [np.diff(poses.numpy()[run], axis=0) for poses in (preds, target)]
            errors.extend(np.linalg.norm(velocities[0] - velocities[1], axis=-1).mean(-1))
    return float(np.mean(errors)) if errors else np.nan


def test_whole_sequences() -> None:
    metric, errors = MPJVE(), []
    for length in (40, 7, 1):
        preds, target, _, _ = frames([length], seed=length)
        metric.update(preds, target)
        velocity = np.diff(preds.numpy(), axis=0) - np.diff(target.numpy(), axis=0)
        errors.append(np.linalg.norm(velocity, axis=-1).mean(-1))
    assert_allclose(metric.compute(), np.concatenate(errors).mean(), rtol=1e-12)
    assert metric.compute().dtype == torch.float64


def test_frames_that_do_not_follow_each_other_are_no_pair() -> None:
    preds, target, _, _ = frames([6])
    index, sequence = torch.tensor([0, 1, 3, 4, 4, 5]), torch.tensor([0, 0, 0, 0, 1, 0])
    metric = MPJVE()
    metric.update(preds, target, index=index, sequence=sequence)
    errors = (preds - target).numpy()
    velocities = errors[[1, 3, 5]] - errors[[0, 2, 3]]
    assert_allclose(metric.compute(), np.linalg.norm(velocities, axis=-1).mean(), rtol=1e-12)


@quick
@given(data=st.data())
def test_any_dealing_of_frames_gives_the_figure_of_whole_sequences(data) -> None:
    lengths = data.draw(st.lists(st.integers(0, 12), min_size=1, max_size=5))
    held = frames(lengths, data.draw(st.integers(0, 99)))
    order = torch.arange(sum(lengths))
    if data.draw(st.booleans(), "shuffled"):
        order = torch.tensor(data.draw(st.permutations(order.tolist())), dtype=torch.int64)
    order = order[: data.draw(st.integers(0, len(order)), "kept")]
    held = tuple(column[order] for column in held)
    ranks = [MPJVE() for _ in range(data.draw(st.integers(1, 3), "ranks"))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(order)), max_size=9), "cuts"))
    for turn, part in enumerate(zip(*(column.tensor_split(cuts) for column in held), strict=True)):
        ranks[turn % len(ranks)].update(*part)
    merged, *others = ranks
    for other in others:
        merged.merge_state(other)
    assert_allclose(merged.compute(), reference(*held), rtol=1e-11)


def test_a_batch_of_two_is_not_counted_twice() -> None:
    held = frames([4])
    metric = MPJVE()
    for part in zip(*(column.split(2) for column in held), strict=True):
        metric.update(*part)
    assert_allclose(metric.compute(), reference(*held), rtol=1e-12)


def test_only_borders_are_held() -> None:
    held = frames([300, 300])
    metric = MPJVE()
    for part in zip(*(column.split(50) for column in held), strict=True):
        metric.update(*part)
    assert len(metric.errors) == 12 * 2 * 5 * 3
    metric.reset()
    assert len(metric.errors) == len(metric.places) == metric.count == 0


def test_forward_gives_the_batch_and_its_gradient() -> None:
    preds, target, index, sequence = frames([20])
    metric = MPJVE()
    first = preds[:9].clone().requires_grad_()
    alone = metric(first, target[:9], index=index[:9], sequence=sequence[:9])
    alone.backward()
    assert first.grad is not None and (first.grad != 0).all()
    assert_allclose(alone.detach(), reference(preds[:9], target[:9], index[:9], sequence[:9]))
    metric(preds[9:], target[9:], index=index[9:], sequence=sequence[9:])
    assert_allclose(metric.compute().detach(), reference(preds, target, index, sequence))


def test_no_pairs_have_no_error() -> None:
    preds, target, index, sequence = frames([5])
    metric = MPJVE()
    metric.update(preds[:1], target[:1])
    metric.update(preds, target, index=2 * index, sequence=sequence)
    metric.update(preds[:0], target[:0], index=index[:0], sequence=sequence[:0])
    assert metric.compute().isnan()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("batch", [1, 3, 10])
def test_what_is_not_finite_is_not_hidden(bad: float, batch: int) -> None:
    held = frames([10])
    held[0][4, 2, 1] = bad
    metric = MPJVE()
    for part in zip(*(column.split(batch) for column in held), strict=True):
        metric.update(*part)
    assert not metric.compute().isfinite()


@pytest.mark.parametrize("given", ["index", "sequence"])
def test_half_a_place_is_refused(given: str) -> None:
    preds, target, index, _ = frames([5])
    with pytest.raises(ValueError, match="give both or neither"):
        MPJVE().update(preds, target, **{given: index})


def test_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape \(B, J, 3\)"):
        MPJVE().update(torch.zeros(4, 17, 3), torch.zeros(4, 16, 3))


def test_casting_a_model_leaves_its_velocities() -> None:
    held = frames([9, 30])
    model = nn.ModuleDict({"metric": MPJVE()})
    for number, part in enumerate(zip(*(column.split(8) for column in held), strict=True)):
        model["metric"].update(*part)
        model.to(torch.bfloat16) if number % 2 else model.half()
    assert_allclose(model["metric"].compute(), reference(*held), rtol=1e-12)
    model.to("meta")
    assert model["metric"].errors.is_meta and model["metric"].places.dtype == torch.int64
