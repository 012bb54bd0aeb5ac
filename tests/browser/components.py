"""What tests of the pages need besides Python: a browser, the packages of the pages, and the pages built from them, once."""

from __future__ import annotations

import fcntl
import re
import shutil
import subprocess
import sys
from pathlib import Path

from extension.objects import yaml

ROOT = Path(__file__).parents[2]
ASSETS = ROOT / "ui-assets"
PACKAGES = ASSETS / "node_modules"
AXE = PACKAGES / "axe-core" / "axe.min.js"
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage"]
"""Tests run as root, and in containers with little shared memory."""


def chromium() -> str | None:
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def missing() -> str:
    """What keeps the pages from being tried, empty when nothing does."""
    if chromium() is None:
        return "there is no browser: apt-get install chromium"
    if not AXE.is_file():
        return "the packages of the pages are not installed: make ui"
    return ""


def build() -> None:
    """Builds the pages if they are older than their source. Raises CalledProcessError with what the build said."""
    with (ASSETS / "package.json").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two processes of tests would write the same files
        command = ["make", "--no-print-directory", "--old-file=setup", "ui", f"VENV={sys.prefix}"]
        subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def menu() -> list[str]:
    """What the navigation shows to who may see everything."""
    source = (ASSETS / "components" / "routes.ts").read_text()
    texts = yaml.load((ASSETS / "l10n" / "en-us.yaml").read_bytes(), "en-us.yaml")
    return [str(texts["nav"][page]) for page in re.findall(r'\{ page: "([\w-]+)"', source)]


def routes() -> dict[str, str]:
    """The pages by name, with their paths, as `components/routes.ts` has them."""
    source = (ASSETS / "components" / "routes.ts").read_text()
    found = dict(re.findall(r'name: "([\w-]+)", path: "([^"]*)"', source))
    assert len(found) >= 6, "components/routes.ts is not written as it is read here"
    return found
