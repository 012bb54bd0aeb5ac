"""What `pip install` gives: a wheel with everything the service and the command need, and nothing of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from extension import __version__
from extension.objects import yaml

pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).parents[3]
PACKAGES = ("extension", "api")
LEFT = shutil.ignore_patterns("__pycache__", "*.pyc")


def pip(*arguments: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built of a copy, so that nothing is written into the checkout and nothing built before gets in."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    for name in PACKAGES:
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT)
    pip("wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", "dist", ".", folder=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", str(folder), str(wheel), folder=folder)
    return folder


def run(installed: Path, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """The installed command, with the dependencies of this environment and the packages of the wheel."""
    environment = {**os.environ, "PYTHONPATH": str(installed), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(installed / "bin" / "rancher-cd"), *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_the_wheel_holds_every_file_of_the_packages_and_nothing_else(wheel: Path) -> None:
    wanted = {
        path.relative_to(wheel.parents[1]).as_posix()
        for name in PACKAGES
        for path in (wheel.parents[1] / name).rglob("*")
        if path.is_file()
    }
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if not name.endswith("/")}
    assert {name for name in held if ".dist-info/" not in name} == wanted
    assert any(name.endswith("/licenses/LICENSE") for name in held)


def test_the_installed_command_knows_its_version_and_runs_its_own_code(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "--version", folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, f"rancher-cd, version {__version__}\n"), done.stderr
    where = "import extension, api; print(extension.__file__, api.__file__)"
    environment = {**os.environ, "PYTHONPATH": str(installed)}
    told = subprocess.run([sys.executable, "-c", where], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert all(path.startswith(str(installed)) for path in told.stdout.split())


def test_the_installed_command_reads_targets_and_renders(installed: Path, tmp_path: Path) -> None:
    (tmp_path / "cm.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: one}\n")
    (tmp_path / "clusters.yaml").write_text("kind: Cluster\nmetadata: {name: local}\n")
    (tmp_path / "targets.yaml").write_text("targets: [{clusterName: local}]\n")
    for arguments in (
        ("apply", "-o", "bundle.out", "--targets-file", "targets.yaml", "demo", "."),
        ("target", "-b", "bundle.out", "--clusters", "clusters.yaml"),
    ):
        done = run(installed, *arguments, folder=tmp_path)
        assert done.returncode == 0, done.stderr
    (tmp_path / "made.out").write_text(done.stdout)
    rendered = run(installed, "deploy", "--dry-run", "-i", "made.out", folder=tmp_path)
    assert rendered.returncode == 0, rendered.stderr
    assert "one" in {found["metadata"]["name"] for found in yaml.load(rendered.stdout)}


def test_the_demonstration_needs_a_checkout_and_says_so(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "serve", "--demo", "--port", "0", "--state-dir", "state", folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"Error: {installed}/examples: the examples are missing (run it from a checkout, or without --demo)\n"
