"""What takes add to figures, against plain means and resampling, and verdicts over both."""

import numpy as np
import pytest
from scipy import stats

from experiments.config.claims import Claim
from experiments.judge.claims import MeasuredFigures, judge
from experiments.judge.evidence import constant, moved_by_takes, over_seeds
from experiments.runs.frames import Frames

ORDER = Claim(
    text="A beats B",
    comparisons=({"kind": "order", "better": "A", "worse": ["B"], "columns": ["c"]},),
)


def frames_of(totals, counts, actions):
    """Frames of one metric and made-up takes, whose frames are all alike."""
    take = np.repeat(np.arange(len(counts)), np.array(counts, int))
    names, group = np.unique(actions, return_inverse=True)
    return Frames(
        index=np.arange(len(take)),
        take_names=np.array([f"take {n}" for n in range(len(counts))]),
        take=take,
        groupings={"action": names},
        groups={"action": group[take]},
        errors={"mpjpe": (np.asarray(totals) / counts)[take]},
    )


def figure(metric, totals, counts, actions):
    """The figure of a metric, from sums of takes."""
    if metric == "mpjpe":
        return totals.sum() / counts.sum()
    means = {a: totals[actions == a].sum() / counts[actions == a].sum() for a in set(actions)}
    if metric == "mpjpe_action":
        return np.mean(list(means.values()))
    return means[metric.split("/")[1]]


@pytest.fixture
def takes():
    generator = np.random.default_rng(0)
    counts = generator.integers(50, 200, 40).astype(float)
    actions = np.array(["Sitting", "Walking"])[generator.integers(0, 2, 40)]
    return counts * generator.normal(60, 10, 40), counts, actions


@pytest.mark.parametrize("metric", ["mpjpe", "mpjpe_by_action/Walking"])
def test_takes_move_a_mean_over_frames_as_a_little_of_them_does(takes, metric):
    moves = moved_by_takes(frames_of(*takes), metric)
    assert sum(moves.values()) == pytest.approx(0, abs=1e-9)
    totals, counts, actions = takes
    for place, move in enumerate(moves.values()):
        weights = 1 - 1e-6 * np.eye(40)[place]
        less = figure(metric, weights * totals, weights * counts, actions)
        assert (figure(metric, *takes) - less) / 1e-6 == pytest.approx(move, abs=1e-4)


def test_takes_move_a_mean_over_actions_by_their_weight_in_it(takes):
    moves = moved_by_takes(frames_of(*takes), "mpjpe_action")
    assert sum(moves.values()) == pytest.approx(0, abs=1e-9)
    whole = figure("mpjpe_action", *takes)
    for move, total, count, action in zip(moves.values(), *takes, strict=True):
        frames = takes[1][takes[2] == action].sum()
        assert move == pytest.approx(count / frames / 2 * (total / count - whole))


def test_metrics_that_no_single_pose_has_are_left_to_seeds(takes):
    for metric in ("mpjve", "mpjpe_by_scene/studio", "loss"):
        assert moved_by_takes(frames_of(*takes), metric) is None
    assert over_seeds([1.0], [None], "mpjpe").takes is None


def test_with_one_seed_it_is_the_paired_test_over_takes():
    generator = np.random.default_rng(1)
    ours, theirs = generator.normal(50, 3, 12), generator.normal(52, 3, 12)
    held = {
        row: {"c": over_seeds([t.mean()], [frames_of(t, np.ones(12), ["a"] * 12)], "mpjpe")}
        for row, t in {"A": ours, "B": theirs}.items()
    }
    judged = judge(ORDER, MeasuredFigures(held))
    test = stats.ttest_rel(theirs, ours)
    low, high = test.confidence_interval()
    (compared,) = judged["comparisons"]
    assert (compared["low"], compared["high"]) == pytest.approx((low, high))
    assert compared["confidence"] == pytest.approx(100 * (1 - test.pvalue))
    assert "(one seed, 12 takes)" in judged["detail"]


def test_intervals_of_seeds_and_takes_cover_the_truth():
    """Of crossed random effects, as often as they say, or somewhat more often."""
    generator, true, covered = np.random.default_rng(2), 4.0, 0
    for _ in range(400):
        noise = (
            generator.normal(0, 2, (3, 1))
            + generator.normal(0, 5, 20)
            + generator.normal(0, 1, (3, 20))
        )
        each = {"A": np.full((3, 20), 50.0), "B": 50 + true + noise}
        held = {
            row: {
                "c": over_seeds(
                    of.mean(1), [frames_of(t, np.ones(20), ["a"] * 20) for t in of], "mpjpe"
                )
            }
            for row, of in each.items()
        }
        (compared,) = judge(ORDER, MeasuredFigures(held))["comparisons"]
        covered += compared["low"] < true < compared["high"]
    assert 0.93 <= covered / 400 <= 1


def test_a_column_of_other_frames_is_paired_by_take():
    """The growth of a gain from all frames to some, where takes have some of them or none."""
    generator = np.random.default_rng(3)
    everything, some = np.full(10, 100.0), np.array([30.0, 0, 20, 0, 10, 10, 0, 5, 5, 20])
    better, worse = generator.normal(50, 3, 10), generator.normal(55, 3, 10)
    held = {
        row: {
            column: over_seeds(
                [(m * c).sum() / c.sum()],
                [frames_of((m * c)[c > 0], c[c > 0], ["a"] * int((c > 0).sum()))],
                "mpjpe",
            )
            for column, c in {"all": everything, "some": some}.items()
        }
        for row, m in {"A": better, "B": worse}.items()
    }
    kept = [n for n in range(10) if some[n] > 0]
    for columns in held.values():
        renamed = dict(
            zip([f"take {n}" for n in kept], columns["some"].takes.values(), strict=True)
        )
        columns["some"] = type(columns["some"])(columns["some"].seeds, renamed)
    comparison = {"kind": "growing_gain", "better": "A", "worse": "B", "along": ["all", "some"]}
    claim = Claim(text="", comparisons=(comparison,))
    (compared,) = judge(claim, MeasuredFigures(held))["comparisons"]
    gains = worse - better

    def growth(weights):
        each = [(weights * c * gains).sum() / (weights * c).sum() for c in (some, everything)]
        return each[0] - each[1]

    assert compared["mean"] == pytest.approx(growth(np.ones(10)))
    moves = [(growth(np.ones(10)) - growth(1 - 1e-6 * np.eye(10)[n])) / 1e-6 for n in range(10)]
    margin = stats.t.ppf(0.975, 9) * np.sqrt(10 / 9 * np.square(moves).sum())
    assert compared["high"] - compared["mean"] == pytest.approx(margin, rel=1e-4)


def test_a_constant_has_neither_seeds_nor_takes_to_vary_by():
    held = over_seeds([2.0], [frames_of(np.ones(3) * 2, np.ones(3), ["a"] * 3)], "mpjpe")
    left = constant(5.0) - held
    assert left.seeds == [3.0]
    assert all(move == pytest.approx(0) for move in left.takes.values())
