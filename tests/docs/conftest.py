"""The site, built once for all tests of it."""

import pytest

from experiments.report import site


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The site's folder, and what Sphinx warned of."""
    folder = tmp_path_factory.mktemp("site")
    return folder, site.build(folder)
