"""PCK and AUC, against a plain loop that follows MPI-INF-3DHP's evaluator."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose

from metrics import ALL_17, AUC, OFFICIAL_14, PCK
from metrics.functional import auc, pck

SCENES = {"GS": (0, 1), "noGS": (2, 3), "outdoor": (4, 5)}
FRAMES = (60, 33, 51, 55, 27, 45)
# the 17 joints of MPI-INF-3DHP's test annotations, in the places of Human3.6M-17
TO_H36M = [14, 8, 9, 10, 11, 12, 13, 15, 1, 16, 0, 5, 6, 7, 2, 3, 4]
PELVIS = 14
# head, neck, shoulders, elbows, wrists, hips, knees, ankles, in the order of the annotations
GROUPS = ((0,), (1,), (2, 5), (3, 6), (4, 7), (8, 11), (9, 12), (10, 13))


def annotations() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Six sequences: predicted and true joints (F, 17, 3), mm from the camera; valid frames (F,).

    Joints are whole millimetres, and many errors whole multiples of five: just at a threshold.
    """
    rng = np.random.default_rng(0)
    sequences = []
    for number, count in enumerate(FRAMES):
        target = rng.integers(-900, 900, (count, 17, 3)) + rng.integers(2000, 4000, (count, 1, 3))
        errors = rng.integers(-18 - 3 * number, 19 + 3 * number, (count, 17, 3)) * 5
        errors[:, ::2, 1:] = 0
        errors[:, PELVIS] = [30, 0, 0]
        sequences.append((1.0 * (target + errors), 1.0 * target, rng.random(count) < 0.8))
    return sequences


def tables(sequences: list) -> Iterator[tuple[int, np.ndarray]]:
    """Valid frames of each sequence, and its percentage of frames by joint and threshold."""
    for preds, target, valid in sequences:
        frames = np.flatnonzero(valid)
        table = np.zeros((14, 31))
        for joint in range(14):
            for column, threshold in enumerate(range(0, 151, 5)):
                for frame in frames:
                    error = (preds[frame, joint] - preds[frame, PELVIS]) - (
                        target[frame, joint] - target[frame, PELVIS]
                    )
                    table[joint, column] += np.sqrt((error**2).sum()) < threshold
        yield len(frames), 100 * table / len(frames)


def reference(sequences: list) -> tuple[float, float]:
    """PCK and AUC of the sequences together: joints weigh alike, sequences by their frames."""
    frames, columns = 0, np.zeros(31)
    for count, table in tables(sequences):
        by_group = [table[list(group)].mean(0) * len(group) for group in GROUPS]
        columns += count * np.sum(by_group, axis=0) / sum(map(len, GROUPS))
        frames += count
    columns /= frames
    return columns[30], columns.mean()


def measured(metric, sequences: list, numbers: list[int]) -> np.ndarray:
    for (preds, target, valid), number in zip(sequences, numbers, strict=True):
        pair = (torch.from_numpy(joints[valid][:, TO_H36M]) for joints in (preds, target))
        metric.update(*pair, action=torch.full((valid.sum(),), number))
    return metric.compute().numpy()


def test_the_official_evaluator_by_sequence_scene_and_in_all() -> None:
    sequences = annotations()
    official = {"joints": OFFICIAL_14, "root": 0}
    scene = [number for number, members in enumerate(SCENES.values()) for _ in members]
    cases = [
        ("none", 6, list(range(6)), [[each] for each in sequences]),
        ("none", 3, scene, [[sequences[i] for i in members] for members in SCENES.values()]),
        ("frame", 3, scene, [sequences]),
    ]
    for average, count, numbers, parts in cases:
        expected = np.array([reference(part) for part in parts])
        for column, metric in enumerate((PCK, AUC)):
            scores = metric(num_actions=count, average=average, **official)
            found = np.atleast_1d(measured(scores, sequences, numbers))
            assert_allclose(found, expected[:, column], rtol=0, atol=1e-9)
        assert (expected > 20).all() and (expected < 99).all()


def test_the_root_and_the_choice_of_joints_matter() -> None:
    sequences = annotations()
    options = [
        {"joints": OFFICIAL_14, "root": 0},
        {"joints": OFFICIAL_14},
        {"joints": ALL_17, "root": 0},
        {"joints": ALL_17},
    ]
    for metric in (PCK, AUC):
        found = [measured(metric(**option), sequences, [0] * 6) for option in options]
        assert len(np.unique(np.round(found, 3))) == 4


def test_all_joints_is_no_choice() -> None:
    sequences = annotations()
    for metric in (PCK, AUC):
        assert measured(metric(joints=ALL_17), sequences, [0] * 6) == measured(
            metric(), sequences, [0] * 6
        )


def at(*errors: float) -> tuple[torch.Tensor, torch.Tensor]:
    """One pose whose joints have these errors."""
    preds = torch.zeros(1, len(errors), 3, dtype=torch.float64)
    preds[0, :, 0] = torch.tensor(errors, dtype=torch.float64)
    return preds, torch.zeros_like(preds)


def test_a_threshold_is_strict() -> None:
    assert pck(*at(150.0, 149.999999, 0.0, 151.0)).tolist() == [50]
    assert pck(*at(0.0, 1.0), threshold=0.0).tolist() == [0]


@pytest.mark.parametrize(("error", "share"), [(0, 30), (4.9, 30), (5, 29), (149, 1), (150, 0)])
def test_auc_counts_the_thresholds_above(error: float, share: int) -> None:
    assert_allclose(auc(*at(error)), 100 * share / 31, rtol=1e-15)


def test_auc_is_the_mean_of_pck_whatever_the_order_of_thresholds() -> None:
    rng = torch.Generator().manual_seed(0)
    preds, target = 100 * torch.randn(2, 20, 17, 3, generator=rng, dtype=torch.float64)
    thresholds, joints = [200.0, 37.5, 150.0, 150.0], (3, 0, 16)
    each = [pck(preds, target, threshold, joints) for threshold in thresholds]
    assert_allclose(auc(preds, target, thresholds, joints), torch.stack(each).mean(0), rtol=1e-14)
    assert auc(preds, target).unique().numel() > 5


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("score", [pck, auc])
def test_a_pose_that_is_not_finite_is_no_score(score, bad: float, side: int) -> None:
    pair = [torch.zeros(3, 17, 3), torch.zeros(3, 17, 3)]
    pair[side][1, 4, 2] = bad
    assert score(*pair).isnan().tolist() == [False, True, False]
    assert not score(*pair, joints=[0, 1, 16]).isnan().any()
    assert PCK(joints=[0], root=4).errors(*pair).isnan().tolist() == [False, True, False]


@pytest.mark.parametrize("joints", [(), (17,), (-1,), (3, 3)])
@pytest.mark.parametrize("metric", [PCK, AUC])
def test_joints_that_cannot_count_are_refused(metric, joints: tuple) -> None:
    with pytest.raises(ValueError, match=r"cannot count: name some of 0 to 16, each once"):
        metric(joints=joints).update(torch.zeros(2, 17, 3), torch.zeros(2, 17, 3))


def test_no_thresholds_are_refused() -> None:
    with pytest.raises(ValueError, match="no thresholds"):
        AUC(thresholds=[])
    with pytest.raises(ValueError, match="no thresholds"):
        auc(torch.zeros(1, 17, 3), torch.zeros(1, 17, 3), thresholds=[])


@pytest.mark.parametrize("score", [pck, auc])
@pytest.mark.parametrize("shapes", [((2, 17, 3), (1, 17, 3)), ((17, 3), (17, 3))])
def test_other_shapes_are_refused(score, shapes: tuple) -> None:
    with pytest.raises(ValueError, match=r"one shape \(B, J, 3\)"):
        score(*(torch.zeros(shape) for shape in shapes))
    with pytest.raises(ValueError, match=r"one shape \(B, J, 3\)"):
        PCK(root=0).update(*(torch.zeros(shape) for shape in shapes))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
@pytest.mark.parametrize("score", [pck, auc])
def test_low_precision_is_widened_first(score, dtype) -> None:
    preds, target = (torch.randn(2, 9, 17, 3) * 100).to(dtype)
    assert score(preds, target).equal(score(preds.double(), target.double()))
    assert score(preds, target).dtype == torch.float64
    assert score(preds[:0], target[:0]).shape == (0,)
