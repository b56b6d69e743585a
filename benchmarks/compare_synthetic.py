"""Generated against real motion: `python -m benchmarks.compare_synthetic FOLDER NAME` of a PoseNpz.

Prints the table that stands in docs/synthetic.md.
"""

import sys

import numpy as np

from datamodules.rarity import occurrence
from datamodules.sequences import PoseSequences
from datamodules.sources.pose_npz.source import PoseNpz
from datamodules.sources.source import Source
from datamodules.sources.synthetic.source import SyntheticMocap

Numbers = list[float]
STRIDE = 5


def figures(sequences: PoseSequences) -> dict[str, Numbers]:
    """The compared numbers by name, over one camera's frames but for 2D and rarity."""
    first = sequences.segments[0].camera.id
    chosen = [s for s in sequences.segments if s.camera.id == first]
    poses = np.concatenate([sequences.joints[s.start : s.stop] for s in chosen])
    speeds = np.concatenate(
        [
            np.linalg.norm(np.diff(sequences.joints[s.start : s.stop], axis=0), axis=-1) * s.fps
            for s in chosen
        ]
    )

    def percentiles(values: np.ndarray) -> Numbers:
        return np.percentile(values, [1, 50, 99]).tolist()

    def bend(a: int, b: int, c: int, d: int) -> Numbers:
        """Degrees between the bones a to b and c to d."""
        u, v = poses[:, b] - poses[:, a], poses[:, d] - poses[:, c]
        cosine = (u * v).sum(-1) / (np.linalg.norm(u, axis=-1) * np.linalg.norm(v, axis=-1))
        return percentiles(np.degrees(np.arccos(cosine.clip(-1, 1))))

    test = sequences.joints[sequences.frames_of(sequences.splits["test"])][::STRIDE]
    rarity = occurrence(test, test, 0.2)
    within = [explained(poses, [e], [w]) for e, w in ((12, 13), (15, 16), (2, 3), (5, 6))]
    between = [
        explained(poses, [15, 16], [13]),
        explained(poses, [12, 13], [16]),
        explained(poses, [5, 6], [3]),
        explained(poses, [2, 3], [6]),
    ]
    return {
        "elbow bend, degrees, 1 / 50 / 99 %": bend(11, 12, 12, 13),
        "knee bend, degrees": bend(4, 5, 5, 6),
        "hip, thigh against trunk, degrees": bend(8, 0, 4, 5),
        "shoulder, upper arm against trunk, degrees": bend(8, 0, 11, 12),
        "wrist speed against the hip, m/s": percentiles(speeds[:, 13]),
        "foot speed against the hip, m/s": percentiles(speeds[:, 3]),
        "head speed against the hip, m/s": percentiles(speeds[:, 10]),
        "3D spread x / y / z, mm": (1000 * test.std(0).mean(0)).tolist(),
        "2D spread x / y, of half the width": sequences.keypoints.std(0).mean(0).tolist(),
        "occurrence of test poses, 1 / 50 / 99 %": percentiles(rarity),
        "end of a limb explained by its own middle, R²": [float(np.mean(within))],
        "by the limb of the other side, R²": [float(np.mean(between))],
    }


def explained(poses: np.ndarray, given: list[int], wanted: list[int]) -> float:
    """Share of the wanted joints' variance that a linear map of the given ones explains."""
    design = np.column_stack([poses[:, given].reshape(len(poses), -1), np.ones(len(poses))])
    target = poses[:, wanted].reshape(len(poses), -1)
    rest = target - design @ np.linalg.lstsq(design, target, rcond=None)[0]
    return float(1 - rest.var(0).sum() / target.var(0).sum())


def main(folder: str, name: str) -> None:
    """Print the comparison in Markdown."""
    sources: dict[str, Source] = {"generated": SyntheticMocap(), name: PoseNpz(folder, name)}
    columns = {title: figures(source.load()) for title, source in sources.items()}
    print(f"| | {' | '.join(columns)} |\n|---|{'---|' * len(columns)}")
    for row in next(iter(columns.values())):
        cells = [
            " / ".join(f"{number:.3g}" for number in column[row]) for column in columns.values()
        ]
        print(f"| {row} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main(*sys.argv[1:3])
