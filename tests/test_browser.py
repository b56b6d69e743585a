"""How the tests find their browser, and what they do without one."""

import subprocess
import sys

import pytest

from tests import browser
from tests.experiments.report.test_browser import open_browser


@pytest.fixture
def no_browser(tmp_path, monkeypatch):
    """A machine without a browser: an empty PATH, and no download of Playwright's."""
    monkeypatch.delenv("POSEPROOF_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path))


def make_program(path):
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


def test_a_browser_on_the_path_is_found(no_browser, tmp_path):
    assert browser.find() is None
    chrome = make_program(tmp_path / "google-chrome")
    assert browser.find() == chrome


def test_a_browser_that_is_named_goes_first(no_browser, tmp_path, monkeypatch):
    make_program(tmp_path / "google-chrome")
    own = make_program(tmp_path / "mine")
    monkeypatch.setenv("POSEPROOF_BROWSER", own)
    assert browser.find() == own
    monkeypatch.setenv("POSEPROOF_BROWSER", str(tmp_path / "missing"))
    assert browser.find() is None


def test_the_tests_are_skipped_without_a_browser_but_fail_in_ci(no_browser, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="make browser"), open_browser():
        pass
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="make browser"), open_browser():
        pass


def test_one_sentence_where_none_can_be_installed(no_browser, tmp_path, monkeypatch):
    monkeypatch.setattr(browser, "install", lambda: None)
    with pytest.raises(SystemExit, match="install one, or set POSEPROOF_BROWSER"):
        browser.main()


def test_root_gets_the_system_s_where_the_download_fails(no_browser, tmp_path, monkeypatch, capsys):
    asked = []

    def fake_run(command, **_):
        asked.append(command)
        if command[:2] == ["apt-get", "install"]:
            make_program(tmp_path / "chromium")
        return subprocess.CompletedProcess(command, int(command[0] == sys.executable))

    monkeypatch.setattr(browser.subprocess, "run", fake_run)
    monkeypatch.setattr(browser.os, "geteuid", lambda: 0)
    make_program(tmp_path / "apt-get")
    browser.main()
    assert asked == [browser.DOWNLOAD, *browser.PACKAGE]
    assert f"Browser of the tests: {tmp_path / 'chromium'}" in capsys.readouterr().out


def test_nobody_but_root_installs_packages(no_browser, tmp_path, monkeypatch):
    asked = []
    failed = subprocess.CompletedProcess([], 1)
    monkeypatch.setattr(
        browser.subprocess, "run", lambda command, **_: asked.append(command) or failed
    )
    monkeypatch.setattr(browser.os, "geteuid", lambda: 1000)
    make_program(tmp_path / "apt-get")
    with pytest.raises(SystemExit):
        browser.main()
    assert asked == [browser.DOWNLOAD]
