"""Reading SIZE bundle folders (default 300): the command as a whole process, then a commit that touches one folder."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from extension.bundles import Memo, Scan, read
from extension.objects.base import ObjectMeta
from extension.objects.kinds import GitRepo, GitRepoSpec
from extension.settings import Settings
from extension.sources.build import build
from tests.benchmarks.common import figure, size

FLEET_YAML = """namespace: app-{n}
helm:
  values:
    number: {n}
targetCustomizations:
- name: production
  clusterSelector:
    matchLabels:
      env: production
  helm:
    values:
      replicas: 3
"""
CONFIG_MAP = 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{c}\ndata:\n  number: "{n}"\n  text: the same everywhere\n'


class NoCharts:
    def fetch(self, chart: str, repo: str = "", version: str = "", *, path: str = "") -> Any:
        raise AssertionError(chart)

    def update(self, tree: Any, folder: str) -> Any:
        raise AssertionError(folder)


def make(root: Path, count: int) -> None:
    for n in range(count):
        folder = root / f"app-{n:04d}"
        folder.mkdir(parents=True)
        (folder / "fleet.yaml").write_text(FLEET_YAML.format(n=n))
        for c in range(3):
            (folder / f"cm-{c}.yaml").write_text(CONFIG_MAP.format(c=c, n=n))


def git(root: Path, *arguments: str) -> None:
    subprocess.run(["git", "-c", "user.name=b", "-c", "user.email=b@example.org", *arguments], cwd=root, check=True, capture_output=True)


def main() -> None:
    count = size(300, most=2000)
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch) / "repo"
        make(root, count)
        command = [str(Path(sys.executable).parent / "rancher-cd"), "apply", "-o", "-", "demo"]
        runs = []
        for _ in range(6):
            start = time.perf_counter()
            subprocess.run(command, cwd=root, check=True, stdout=subprocess.DEVNULL)
            runs.append(time.perf_counter() - start)
        figure(
            "read",
            count,
            sorted(runs[1:])[2],
            "s",
            what="rancher-cd apply -o -, whole process, median of 5",
            upstream_s=0.47,
            upstream_mib=77,
        )

        git(root, "init", "-q", "-b", "main")
        git(root, "add", ".")
        git(root, "commit", "-q", "-m", "a")
        settings = Settings(state_dir=Path(scratch) / "state")
        sources = build(settings, os.environ, lambda _namespace, _name: None, allow_file=True)
        repo = GitRepo(metadata=ObjectMeta(name="demo", namespace="ws"), spec=GitRepoSpec(repo=f"file://{root}", branch="main"))
        memo, scan = Memo(), Scan.of(repo)

        def once() -> float:
            tree = sources.tree(repo, sources.latest(repo))
            start = time.perf_counter()
            reading = read(tree, scan, NoCharts(), memo)
            assert len(reading.bundles) == count and not reading.failures
            return time.perf_counter() - start

        cold = once()
        changed = []
        for n in range(5):
            (root / "app-0000" / "cm-0.yaml").write_text(CONFIG_MAP.format(c=0, n=f"changed-{n}"))
            git(root, "commit", "-qam", "b")
            changed.append(once())
        figure("read-cold", count, cold, "s", what="one commit in process, nothing remembered")
        figure(
            "read-changed",
            count,
            sorted(changed)[2],
            "s",
            what="a commit that touches one folder",
            times_faster=round(cold / sorted(changed)[2], 1),
        )


if __name__ == "__main__":
    main()
