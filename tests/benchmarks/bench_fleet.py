"""The service before Rancher's own Fleet, over a real API server: CLUSTERS (default 5,000), REPOS (500) and DEPLOYMENTS (20,000).

Told: start of `serve --engine fleet` to ready, what the first page of each list takes (95th percentile, over HTTP, as a user that
Kubernetes judges), what the service holds, and how many requests a second the API server gets of it when nothing changes: those with
the service less those once it ended. Wanted: 10 s, 200 ms, 400 MiB, 20 a second. To fill the API server takes two requests an object.
"""

from __future__ import annotations

import re
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
import urllib3

from extension.delivery.client import Client
from extension.delivery.kubeconfig import read
from tests.benchmarks.common import figure
from tests.benchmarks.fleet import timed
from tests.benchmarks.service import Service, served, waiting
from tests.integration.fleet import kinds, objects
from tests.integration.kube import cluster
from tests.integration.rancher import standin
from tests.integration.rancher.rights import bind
from tests.integration.rancher.standin import User

WORKSPACE = "fleet-default"
ROOT, SECRET = User("u-root"), "secret"
TIMES = 20
REST = 30.0
THREADS = 8
GROUPS = ("fleet.cattle.io", "management.cattle.io", "authorization.k8s.io", "authentication.k8s.io")
LISTS = ("gitrepos", "bundles", "bundledeployments", "clusters")


def sizes() -> tuple[int, int, int]:
    given = [int(word) for word in sys.argv[1:4]]
    clusters = given[0] if given else 5000
    return clusters, *(given[1:2] or [max(1, clusters // 10)]), *(given[2:3] or [clusters * 4])


def documents(clusters: int, repos: int, deployments: int) -> Iterator[dict[str, Any]]:
    """Each bundle on as many clusters as any other, each cluster with as many bundles."""
    for number in range(repos):
        yield objects.gitrepo(WORKSPACE, f"repo-{number:04d}")
        yield objects.bundle(WORKSPACE, f"bundle-{number:04d}", f"repo-{number:04d}", {"web.yaml": "kind: ConfigMap\n" * 50})
    for number in range(clusters):
        yield objects.cluster(WORKSPACE, name(number), {"env": ("dev", "prod")[number % 2], "region": f"r{number % 20}"})
    for number in range(deployments):
        on, turn = number % clusters, number // clusters
        bundle = f"bundle-{(on + turn * max(1, repos // 7)) % repos:04d}"
        yield objects.deployment(WORKSPACE, bundle, name(on), ready=number % 50 != 0)


def name(number: int) -> str:
    return f"cluster-{number:05d}"


def fill(client: Client, found: Iterable[dict[str, Any]]) -> None:
    def put(document: dict[str, Any]) -> None:
        meta = document["metadata"]
        path = objects.place(f"{document['kind'].lower()}s", meta["namespace"])
        client.request("POST", path, document)
        if "status" in document:
            patch = {"status": document["status"]}
            client.request("PATCH", f"{path}/{meta['name']}/status", patch, content_type="application/merge-patch+json")

    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(put, found))


def asked(client: Client) -> int:
    """The requests for what this service asks for that the API server has answered: its own controllers have other business."""
    _, text = client.exchange("GET", "/metrics")
    rows = re.findall(r"^apiserver_request_total\{(.*)\} ([\d.e+]+)$", text.decode(), re.MULTILINE)
    return round(sum(float(count) for labels, count in rows if any(f'group="{group}"' in labels for group in GROUPS)))


def rate(client: Client) -> float:
    """Requests a second."""
    before = asked(client)
    time.sleep(REST)
    return (asked(client) - before) / REST


def p95(work: Callable[[], object]) -> float:
    """In milliseconds; what the first question loads for all later ones is not in it."""
    work()
    return statistics.quantiles([timed(work) * 1000 for _ in range(TIMES)], n=20)[-1]


def measure(service: Service, count: int, detail: dict[str, Any]) -> None:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer token-{ROOT.name}:{SECRET}"

    def first(plural: str) -> None:
        session.get(f"{service.url}/v1/fleet.cattle.io.{plural}?limit=100", timeout=60).raise_for_status()

    for plural in LISTS:
        figure(
            "fleet",
            count,
            p95(lambda plural=plural: first(plural)),
            "ms",
            rss_mib=service.mib(),
            what=f"first page of {plural}, p95",
            **detail,
        )  # type: ignore[misc]


def main() -> None:
    urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    clusters, repos, deployments = sizes()
    detail = {"repos": repos, "deployments": deployments}
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with cluster.running(folder) as kubeconfig:
            client = Client(read(kubeconfig.read_text(), folder=folder))
            kinds.install(client)
            bind(client, "cluster-admin", "User", ROOT.name)
            client.request("POST", objects.WORKSPACES, objects.workspace(WORKSPACE))
            for namespace in (WORKSPACE, *(objects.place_of(WORKSPACE, name(number)) for number in range(clusters))):
                client.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
            taken = timed(lambda: fill(client, documents(clusters, repos, deployments)))
            figure("fleet", clusters, taken, "s", what="to fill the API server", **detail)
            with standin.running(folder, client.server, cluster.TOKEN) as rancher:
                rancher.tokens[f"token-{ROOT.name}:{SECRET}"] = ROOT
                began = time.monotonic()
                flags = ("--rancher-url", rancher.url, "--rancher-ca", str(folder / "rancher-ca.pem"))
                with served(folder, "--engine", "fleet", "--kubeconfig", str(kubeconfig), *flags) as service:
                    for _ in waiting("the service to be ready", 600):
                        if requests.get(f"{service.url}/readyz", timeout=60).ok:
                            break
                    figure("fleet", clusters, time.monotonic() - began, "s", rss_mib=service.mib(), what="start to ready", **detail)
                    measure(service, clusters, detail)
                    together, held = rate(client), service.mib()
                figure("fleet", clusters, together - rate(client), "requests/s", rss_mib=held, what="to the API server at rest", **detail)


if __name__ == "__main__":
    main()
