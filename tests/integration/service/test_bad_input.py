"""Whatever is wrong with one GitRepo is said on that GitRepo, in words that lead to its end, and the others go on.

All the broken repositories live in one service side by side with a good one.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.integration.service.running import Service, start, wait_for
from tests.integration.sources.servers import silent_server

pytestmark = pytest.mark.xdist_group("bad-input")

CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: {name}\ndata:\n  key: value\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join([f'*{old}'] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
CHART = {"Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n"}
REDIS = "dependencies:\n- name: redis\n  version: 1.2.3\n  repository: https://127.0.0.1:9/charts\n"


def files(written: Mapping[str, str | bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, data in written.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data.encode() if isinstance(data, str) else data)

    return write


def symlink(folder: Path) -> None:
    files({"a.yaml": CONFIG_MAP.format(name="a")})(folder)
    (folder / "outside.yaml").symlink_to("../../../../etc/passwd")


def many_files(folder: Path) -> None:
    for number in range(100):
        part = folder / f"part-{number}"
        part.mkdir()
        for file in range(1000):
            (part / f"{file}.yaml").touch()


@dataclass
class Case:
    """What is written into the repository, what the GitRepo says besides, and the words its message must hold."""

    make: Callable[[Path], None]
    words: tuple[str, ...]
    spec: dict[str, Any] = field(default_factory=dict)


GOOD = files({"a.yaml": CONFIG_MAP.format(name="a")})
CASES = {
    "unknown-branch": Case(GOOD, ("no-such-branch", "branch"), {"branch": "no-such-branch"}),
    "unknown-path": Case(GOOD, ("no/such/path",), {"paths": ["no/such/path"]}),
    "unknown-repository": Case(GOOD, ("nothing-here",), {"repo": "file:///nothing-here"}),
    "refused": Case(GOOD, ("127.0.0.1:9",), {"repo": "http://127.0.0.1:9/x.git"}),
    "invalid-yaml": Case(files({"fleet.yaml": "namespace: [x\nhelm: 1\n"}), ("fleet.yaml", "line 2")),
    "invalid-manifest": Case(files({"bad.yaml": "kind: ConfigMap\nmetadata: {name: [\n"}), ("bad.yaml",)),
    "unknown-field": Case(files({"fleet.yaml": "namespacee: x\n", "a.yaml": ""}), ("fleet.yaml", "namespacee")),
    "wrong-type": Case(files({"fleet.yaml": "helm:\n  timeoutSeconds: soon\n"}), ("fleet.yaml", "timeoutSeconds")),
    "broken-template": Case(files({**CHART, "templates/a.yaml": "a: {{ .Values.missing.deep }}\n"}), ("templates/a.yaml", "nil pointer")),
    "missing-dependency": Case(
        files({"Chart.yaml": CHART["Chart.yaml"] + REDIS, "templates/a.yaml": ""}), ("web", "redis", "helm dependency update")
    ),
    "symlink-out": Case(symlink, ("outside.yaml",)),
    "big-file": Case(files({"big.yaml": b"#" * (50 << 20)}), ("big.yaml", "MiB")),
    "many-files": Case(many_files, ("50000 files",)),
    "alias-bomb": Case(files({"fleet.yaml": BOMB}), ("fleet.yaml", "alias")),
    "alias-bomb-values": Case(files({**CHART, "values.yaml": BOMB, "templates/a.yaml": ""}), ("values.yaml", "alias")),
    "same-name": Case(files({f"{n}/fleet.yaml": "name: twice\n" for n in "ab"} | {f"{n}/c.yaml": "" for n in "ab"}), ("twice",)),
    "no-target": Case(GOOD, ("no cluster",), {"targets": [{"clusterSelector": {"matchLabels": {"no": "such"}}}]}),
}


def repository(root: Path, make: Callable[[Path], None]) -> str:
    root.mkdir(parents=True)
    make(root)
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    for words in (("init", "-q", "-b", "main"), ("add", "."), (*name, "commit", "-qm", "a")):
        subprocess.run(["git", *words], cwd=root, check=True)
    return f"file://{root}"


def gitrepo(name: str, **spec: Any) -> dict[str, Any]:
    every = {"targets": [{"clusterSelector": {}}], "branch": "main"}
    return {"metadata": {"name": name, "namespace": "fleet-local"}, "spec": {**every, **spec}}


def create(service: Service, noun: str, body: dict[str, Any]) -> None:
    made = service.call("POST", f"/v1/{noun}", json=body)
    assert made.status_code == 201, made.text


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("bad")
    arguments = ("--polling-interval", "1", "--drift-interval", "1", "--allow-file-repos")
    running = start(folder / "state", *arguments, RANCHER_CD_GIT_CLIENT_TIMEOUT="3")
    try:
        with silent_server() as port:
            create(running, "fleet.cattle.io.gitrepos", gitrepo("hangs", repo=f"http://127.0.0.1:{port}/x.git"))
            for name, case in CASES.items():
                spec = {"repo": repository(folder / "repos" / name, case.make), **case.spec}
                create(running, "fleet.cattle.io.gitrepos", gitrepo(name, **spec))
            create(running, "fleet.cattle.io.gitrepos", gitrepo("good", repo=repository(folder / "repos" / "good", GOOD)))
            yield running
    finally:
        running.stop()
    assert "Traceback" not in running.log.read_text(), running.log.read_text()


def said(service: Service, name: str) -> str:
    """All that the GitRepo and its conditions say."""
    found = service.repo("fleet-local", name)
    conditions = found.get("status", {}).get("conditions") or []
    return " ".join([found["metadata"]["state"].get("message", ""), *(c.get("message", "") for c in conditions)])


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_said_on_the_gitrepo(service: Service, name: str) -> None:
    words = CASES[name].words
    wait_for(lambda: all(word in said(service, name) for word in words), f"{words} in {said(service, name)!r}")


def test_a_repository_that_hangs_is_given_up_and_says_after_how_long(service: Service) -> None:
    wait_for(lambda: "3 s" in said(service, "hangs"), said(service, "hangs"))


def test_the_good_one_goes_on_all_the_while(service: Service) -> None:
    wait_for(lambda: service.repo("fleet-local", "good")["status"]["display"].get("readyBundleDeployments") == "1/1", "1/1")
    root = Path(service.repo("fleet-local", "good")["spec"]["repo"].removeprefix("file://"))
    files({"b.yaml": CONFIG_MAP.format(name="b")})(root)
    subprocess.run(["git", "add", "."], cwd=root, check=True)
    subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "b"], cwd=root, check=True)
    wait_for(lambda: list(service.deployed("fleet-local").rglob("configmap_b.yaml")), "the commit")


def test_an_unreachable_cluster_says_so_and_its_neighbour_is_deployed(service: Service) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    config = {
        "apiVersion": "v1", "kind": "Config", "current-context": "c", "users": [{"name": "u", "user": {"token": "hunter2-kube"}}],
        "clusters": [{"name": "c", "cluster": {"server": f"https://127.0.0.1:{port}"}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    }  # fmt: skip
    secret = {"metadata": {"name": "far", "namespace": "fleet-default"}, "stringData": {"value": json.dumps(config)}}
    create(service, "secrets", secret)
    far = {"metadata": {"name": "far", "namespace": "fleet-default"}, "spec": {"kubeConfigSecret": "far"}}
    near_by = {"continuous-delivery.cattle.io/directory": "true"}
    near = {"metadata": {"name": "near", "namespace": "fleet-default", "annotations": near_by}}
    create(service, "fleet.cattle.io.clusters", far)
    create(service, "fleet.cattle.io.clusters", near)
    good = service.repo("fleet-local", "good")["spec"]["repo"]
    both = gitrepo("both", repo=good)
    both["metadata"]["namespace"] = "fleet-default"
    create(service, "fleet.cattle.io.gitrepos", both)
    wait_for(lambda: list(service.deployed("fleet-default", "near").rglob("configmap_a.yaml")), "the neighbour")

    def cluster_says() -> str:
        found = service.get("/v1/fleet.cattle.io.clusters/fleet-default/far")
        return " ".join(c.get("message", "") for c in found["status"].get("conditions") or [])

    wait_for(lambda: f"127.0.0.1:{port}" in cluster_says(), "the address")
    assert "hunter2-kube" not in cluster_says() + service.log.read_text()


def test_a_name_too_long_is_refused_by_field_and_limit(service: Service) -> None:
    refused = service.call("POST", "/v1/fleet.cattle.io.gitrepos", json=gitrepo("n" * 254, repo="https://example.org/x.git"))
    assert refused.status_code == 422
    body = refused.json()
    assert body["type"] == "error" and body["fieldName"] == "metadata.name" and "63" in body["message"], body
