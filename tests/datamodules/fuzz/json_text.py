"""Changes of JSON files: of what they hold, of how it is written, and of their bytes."""

import copy
import json
import re

from tests.datamodules.fuzz import raw_bytes
from tests.datamodules.fuzz.contents import _deep, _places
from tests.datamodules.fuzz.raw_bytes import pick

_NUMBERS = (
    *(0, 1, -1, 2, 16, 99_999, 100_000, -99_999, 10**30, 10**400, True, False),
    *(0.5, 1e-3, 1e-45, 1e-300, 5e-324, 99.999, 100.0, 1e5, 1e38, 1e308, -0.0),
    *(float("nan"), float("inf"), float("-inf")),
)
_ODD = (
    *(None, "", "1", "NaN", "x" * 5000, "\ud800", "a\nb", "\x1b[2J", "é", "\0", [], {}, [[]]),
    *([-1, -1], [1, 2], [1, 2, 3], [[1, 2]], [[1, 2]] * 16, [1] * 16, [None] * 16, [1] * 17),
    *({"image": None}, {"": 1}, {"0": [1, 2]}, ["000000001.jpg"], [{}], [1e5] * 2, "000000001.jpg"),
    *("../images/1.jpg", "a/b.jpg", "..", ".jpg", "a.jpg", "\ud800.jpg", "a\n.jpg", "é" * 90),
    *("\0.jpg", "é" * 90 + ".jpg", "000000001.JPG", "000000001.jpg ", "/etc/passwd", "CON.jpg"),
    *(_deep(300, lambda held: [held]), _deep(300, lambda held: {"a": held})),
)
# what a value may be written as: what JSON allows, what Python's reader does, and what neither
_WRITTEN = (
    *("9" * 5000, "-" + "1" * 4000, "1." + "0" * 9000, "1e999", "1e-999", "1E+1", "0.1e1", "1e5"),
    *("01", "+1", ".5", "1.", "-", "--1", "0x10", "1_0", "1e", "NaN", "-Infinity", "nan", "Inf"),
    *("tru", "True", "none", "undefined", "'a'", '"\\ud800"', '"\\x41"', '"\\u00"', '"a\nb"'),
    *('"\t"', '"a', "[1,]", "[,1]", "[1 2]", '{"a":1,}', "{a:1}", '{"a" 1}', "{1:1}", "[1}", "]"),
    *("[" * 100_000, "[" * 3000 + "]" * 3000, '{"a":' * 100_000, "/* 1 */ 1", "# 1", "1 1", ""),
    *("\uff11", "\u2028", "\ufeff1", "[1, 2]" * 2, "[1,\n\r\t 2]"),
)
_ENCODINGS = (
    *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "utf-8-sig"),
    *("utf-7", "cp037", "utf-16", "utf-8-sig"),
)
_VALUE = re.compile(r'(?<=[:\[,])\s*(?:"[^"]*"|-?[0-9.e+]+|\[[^\[\]]*\])(?=\s*[,\]}])')
_FIELD = re.compile(r'"\w+": (?:"[^"]*"|-?[0-9.e+]+|\[[^\[\]]*\])(?=[,}])')


def change(held, rng, other):
    """Bytes of a JSON file that holds `held`, changed at one of its levels."""
    level = pick(rng, ("contents", "contents", "contents", "text", "text", "bytes", "encoding"))
    if level == "contents":
        return json.dumps(change_contents(held, rng), ensure_ascii=rng.random() < 0.7).encode(
            "utf-8", "surrogatepass"
        )
    text = json.dumps(held)
    if level == "text":
        return _change_text(text, rng).encode()
    if level == "bytes":
        return raw_bytes.change(text.encode(), rng, other)
    encoded = text.encode(pick(rng, _ENCODINGS))
    what = pick(rng, ("as it is", "as it is", "cut", "mark", "byte"))
    if what == "cut":
        return encoded[: len(encoded) - int(rng.integers(1, 9))]
    if what == "mark":
        return pick(rng, (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\xff")) + encoded
    return encoded if what == "as it is" else raw_bytes.change(encoded, rng, other)


def change_contents(held, rng):
    """A copy with one to three places changed."""
    holder = {"": copy.deepcopy(held)}
    for _ in range(pick(rng, (1, 1, 1, 2, 3))):
        places = _places(holder, 0, {})
        _at(*pick(rng, pick(rng, list(places.values()))), rng)
        holder.setdefault("", None)
    return holder[""]


def _at(holder, key, rng):
    held = holder[key]
    if isinstance(held, dict) and held and rng.random() < 0.6:
        _fields(held, rng)
    elif isinstance(held, list) and held and rng.random() < 0.7:
        _items(holder, key, rng)
    elif isinstance(held, int | float) and abs(held) < 1e300 and rng.random() < 0.8:
        near = (held + 0.25, held + 1, held - 3, held * 1.5, held * 2, -held, int(held), str(held))
        holder[key] = pick(rng, near if rng.random() < 0.6 else _NUMBERS)
    else:
        wraps = (pick(rng, _ODD), pick(rng, _ODD), pick(rng, _NUMBERS), [held], {"a": held})
        holder[key] = copy.deepcopy(pick(rng, wraps))


def _fields(held, rng):
    key = pick(rng, list(held))
    what = pick(rng, ("delete", "rename", "more", "swap", "shuffle"))
    if what == "delete":
        del held[key]
    elif what == "rename":
        held[pick(rng, (key.upper(), key + " ", key[:-1], "", "\ud800", "a\nb"))] = held.pop(key)
    elif what == "more":
        held[pick(rng, ("more", "", "é"))] = copy.deepcopy(pick(rng, _ODD + _NUMBERS))
    elif what == "swap":
        other = pick(rng, list(held))
        held[key], held[other] = held[other], held[key]
    else:
        items = list(held.items())
        held.clear()
        held.update(items[i] for i in rng.permutation(len(items)))


def _items(holder, key, rng):
    held = holder[key]
    what = pick(rng, ("delete", "again", "reverse", "empty", "all", "insert", "field"))
    if what == "delete":
        del held[int(rng.integers(len(held)))]
    elif what == "again":
        held.append(copy.deepcopy(pick(rng, held)))
    elif what == "reverse":
        held.reverse()
    elif what == "empty":
        held.clear()
    elif what == "all":
        number = pick(rng, _NUMBERS)
        holder[key] = [[number] * len(item) if isinstance(item, list) else number for item in held]
    elif what == "insert":
        held.insert(int(rng.integers(len(held) + 1)), copy.deepcopy(pick(rng, _ODD)))
    else:
        holder[key] = dict.fromkeys(map(str, range(len(held))), held[0])


def _change_text(text, rng):
    what = pick(rng, ("value", "value", "value", "field", "field", "around", "spaces", "text"))
    if what == "text":
        at = int(rng.integers(len(text)))
        return text[:at] + pick(rng, _WRITTEN) + text[at + int(rng.integers(3)) :]
    if what == "around":
        # a second document, or none
        return pick(
            rng,
            (
                text + text,
                text + "\n" + text,
                "[" + text + "]",
                text[1:-1],
                text + ",",
                "\0" + text,
            ),
        )
    if what == "spaces":
        spaces = pick(rng, ("", "\n", "\r\n  ", "\t" * 9, "\xa0", "\v", " " * 500))
        return text.replace(", ", f",{spaces}")
    found = pick(rng, list((_FIELD if what == "field" else _VALUE).finditer(text)))
    if what == "value":
        return text[: found.start()] + pick(rng, _WRITTEN) + text[found.end() :]
    # the same name again, with another's value or its own
    name, value = found[0].split(": ", 1)
    value = pick(rng, (value, value, pick(rng, _WRITTEN), "0.5", "null"))
    name = pick(rng, (name, name, '"\\u0069mage"', '""'))
    return f"{text[: found.end()]}, {name}: {value}{text[found.end() :]}"
