"""Small objects, plans and reports for the store's tests, and a look into its file that is not the store's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from pyroaring import FrozenBitMap

from extension.objects.base import Condition, Key, ObjectMeta
from extension.objects.content import content_id
from extension.objects.kinds import (
    Bundle,
    BundleDeploymentStatus,
    BundleResource,
    BundleSpec,
    Cluster,
    ClusterGroup,
    ClusterGroupSpec,
    GitRepo,
    GitRepoSpec,
    Secret,
)
from extension.objects.options import BundleDeploymentOptions
from extension.objects.plan import NONE, Assignment, Plan, Step, Variant
from extension.objects.selectors import LabelSelector
from extension.objects.status import ResourceCounts
from extension.store.deployments import REPO_NAME
from extension.store.protocol import Query, Report

NS = "team-a"


def repo(name="web", **spec):
    return GitRepo(metadata=ObjectMeta(name=name, namespace=NS), spec=GitRepoSpec(repo="https://git.example.org/web.git", **spec))


def cluster(name, namespace=NS, **labels):
    return Cluster(metadata=ObjectMeta(name=name, namespace=namespace, labels=labels))


def group(name, selector):
    return ClusterGroup(metadata=ObjectMeta(name=name, namespace=NS), spec=ClusterGroupSpec(selector=selector))


def everything():
    return LabelSelector()


def bundle(name="web", content="", repo="", **spec):
    """A Bundle, of a GitRepo if one is named, with one file if there is `content`."""
    resources = (BundleResource(name="a.yaml", content=content),) if content else ()
    labels = {REPO_NAME: repo} if repo else {}
    return Bundle(metadata=ObjectMeta(name=name, namespace=NS, labels=labels), spec=BundleSpec(resources=resources, **spec))


def secret(name="keys", **data):
    return Secret(metadata=ObjectMeta(name=name, namespace=NS), data={k: v.encode() for k, v in data.items()})


def cluster_key(name):
    return Key("Cluster", NS, name)


def variant(store, key, word="v1"):
    """Options, and the deployment ID they make with the Bundle's present content."""
    sha256 = store.find(Bundle, key.namespace, key.name).status.resources_sha256_sum
    return Variant(f"{content_id(sha256)}:{word}", BundleDeploymentOptions(default_namespace=word), word)


def plan(store, key, *assignments):
    """A plan of (variant, cluster ids)."""
    sha256 = store.find(Bundle, key.namespace, key.name).status.resources_sha256_sum
    made = tuple(Assignment(variant, FrozenBitMap(ids)) for variant, ids in assignments)
    return Plan(bundle=key, manifest_id=content_id(sha256), assignments=made)


def step(create=(), stage=(), promote=(), refresh=(), remove=()):
    return Step(*(FrozenBitMap(ids) if ids else NONE for ids in (create, stage, promote, refresh, remove)))


def deploy(store, key, ids, word="v1"):
    """Creates deployments of one variant and makes them live."""
    wanted = variant(store, key, word)
    store.apply(plan(store, key, (wanted, ids)), step(create=ids, promote=ids))
    return wanted


def status(applied="", *, ready=False, non_modified=False, deployed="", reason="", message="", counts=()):
    """What an agent says; `deployed` is the status of that condition, `counts` the resources, ready ones first."""
    conditions = (Condition(type="Deployed", status=deployed, reason=reason, message=message),) if deployed else ()
    return BundleDeploymentStatus(
        applied_deployment_id=applied,
        ready=ready,
        non_modified=non_modified,
        conditions=conditions,
        resource_counts=ResourceCounts(*counts),
    )


def report(store, key, cluster_id, said):
    store.report([Report(store.object_id(key), cluster_id, said)])


def names(page):
    return [item.metadata.name for item in page.items]


def listed(store, cls, **query):
    return names(store.list(cls, Query(**query)))


def rows(path: Path, statement, *values):
    """What another program reads, or writes, in the file."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement, values).fetchall()


def written(path: Path):
    """All bytes of the store on disk, without its key."""
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")) if file.suffix != ".key")
