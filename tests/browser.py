"""The browser that tests of pages drive; `python -m tests.browser` installs one where none is."""

import os
import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge")
# the first that works; the second is Debian's and Ubuntu's, for networks that reach no other
DOWNLOAD = [sys.executable, "-m", "playwright", "install", "chromium"]
PACKAGE = [["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "chromium"]]
MISSING = (
    "no Chromium or Chrome was found: install one, or set POSEPROOF_BROWSER to the path of one; "
    "`make browser` tries both ways that it knows"
)


def find() -> str | None:
    """The path of a browser: POSEPROOF_BROWSER, else the system's, else Playwright's own."""
    if named := os.environ.get("POSEPROOF_BROWSER"):
        return shutil.which(named)
    if installed := next(filter(None, map(shutil.which, NAMES)), None):
        return installed
    with sync_playwright() as driver:
        return shutil.which(driver.chromium.executable_path)


def install() -> None:
    """Download Playwright's browser, or, as root where that fails, install the system's."""
    print("No Chromium or Chrome found: downloading Playwright's.", flush=True)
    done = subprocess.run(DOWNLOAD, capture_output=True).returncode == 0
    if not done and os.geteuid() == 0 and shutil.which("apt-get"):
        print("The download failed: installing the package chromium.", flush=True)
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in PACKAGE:
            subprocess.run(command, env=quiet, stdout=subprocess.DEVNULL, check=False)


def main() -> None:
    """Install a browser where none is; exit with one sentence where that fails."""
    if not find():
        install()
    if not (path := find()):
        sys.exit(f"The tests of pages need a browser: {MISSING}.")
    print(f"Browser of the tests: {path}")


if __name__ == "__main__":
    main()
