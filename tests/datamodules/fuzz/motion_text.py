"""Changes of ASF and AMC files: of their bytes, words and lines."""

from tests.datamodules.fuzz import raw_bytes
from tests.datamodules.fuzz.raw_bytes import pick

_WORDS = (
    *(
        "nan",
        "inf",
        "-inf",
        "0",
        "-0.0",
        "1",
        "-1",
        "7.5",
        "90",
        "360",
        "1e5",
        "999999",
        "1e6",
        "1e300",
    ),
    *(
        "-1e999",
        "1e-300",
        "1_0",
        "0x10",
        "1,5",
        "--1",
        "",
        "1e",
        "\xb2",
        "9" * 400,
        "(",
        "#",
        ":",
        "a" * 3000,
    ),
    *(
        "root",
        "begin",
        "end",
        "name",
        "dof",
        "rx",
        "rz ry",
        "XYZ",
        "ZYX",
        "rad",
        "deg",
        ":units",
        ":bonedata",
    ),
    *("lfemur", "head", "lwrist", "TX", "\x0c", "\xa0", "\x85", "\r", "\x00", "\x1c"),
)


def change(text, rng, other):
    """Bytes of a text with one to four places changed; `other` is what lines are taken from."""
    if rng.random() < 0.3:
        return raw_bytes.change(text.encode("latin1"), rng, other.encode("latin1"))
    lines = text.split("\n")
    for _ in range(pick(rng, (1, 1, 1, 2, 4))):
        # the head of a file, where every line counts, as often as all of it
        reach = len(lines) if rng.random() < 0.5 else min(len(lines), 30)
        at = int(rng.integers(reach))
        what = pick(
            rng, ("word", "word", "word", "word", "delete", "twice", "swap", "other", "cut")
        )
        if what == "word":
            lines[at] = _word(lines[at], rng)
        elif what == "delete":
            del lines[at : at + pick(rng, (1, 1, 3, 14))]
        elif what == "twice":
            lines[at:at] = lines[at : at + pick(rng, (1, 1, 3, 14))]
        elif what == "swap":
            to = int(rng.integers(len(lines)))
            lines[at], lines[to] = lines[to], lines[at]
        elif what == "other":
            lines.insert(at, pick(rng, other.split("\n")))
        elif rng.random() < 0.3:
            lines = lines[: at + 1]
        lines = lines or [""]
    return "\n".join(lines).encode("latin1")


def _word(line, rng):
    words = line.split(" ")
    at = int(rng.integers(len(words)))
    what = pick(rng, ("replace", "replace", "delete", "twice", "digit"))
    if what == "replace":
        words[at] = pick(rng, _WORDS)
    elif what == "delete":
        del words[at]
    elif what == "twice":
        words.insert(at, words[at])
    elif words[at]:
        place = int(rng.integers(len(words[at])))
        words[at] = words[at][:place] + pick(rng, "0123456789.-eE") + words[at][place + 1 :]
    return " ".join(words)
