"""A real Kubernetes API server with its controllers, on loopback, for as long as a test session."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.integration.kube import front_proxy

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "rancher-cd-tests" / "kube"
TOKEN = "test-admin-token"
SERVICE_TOKEN = "test-service-token"
SERVICE_USER = "continuous-delivery"
"""A user without any rights but those that a test gives it."""
SECONDS = 60.0
CONTROLLERS = ("namespace", "garbage-collector", "deployment", "replicaset", "job", "serviceaccount")


def missing() -> str:
    """What keeps a cluster from being started, with what to do; empty when nothing does."""
    if os.environ.get("TEST_KUBECONFIG"):
        return ""
    if shutil.which("etcd") is None:
        return "etcd is missing: apt-get install etcd-server"
    if not (CACHE / "kube-apiserver").exists() or not (CACHE / "kube-controller-manager").exists():
        return "kube-apiserver is not built: bash tests/integration/kube/build.sh (about 6 minutes, needs Go 1.26)"
    return ""


AUDIT = "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived, ResponseStarted]\nrules: [{level: Metadata}]\n"


@contextmanager
def running(folder: Path, *, audited: bool = False) -> Iterator[Path]:
    """The kubeconfig of a cluster that runs while the context does; `TEST_KUBECONFIG` names one that runs already. An `audited` one is
    always started, and writes each request that it answered into `audit.log`."""
    named = os.environ.get("TEST_KUBECONFIG")
    if named and not audited:
        yield Path(named)
        return
    processes: list[subprocess.Popen[bytes]] = []
    try:
        yield _start(folder, processes, _audit(folder) if audited else ())
    finally:
        for process in reversed(processes):
            process.kill()  # an API server that is asked to end waits for its watchers, and nothing here is to be kept
        for process in processes:
            process.wait()


def _audit(folder: Path) -> Sequence[str]:
    policy = folder / "audit.yaml"
    policy.write_text(AUDIT)
    return (f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}")


def _start(folder: Path, processes: list[subprocess.Popen[bytes]], more: Sequence[str] = ()) -> Path:
    etcd, peer, api, manager = _ports(4)
    _run(processes, folder, "etcd", "etcd", "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync",
         "--listen-client-urls", f"http://127.0.0.1:{etcd}", "--advertise-client-urls", f"http://127.0.0.1:{etcd}",
         "--listen-peer-urls", f"http://127.0.0.1:{peer}", "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
         "--initial-cluster", f"default=http://127.0.0.1:{peer}")  # fmt: skip
    key = folder / "service-account.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens = folder / "tokens.csv"
    tokens.write_text(f'{TOKEN},admin,admin-uid,"system:masters"\n{SERVICE_TOKEN},{SERVICE_USER},service-uid\n')
    certificates = folder / "certificates"
    _run(processes, folder, "kube-apiserver", str(CACHE / "kube-apiserver"),
         f"--etcd-servers=http://127.0.0.1:{etcd}", f"--secure-port={api}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
         f"--cert-dir={certificates}", f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
         "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={tokens}", "--authorization-mode=RBAC",
         "--service-cluster-ip-range=10.0.0.0/24", "--endpoint-reconciler-type=none",
         "--disable-admission-plugins=ServiceAccount", "--enable-aggregator-routing=true", *front_proxy.flags(folder), *more)  # fmt: skip
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text(_kubeconfig(api))
    _wait(processes, folder, f"https://127.0.0.1:{api}/readyz")
    _run(processes, folder, "kube-controller-manager", str(CACHE / "kube-controller-manager"),
         f"--kubeconfig={kubeconfig}", f"--secure-port={manager}", "--bind-address=127.0.0.1", "--leader-elect=false",
         f"--service-account-private-key-file={key}", f"--cert-dir={certificates}",
         f"--controllers={','.join(f'{name}-controller' for name in CONTROLLERS)}")  # fmt: skip
    return kubeconfig


def _kubeconfig(port: int) -> str:
    return f"""apiVersion: v1
kind: Config
clusters:
- name: test
  cluster: {{server: "https://127.0.0.1:{port}", insecure-skip-tls-verify: true}}
users:
- name: admin
  user: {{token: {TOKEN}}}
contexts:
- name: test
  context: {{cluster: test, user: admin}}
current-context: test
"""


def _run(processes: list[subprocess.Popen[bytes]], folder: Path, name: str, *command: str) -> None:
    with (folder / f"{name}.log").open("wb") as log:
        processes.append(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, cwd=folder))


def _wait(processes: list[subprocess.Popen[bytes]], folder: Path, url: str) -> None:
    context = ssl._create_unverified_context()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {TOKEN}"})
        try:
            with urllib.request.urlopen(request, context=context, timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
        ended = [p for p in processes if p.poll() is not None]
        assert not ended, (folder / "kube-apiserver.log").read_text()[-2000:]
    raise AssertionError("the API server did not get ready: " + (folder / "kube-apiserver.log").read_text()[-2000:])


def _ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
