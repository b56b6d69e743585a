"""The iterations of the consensus on a CPU, compiled by numba for a few poses at a time.

An operator of PyTorch passes over all poses before the next one begins, so that most time goes to
the memory. Here as many poses as there are lanes take a whole step, in the processor's caches; when
a pose is done, the next one takes its lane. The steps are those of `consensus_step.step`.
"""

import numpy as np
from numba import njit

# poses side by side: enough for vector instructions, few enough for a cache of the second level
LANES = 32
# contraction and reordering, but infinities stay what they are
_COMPILED = njit(
    cache=True, nogil=True, error_model="numpy", fastmath={"contract", "reassoc", "arcp", "nsz"}
)

Array = np.ndarray


@_COMPILED
def merge(
    rest: Array,
    joints: Array,
    size: int,
    inverse: Array,
    by_row: bool,
    tolerance: float,
    most: int,
    every: int,
    relaxation: float,
    merged: Array,
) -> None:
    """Repeat `consensus_step.step`, pose by pose, until a pose is done.

    Args:
        rest: (B, m, 3), what the least squares leave, in each pose's unit.
        joints: (m,), the joint of each row.
        size: n_g, joints of a group.
        inverse: (n, n), pseudo-inverse of the normal equations of X.
        by_row: whether rows are shrunk (l2,1), not coordinates (l1).
        tolerance: largest movement of a row in the last step, in the pose's unit.
        most: largest number of steps of a pose.
        every: number of steps between two checks of which poses are done.
        relaxation: factor of the over-relaxation of A G, of the type of `rest`.
        merged: (B, n, 3), output: what is to be added to the least squares' poses.
    """
    poses, m, _ = rest.shape
    n = len(inverse)
    s, shift = np.zeros((m, 3 * LANES), rest.dtype), np.zeros((m, 3 * LANES), rest.dtype)
    before, moved = np.zeros((m, 3 * LANES), rest.dtype), np.zeros(LANES, rest.dtype)
    pose, sums = np.zeros((n, 3 * LANES), rest.dtype), np.zeros((n, 3 * LANES), rest.dtype)
    means, dual = np.zeros((m // size, 3 * LANES), rest.dtype), np.zeros(3 * LANES, rest.dtype)
    occupant, steps = np.full(LANES, -1), np.zeros(LANES, np.int64)
    begun = done = 0
    while done < poses:
        for lane in range(LANES):
            if occupant[lane] < 0 and begun < poses:
                _begin(rest[begun], by_row, relaxation, s[:, lane::LANES], shift[:, lane::LANES])
                occupant[lane], steps[lane] = begun, 0
                begun += 1
        for left in range(every, 0, -1):
            if left == 1:
                before[:] = s
            _step(s, shift, joints, size, inverse, by_row, relaxation, dual, sums, means, pose)
        _movement(s, before, moved)
        steps += every
        for lane in range(LANES):
            if occupant[lane] >= 0 and (moved[lane] <= tolerance**2 or steps[lane] >= most):
                merged[occupant[lane]] = pose[:, lane::LANES]
                occupant[lane] = -1
                done += 1


@_COMPILED
def _movement(s: Array, before: Array, moved: Array) -> None:
    """The largest square of a row's movement, lane by lane."""
    moved[:] = 0
    for i in range(len(s)):
        now, was = s[i], before[i]
        for lane in range(LANES):
            x, y, z = (
                now[lane] - was[lane],
                now[LANES + lane] - was[LANES + lane],
                now[2 * LANES + lane] - was[2 * LANES + lane],
            )
            moved[lane] = max(moved[lane], x * x + y * y + z * z)


@_COMPILED
def _begin(rest: Array, by_row: bool, relaxation: float, s: Array, shift: Array) -> None:
    """A pose's rows (m, 3) into its lane."""
    one = rest.dtype.type(1)
    for i in range(len(rest)):
        x, y, z = rest[i]
        length = np.sqrt(x * x + y * y + z * z)
        for c in range(3):
            far = length if by_row else abs(rest[i, c])
            s[i, c] = -rest[i, c] * (one + one / max(one, far))
            shift[i, c] = -relaxation * rest[i, c]


@_COMPILED
def _step(
    s: Array,
    shift: Array,
    joints: Array,
    size: int,
    inverse: Array,
    by_row: bool,
    relaxation: float,
    dual: Array,
    sums: Array,
    means: Array,
    pose: Array,
) -> None:
    """One step of every lane: columns are x of all lanes, then y, then z."""
    one, two, width = s.dtype.type(1), s.dtype.type(2), s.shape[1]
    share = one / s.dtype.type(size)
    sums[:] = 0
    means[:] = 0
    for group in range(len(means)):
        mean = means[group]
        rows = range(group * size, (group + 1) * size)
        for i in rows:
            row, fixed, total = s[i], shift[i], sums[joints[i]]
            if by_row:
                for lane in range(LANES):
                    x, y, z = row[lane], row[LANES + lane], row[2 * LANES + lane]
                    within = one / np.sqrt(max(one, x * x + y * y + z * z))
                    dual[lane] = dual[LANES + lane] = dual[2 * LANES + lane] = within
            else:
                for column in range(width):
                    dual[column] = one / max(one, abs(row[column]))
            for column in range(width):
                value, within = row[column], dual[column]
                pulled = value * (one - two * within)
                mean[column] += pulled
                total[column] += pulled
                row[column] = fixed[column] + value * (one - relaxation + relaxation * within)
        for i in rows:
            total = sums[joints[i]]
            for column in range(width):
                total[column] -= share * mean[column]
    for j in range(len(pose)):
        own = pose[j]
        own[:] = 0
        for k in range(len(pose)):
            weight, total = inverse[j, k], sums[k]
            for column in range(width):
                own[column] += weight * total[column]
    for group in range(len(means)):
        mean = means[group]
        rows = range(group * size, (group + 1) * size)
        for i in rows:
            own = pose[joints[i]]
            for column in range(width):
                mean[column] -= own[column]
        for i in rows:
            row, own = s[i], pose[joints[i]]
            for column in range(width):
                row[column] += relaxation * (own[column] + share * mean[column])
