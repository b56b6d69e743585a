"""One input: read it under watch, and say whether what came of it may."""

import codecs
import os
import resource
import sys
import time
import traceback
from contextlib import contextmanager

from poseproof.errors import DataError
from tests.datamodules.fuzz.plain import UnreadableError

LONGEST_MESSAGE = 700  # characters
LONGEST = 5.0  # seconds of a processor
# bytes over the most that the process had before
MOST_MEMORY = 2**28
# what a reader may do beyond reading: nothing of these
_DEEDS = ("os.", "subprocess.", "socket.", "shutil.", "tempfile.", "ctypes.", "pickle.", "marshal.")
_HARMLESS = ("os.listdir", "os.scandir", "os.walk")
# what a reader may load late
_ENCODINGS = (
    *("ascii", "cp437", "latin1", "raw_unicode_escape", "unicode_escape", "utf_8_sig"),
    *("utf_16", "utf_16_be", "utf_16_le", "utf_32", "utf_32_be", "utf_32_le"),
)
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC

_seen: list[str] | None = None


def _audit(event, arguments):
    if _seen is None:
        return
    if event == "open":
        path, mode, flags = arguments
        if flags & _WRITING or set(mode or "") & set("wax+"):
            _seen.append(f"open {path!r}")
    elif event == "import":
        _seen.append(f"import {arguments[0]}")
    elif event == "exec" or (event.startswith(_DEEDS) and event not in _HARMLESS):
        _seen.append(event)


@contextmanager
def _watched():
    global _seen
    _seen = deeds = []
    try:
        yield deeds
    finally:
        _seen = None


class Judge:
    """Judges inputs of one format, in a process that it may spoil.

    Args:
        target: the format.
        folder: of its valid files, which are read once, so that what is loaded late is loaded.
    """

    def __init__(self, target, folder):
        self.target = target
        for encoding in _ENCODINGS:
            codecs.lookup(encoding)
        target.read(folder)
        self.valid = target.plain(folder)
        sys.addaudithook(_audit)

    def judge(self, folder):
        """Outcome and reason.

        `rejected`, `right`, `unread` (as `right`, as far as can be said when NumPy cannot read the
        file), or `failed`.
        """
        before = _listing(folder)
        result, said = None, ""
        peak, started = _peak(), time.process_time()
        with _watched() as deeds:
            try:
                result = self.target.read(folder)
            except DataError as error:
                said = _fault(error)
            # what a user would see as a traceback
            except BaseException:
                said = traceback.format_exc(limit=-3)
        took = time.process_time() - started
        if deeds:
            return "failed", f"it did {', '.join(deeds)}"
        if _listing(folder) != before:
            return "failed", "it changed the folder"
        if (grown := _peak() - peak) > MOST_MEMORY:
            return "failed", f"it took {grown / 2**20:.0f} MiB"
        if took > LONGEST:
            return "failed", f"it took {took:.1f} seconds"
        if result is None:
            return ("failed", said) if said else ("rejected", "")
        return self._compared(result, folder)

    def _compared(self, result, folder):
        """In a process of its own, since NumPy's own reader can be crashed."""
        here, there = os.pipe()
        child = os.fork()
        if not child:
            soft = os.sysconf("SC_PAGE_SIZE") * _pages() + 2**30
            resource.setrlimit(resource.RLIMIT_AS, (soft, soft))
            os.write(there, repr(self._verdict(result, folder)).encode())
            os._exit(0)
        os.close(there)
        with os.fdopen(here, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(child, 0)
        # what the child wrote itself, or died before it could
        return eval(said) if said else self._unread(result)

    def _verdict(self, result, folder):
        try:
            wrong = self.target.difference(result, *self.target.plain(folder))
        except UnreadableError:
            return self._unread(result)
        except BaseException:
            return "failed", "accepted, but by a plain reading: " + traceback.format_exc(limit=-3)
        return ("failed", wrong) if wrong else ("right", "")

    def _unread(self, result):
        """Of what NumPy cannot read: whether it is as in the valid files, or could be right."""
        if not self.target.difference(result, *self.valid):
            return "right", ""
        wrong = self.target.difference(result, None, None)
        return ("failed", wrong) if wrong else ("unread", "")


def _fault(error):
    """What is wrong with a message, or nothing."""
    said = str(error)
    if isinstance(error.__cause__, MemoryError):
        return f"it asked for more memory than there is: {said[:LONGEST_MESSAGE]}"
    if not said.isprintable() or not said.endswith(".") or not 20 < len(said) < LONGEST_MESSAGE:
        return f"a message that is not one sentence: {said[:LONGEST_MESSAGE]!r}"
    return ""


def _listing(folder):
    return sorted((path, path.stat().st_size) for path in folder.rglob("*") if path.is_file())


def _peak():
    kilobyte = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * kilobyte


def _pages():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0])
