"""docs/cli.md: its examples are run as they stand, and it has every verb."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from extension.cli import VERBS
from extension.commands.tables import KINDS
from tests.integration.service.running import Service, start, wait_for

pytestmark = pytest.mark.xdist_group("cli-documented")

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "cli.md").read_text()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = start(tmp_path_factory.mktemp("cli-documented") / "state", "--demo", "--drift-interval", "1", "--polling-interval", "1")
    try:
        wait_for(lambda: "\nready\n" in running.log.read_text(), "the demonstration")
        yield running
    finally:
        running.stop()


def test_every_verb_and_kind_is_documented() -> None:
    headings = {name for line in re.findall(r"^### (.+)$", TEXT, re.MULTILINE) for name in line.split(", ")}
    assert headings >= VERBS.keys()
    assert all(f"`{kind.names[0]}`" in TEXT for kind in KINDS)


def test_every_example_works_as_it_stands(service: Service, tmp_path: Path) -> None:
    examples = "".join(re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)).replace("/tmp/", f"{tmp_path}/")
    command = tmp_path / "rancher-cd"
    command.write_text(f"#!{sys.executable}\nfrom extension.cli import main\nmain()\n")
    command.chmod(0o755)
    environment = {
        **os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "RANCHER_CD_URL": service.url,
        "RANCHER_CD_TOKEN": service.line("token: "), "STATE_DIR": str(service.state),
    }  # fmt: skip
    ran = subprocess.run(["bash", "-euxc", examples], cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert "kind: ConfigMap" in ran.stdout and "bundle demo-01-raw-overlays applied" in ran.stdout
