"""`rancher-cd plan`, `explain`, `trace`, `test-connection`: how a folder is packed, what is asked, and how the answer is told."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from extension.cli import main
from extension.commands import plan
from extension.objects.connection import ConnectionReport, Step
from extension.objects.errors import Invalid
from extension.objects.explanation import Explanations, Membership, Origin, Term, Trace
from extension.objects.preview import BundlePlan, PlanReport
from tests.unit.cli.test_connection import answering

REPORT = PlanReport("GitRepo ws/web", changes=True, changed=1, bundles=(BundlePlan("ws/web", "changed", changed=1),))
NOTHING = PlanReport("GitRepo ws/web", unchanged=1)


def run(value: Any, *arguments: str) -> Any:
    with answering(msgspec.to_builtins(value)) as service:
        return CliRunner().invoke(main, [*arguments, "--url", service.url, "--token", "t"])


@pytest.mark.parametrize(
    ("report", "flags", "code"),
    [(REPORT, (), 0), (REPORT, ("--exit-code",), 3), (NOTHING, ("--exit-code",), 0)],
    ids=["changes", "changes that are asked for", "none"],
)
def test_the_exit_code_tells_of_changes_where_it_is_asked_to(report: PlanReport, flags: tuple[str, ...], code: int) -> None:
    result = run(report, "plan", "web", *flags)
    assert (result.exit_code, result.stdout) == (code, str(report))


def test_a_plan_is_a_document_for_programs() -> None:
    assert json.loads(run(REPORT, "plan", "web", "-o", "json").stdout) == json.loads(msgspec.json.encode(REPORT))
    assert run(REPORT, "plan", "web", "-o", "yaml").stdout.startswith("of: GitRepo ws/web\ntype: plan\n")


def test_explanations_and_traces_are_told() -> None:
    assert run(Explanations("ws/a", notes=("none yet",)), "explain", "a", "--gitrepo", "web").stdout == "none yet\n"
    membership = Membership("ws/a", group="ws/g", terms=(Term("selector env=prod", False, "the cluster has no label env"),))
    assert run(membership, "explain", "a", "--group", "g").stdout == str(membership)
    trace = Trace("ws/a", "ConfigMap web", origins=(Origin("ws/web", "c/web"),))
    assert run(trace, "trace", "ConfigMap", "web", "--cluster", "a").stdout == str(trace)


@pytest.mark.parametrize(("works", "code"), [(True, 0), (False, 1)])
def test_a_tried_connection_is_told_hop_by_hop(works: bool, code: int) -> None:
    report = ConnectionReport("u", works, (Step("proxy", "failed", "it is down", "start it"),), branches=("main",))
    result = run(report, "test-connection", "https://git.example.org/a.git")
    assert (result.exit_code, result.stdout) == (code, str(report))
    assert "  proxy        failed: it is down (start it)\nbranches: 1: main\n" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan",), "name a GitRepo, or a file with --file"),
        (("plan", "web", "-f", "x.yaml"), "name a GitRepo, or a file with --file"),
        (("explain", "a"), "name a bundle with --bundle, a GitRepo with --gitrepo, or a cluster group with --group"),
        (("trace", "ConfigMap", "web"), "name KIND, NAME and --cluster, or --gitrepo"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], said: str) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and said in result.stderr


def test_a_file_holds_one_object_to_plan(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text("kind: Cluster\n")
    result = CliRunner().invoke(main, ["plan", "-f", str(tmp_path / "x.yaml")])
    assert result.exit_code == 1 and "holds no single GitRepo, HelmOp or ClusterGroup" in result.stderr


def _members(packed: bytes) -> dict[str, str]:
    with tarfile.open(fileobj=io.BytesIO(packed), mode="r:gz") as tar:
        return {one.name: one.linkname or tar.extractfile(one).read().decode() for one in tar}  # type: ignore[union-attr]


def test_a_folder_is_packed_with_its_links_and_without_git(tmp_path: Path) -> None:
    (tmp_path / "web").mkdir()
    (tmp_path / ".git").mkdir()
    (tmp_path / ".git" / "config").write_text("secret")
    (tmp_path / "web" / "a.yaml").write_text("a: b")
    (tmp_path / "web" / "link.yaml").symlink_to("../../etc/passwd")
    assert _members(plan.packed(tmp_path)) == {"web/a.yaml": "a: b", "web/link.yaml": "../../etc/passwd"}


def test_a_working_copy_is_packed_as_git_would_commit_it(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    for name in ("new.yaml", "ignored.yaml"):
        (tmp_path / name).write_text(name)
    (tmp_path / ".gitignore").write_text("ignored.yaml\n")
    assert sorted(_members(plan.packed(tmp_path))) == [".gitignore", "new.yaml"]


def test_a_folder_that_is_too_big_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST", 100)
    (tmp_path / "a").write_bytes(bytes(range(256)) * 10)
    with pytest.raises(Invalid, match="more than 0 MiB when packed"):
        plan.packed(tmp_path)
