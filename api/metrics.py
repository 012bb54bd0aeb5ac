"""`/metrics`: Fleet's series (`fleet-semantics.md` 7) from the counters the store keeps, and the API's own.

Nothing is kept between scrapes: an object that is gone has no series. A kind with more than MAX_OBJECTS objects would
drown the server that scrapes; its series are left out and `rancher_cd_metrics_omitted_objects` says so. Names and counts
only, no secret: open to this machine, as a Kubernetes component's are; anybody else needs a token of all workspaces.
"""

from __future__ import annotations

import ipaddress
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Flask, Response, current_app, g, request
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from api.auth import authenticate, caller
from api.openapi import Routes
from extension.objects.base import Object
from extension.objects.errors import Forbidden
from extension.objects.kinds import Bundle, Cluster, ClusterGroup, GitRepo, HelmOp
from extension.objects.options import HelmOptions
from extension.objects.states import State
from extension.objects.status import ResourceCounts
from extension.sources.remote import redact
from extension.store.protocol import Query, Store

blueprint = Routes("metrics", __name__, description="Prometheus metrics.")

MAX_OBJECTS = 5000
PAGE = 500
REGISTRY = "continuous-delivery-metrics"
BUNDLE_STATES = tuple(state.name for state in State)
CLUSTER_STATES = ("NotReady", "Ready", "WaitCheckIn")

Values = Callable[[Any], Mapping[str, int]]


@dataclass(frozen=True)
class Series:
    """The gauges of a kind: `values` by the end of their name, and one per possible state."""

    cls: type[Object]
    prefix: str
    labels: Callable[[Any], dict[str, str]]
    values: Values
    states: tuple[str, ...] = ()


def _place(obj: Object) -> dict[str, str]:
    return {"name": obj.metadata.name, "namespace": obj.metadata.namespace}


def _state(obj: Any) -> str:
    return obj.status.display.state or "Ready"


def _counts(counts: ResourceCounts, prefix: str, separator: str) -> dict[str, int]:
    """The resource counts under Fleet's names, which join the words of each kind in their own way."""
    return {f"{prefix}{name.replace('_', separator)}": getattr(counts, name) for name in counts.__struct_fields__}


def _repo_labels(repo: GitRepo) -> dict[str, str]:
    return _place(repo) | {"repo": redact(repo.spec.repo), "branch": repo.spec.branch, "paths": ",".join(repo.spec.paths)}


def _chart_labels(op: HelmOp) -> dict[str, str]:
    helm = op.spec.helm or HelmOptions()
    return _place(op) | {"repo": redact(helm.repo), "chart": redact(helm.chart), "version": op.status.version}


def _application_values(made: GitRepo | HelmOp) -> dict[str, int]:
    status = made.status
    clusters = {"ready_clusters": status.ready_clusters, "desired_ready_clusters": status.desired_ready_clusters}
    return _counts(status.resource_counts, "resources_", "_") | clusters


def _bundle_labels(bundle: Bundle) -> dict[str, str]:
    labels = bundle.metadata.labels
    own = {"commit": labels.get("fleet.cattle.io/commit", ""), "repo": labels.get("fleet.cattle.io/repo-name", "")}
    return _place(bundle) | own | {"generation": str(bundle.metadata.generation), "state": _state(bundle)}


def _bundle_values(bundle: Bundle) -> dict[str, int]:
    summary = bundle.status.summary
    return {name: getattr(summary, name) for name in summary.__struct_fields__ if name != "non_ready_resources"}


def _cluster_labels(cluster: Cluster) -> dict[str, str]:
    shown = cluster.metadata.labels.get("management.cattle.io/cluster-display-name", "")
    return _place(cluster) | {"cluster_display_name": shown, "generation": str(cluster.metadata.generation), "state": _state(cluster)}


def _cluster_values(cluster: Cluster) -> dict[str, int]:
    status = cluster.status
    repos = {"ready_git_repos": status.ready_git_repos, "desired_ready_git_repos": status.desired_ready_git_repos}
    charts = {"ready_helm_ops": status.ready_helm_ops, "desired_ready_helm_ops": status.desired_ready_helm_ops}
    return _counts(status.resource_counts, "resources_count_", "") | repos | charts


def _group_labels(group: ClusterGroup) -> dict[str, str]:
    return _place(group) | {"generation": str(group.metadata.generation), "state": _state(group)}


def _group_values(group: ClusterGroup) -> dict[str, int]:
    status = group.status
    clusters = {"cluster_count": status.cluster_count, "non_ready_cluster_count": status.non_ready_cluster_count}
    bundles = {"bundle_desired_ready": status.summary.desired_ready, "bundle_ready": status.summary.ready}
    counts = _counts(status.resource_counts, "resource_count_", "")
    counts["resource_count_desired_ready"] = counts.pop("resource_count_desiredready")
    return counts | clusters | bundles


SERIES = (
    Series(GitRepo, "fleet_gitrepo", _repo_labels, _application_values),
    Series(HelmOp, "fleet_helmop", _chart_labels, _application_values),
    Series(Bundle, "fleet_bundle", _bundle_labels, _bundle_values, BUNDLE_STATES),
    Series(Cluster, "fleet_cluster", _cluster_labels, _cluster_values, CLUSTER_STATES),
    Series(ClusterGroup, "fleet_cluster_group", _group_labels, _group_values, CLUSTER_STATES[:2]),
)


class Objects(Collector):
    """Reads the objects when it is asked; registers without reading. Kinds with more than `most` objects have no series."""

    def __init__(self, store: Store, most: int = MAX_OBJECTS) -> None:
        self._store = store
        self._most = most

    def describe(self) -> Iterable[Metric]:
        return ()

    def collect(self) -> Iterator[Metric]:
        omitted = GaugeMetricFamily("rancher_cd_metrics_omitted_objects", "Objects of a kind that is too large for series", labels=["kind"])
        for series in SERIES:
            count = self._store.list(series.cls, Query(limit=1)).count
            left_out = count > self._most
            omitted.add_metric([series.cls.KIND], count if left_out else 0)
            if not left_out:
                yield from _families(series, self._objects(series.cls))
        yield omitted

    def _objects(self, cls: type[Object]) -> Iterator[Any]:
        query = Query(limit=PAGE)
        while True:
            page = self._store.list(cls, query)
            yield from page.items
            if not page.next:
                return
            query = msgspec.structs.replace(query, after=page.next)


def _families(series: Series, objects: Iterable[Any]) -> Iterator[Metric]:
    families: dict[str, GaugeMetricFamily] = {}
    for obj in objects:
        labels = series.labels(obj)
        for name, value in series.values(obj).items():
            _family(families, f"{series.prefix}_{name}", labels).add_metric(list(labels.values()), value)
        for state in series.states:
            family = _family(families, f"{series.prefix}_state", labels)
            family.add_metric(list((labels | {"state": state}).values()), float(state == _state(obj)))
    yield from families.values()


def _family(families: dict[str, GaugeMetricFamily], name: str, labels: Mapping[str, str]) -> GaugeMetricFamily:
    if name not in families:
        families[name] = GaugeMetricFamily(name, name.replace("_", " "), labels=list(labels))
    return families[name]


def register(app: Flask, store: Store) -> Callable[[str, str, int, float], None]:
    """Counts the requests of `app`, and makes its registry; gives what counts one that `app` does not see (method, route, status,
    seconds)."""
    registry = CollectorRegistry()
    registry.register(Objects(store))
    # Of several processes any may be asked: then each writes its numbers to a file, and whoever is asked adds them up.
    several = "PROMETHEUS_MULTIPROC_DIR" in os.environ
    if several:
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    own = None if several else registry
    requests = Counter("rancher_cd_http_requests", "Requests served", ["method", "route", "status"], registry=own)
    seconds = Histogram("rancher_cd_http_request_duration_seconds", "Time to the answer", ["method", "route"], registry=own)
    app.extensions[REGISTRY] = registry

    def start() -> None:
        g.started = time.perf_counter()

    def finish(response: Response) -> Response:
        route = request.url_rule.rule if request.url_rule else "none"
        method = request.method if request.url_rule else "none"
        count(method, route, response.status_code, time.perf_counter() - g.started)
        return response

    def count(method: str, route: str, status: int, taken: float) -> None:
        requests.labels(method, route, status).inc()
        seconds.labels(method, route).observe(taken)

    app.before_request(start)
    app.after_request(finish)
    return count


@blueprint.at("/metrics")
@blueprint.told(200, {"type": "string"}, "Prometheus metrics; a token is needed from afar", "metrics", "text/plain")
def metrics() -> Response:
    if not _local():
        authenticate()
        if not caller().may_measure():
            raise Forbidden("you may not read the metrics", hint="it needs a role in all workspaces")
    return Response(generate_latest(current_app.extensions[REGISTRY]), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _local() -> bool:
    """Whether the request comes from this machine and through no proxy, behind which anybody may be."""
    forwarded = any(name in request.headers for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"))
    try:
        return not forwarded and ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
