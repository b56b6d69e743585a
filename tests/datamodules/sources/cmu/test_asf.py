"""What fuzzing found in skeleton files: lines that are lost or doubled must not move bones."""

import pytest

from datamodules.sources.cmu.asf import read_asf
from poseproof.errors import DataError
from tests.datamodules.sources.cmu.test_source import asf_text

FIRST = "  begin\n     id 1\n     name lhipjoint\n"
SECOND = "  begin\n     id 2\n     name lfemur\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        # the second bone would take the first one's direction, length and axes
        (SECOND, SECOND.removeprefix("  begin\n"), "between one begin and one end"),
        (f"  end\n{SECOND}", SECOND, "between one begin and one end"),
        (SECOND, f"{FIRST}{SECOND}", "between one begin and one end"),
        (SECOND, SECOND.replace("lfemur", "lhipjoint"), "a second bone is called 'lhipjoint'"),
        ("     name lfemur\n", "", "line 24: 'name' is missing"),
        ("     length 7.6\n", "     length 7.6\n     length 2\n", "'length' is repeated"),
        ("     name lfemur\n", "     name lfemur\n     name lfemur\n", "'name' is repeated"),
        ("    dof rx\n", "    dof rx\n    dof rx ry\n", "'dof' is repeated"),
        (SECOND, f"  begin\n  end\n{SECOND}", "between one begin and one end"),
        ("  end\n:hierarchy", ":hierarchy", "the last bone has no end"),
        ("  length 0.45\n", "  length 0.45\n  length 1\n", "'length' is repeated"),
        (":root\n", ":units\n  length 1\n  angle deg\n:root\n", "':units' is repeated"),
    ],
)
def test_a_lost_or_doubled_line_is_told(old, new, words, tmp_path):
    path = tmp_path / "01.asf"
    assert old in asf_text()
    path.write_text(asf_text().replace(old, new, 1))
    with pytest.raises(DataError, match=words) as told:
        read_asf(path)
    assert "\n" not in str(told.value)
