"""Changes of what an .npz file holds: a tree of dicts, lists and arrays."""

import copy

import numpy as np

from tests.datamodules.fuzz.raw_bytes import pick

_DTYPES = (
    "f2",
    "f4",
    "f8",
    "f8",
    ">f4",
    "i1",
    "i2",
    "i8",
    "u8",
    "c16",
    "?",
    "S4",
    "U4",
    "O",
    "m8[s]",
)


def _shared(levels):
    """Lists that hold a list twice, as deep as that: 2 ** levels lists when written out."""
    held = []
    for _ in range(levels):
        held = [held, held]
    return held


def _deep(levels, wrap):
    held = None
    for _ in range(levels):
        held = wrap(held)
    return held


_ODD = (
    *(None, True, 0, -1, 3, 1000, 10**400, -(10**30), 0.5, 1e30, float("nan"), float("inf"), 1j),
    *("", "h36m", "coco", "a\nb", "a\rb", "\x1b[2J", "x" * 5000, "\ud800", "S1", "A", "Walking 1"),
    *(b"", b"bytes", [], {}, (), [[]], {"": {}}, {"A": {"Sitting": None}}, [None] * 4, range),
    *(np.array(3), np.array(None), np.float32("nan"), np.int64(7), np.str_("A"), np.complex64(1j)),
    *(np.zeros(0), np.zeros((0, 17, 3)), np.zeros((4, 17, 3)), np.full((4, 17, 3), np.nan)),
    *(np.array([None, "a"], object), np.array(["A", "B"]), np.zeros((1,) * 30), np.zeros((3, 0))),
    *(_shared(28), _deep(300, lambda held: [held]), _deep(300, lambda held: {"a": held})),
    _deep(50, lambda held: (held,)),
)
_NUMBERS = (
    *(0, -1, 1, 4, 1e-30, 1e5, 999_999, 1e6, 1e7, -1e7, 1e30, -1e38, 1e300),
    *(np.nan, np.inf, -np.inf),
)


def change(contents, rng):
    """A copy with one to three places changed."""
    contents = {"": copy.deepcopy(contents)}
    for _ in range(pick(rng, (1, 1, 1, 2, 3))):
        by_depth = list(_places(contents, 0, {}).values())
        holder, key = pick(rng, pick(rng, by_depth))
        _at(holder, key, rng)
    held = contents.get("")
    return held if isinstance(held, dict) else {"held": held}


def _places(held, depth, found):
    """Depth -> (what holds, key or number) of everything in the tree."""
    keys = held if isinstance(held, dict) else range(len(held)) if isinstance(held, list) else ()
    # what was put in may be shared or deep
    if depth < 8:
        for key in keys:
            found.setdefault(depth, []).append((held, key))
            _places(held[key], depth + 1, found)
    return found


def _at(holder, key, rng):
    held = holder[key]
    if isinstance(held, np.ndarray) and held.dtype.kind == "f" and rng.random() < 0.75:
        holder[key] = pick(rng, (_values, _values, _shape, _dtype))(held, rng)
    elif isinstance(held, dict) and held and rng.random() < 0.6:
        _keys(held, rng)
    elif isinstance(held, list) and held and rng.random() < 0.6:
        _items(holder, key, rng)
    elif isinstance(held, int | float) and rng.random() < 0.5:
        holder[key] = pick(rng, _NUMBERS)
    else:
        odd = pick(rng, _ODD)
        # a class, which is pickled by its name
        wraps = (odd, odd, odd, [held], {"A": held}, (held,), _array_of([held, None]))
        holder[key] = pick(rng, wraps)


def _array_of(items):
    """One by one: NumPy would look into lists that are shared, as often as they are."""
    array = np.empty(len(items), object)
    for place, item in enumerate(items):
        array[place] = item
    return array


def _values(array, rng):
    array = np.array(array)
    number = pick(rng, _NUMBERS)
    with np.errstate(all="ignore"):
        where = pick(rng, ("one", "one", "frame", "all", "scaled", "moved", "noise"))
        if array.size and where == "one":
            array[tuple(int(rng.integers(length)) for length in array.shape)] = number
        elif array.size and array.ndim and where == "frame":
            array[int(rng.integers(len(array)))] = number
        elif where == "all":
            array[...] = number
        elif where == "scaled":
            array = array * pick(rng, (1e-3, 0.5, 2, 1000, -1))
        elif where == "moved":
            array = array + pick(rng, (1e-3, 0.5, 5, 100, 1e4, 9e5))
        else:
            array = array + rng.normal(0, 0.01, array.shape)
        return array.astype(np.float32 if rng.random() < 0.7 else np.float64)


def _shape(array, rng):
    array = np.atleast_1d(array)
    fewer = [
        array[:-1],
        array[1:],
        array[:0],
        array[::-1],
        array.T,
        array.reshape(-1),
        array[None],
        np.repeat(array, 2, axis=0),
        np.asfortranarray(array),
        np.broadcast_to(array[:1], array.shape),
    ]
    if array.ndim == 3:
        fewer += [array[:, 1:], array[:, ::-1], array[..., :2], array[..., :1], array[:, :0]]
        fewer += [np.concatenate([array, array[..., :1]], -1), np.repeat(array, 2, axis=1)]
    return pick(rng, fewer)


def _dtype(array, rng):
    with np.errstate(all="ignore"):
        return array.astype(pick(rng, _DTYPES))


def _keys(held, rng):
    key = pick(rng, list(held))
    what = pick(rng, ("delete", "rename", "rename", "copy", "swap", "shuffle"))
    if what == "delete":
        del held[key]
    elif what in ("rename", "copy"):
        value = held.pop(key) if what == "rename" else held[key]
        new = pick(rng, _ODD)
        new = new if isinstance(new, str | int | float | tuple | None) else str(key)[::-1]
        held[new] = value
    elif what == "swap":
        other = pick(rng, list(held))
        held[key], held[other] = held[other], held[key]
    else:
        items = list(held.items())
        held.clear()
        held.update(items[i] for i in rng.permutation(len(items)))


def _items(holder, key, rng):
    held = holder[key]
    what = pick(rng, ("delete", "again", "reverse", "tuple", "array"))
    if what == "delete":
        del held[int(rng.integers(len(held)))]
    elif what == "again":
        held.append(pick(rng, held))
    elif what == "reverse":
        held.reverse()
    elif what == "tuple":
        holder[key] = tuple(held)
    else:
        holder[key] = _array_of(held)
