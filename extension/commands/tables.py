"""What `get` shows of each kind: Fleet's printer columns (`fleet-semantics.md` 1.19), and ages as people say them."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

Row = dict[str, Any]
Cell = Callable[[Row], str]


class Kind(msgspec.Struct, frozen=True):
    """A kind as the CLI knows it: its resource in `/v1`, the names people call it by (singular and plural first), its columns
    besides name and age. What is not `made` by people is computed by the engine and has no age."""

    plural: str
    names: tuple[str, ...]
    columns: tuple[tuple[str, Cell], ...] = ()
    namespaced: bool = True
    made: bool = True


def at(row: Row, path: str, default: str = "") -> str:
    """The text at a dotted path of an object."""
    found: Any = row
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return default if found is None else str(found)


def column(path: str) -> Cell:
    return lambda row: at(row, path)


def _state(row: Row) -> str:
    return at(row, "metadata.state.name")


def _message(row: Row) -> str:
    return at(row, "metadata.state.message")


def age(row: Row, path: str = "metadata.creationTimestamp") -> str:
    """How long ago, in the largest unit: `5s`, `3m`, `2h`, `4d`."""
    text = at(row, path)
    if not text:
        return ""
    seconds = int((datetime.now(UTC) - datetime.fromisoformat(text.replace("Z", "+00:00"))).total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{max(0, seconds)}s"


def _texts(path: str) -> Cell:
    """A list of texts, joined by commas."""

    def cell(row: Row) -> str:
        found: Any = row
        for step in path.split("."):
            found = found.get(step) if isinstance(found, dict) else None
        return ",".join(map(str, found)) if isinstance(found, list) else ""

    return cell


def _flag(path: str) -> Cell:
    """A switch; the API leaves out one that is off."""
    return lambda row: at(row, path, "False").lower()


_STATUS = (("STATE", _state), ("MESSAGE", _message))
KINDS: tuple[Kind, ...] = (
    Kind(
        "fleet.cattle.io.gitrepos",
        ("gitrepo", "gitrepos", "gr"),
        (
            ("REPO", column("spec.repo")),
            ("COMMIT", lambda row: at(row, "status.commit")[:7]),
            ("BUNDLEDEPLOYMENTS-READY", column("status.display.readyBundleDeployments")),
            *_STATUS,
        ),
    ),
    Kind(
        "fleet.cattle.io.helmops",
        ("helmop", "helmops", "ho"),
        (
            ("REPO", column("spec.helm.repo")),
            ("CHART", column("spec.helm.chart")),
            ("VERSION", column("status.version")),
            ("BUNDLEDEPLOYMENTS-READY", column("status.display.readyBundleDeployments")),
            *_STATUS,
        ),
    ),
    Kind(
        "fleet.cattle.io.bundles",
        ("bundle", "bundles"),
        (("BUNDLEDEPLOYMENTS-READY", column("status.display.readyClusters")), *_STATUS),
    ),
    Kind(
        "fleet.cattle.io.bundledeployments",
        ("bundledeployment", "bundledeployments", "bd"),
        (
            ("CLUSTER", lambda row: str((row["metadata"].get("labels") or {}).get("fleet.cattle.io/cluster", ""))),
            ("DEPLOYED", column("status.display.deployed")),
            ("MONITORED", column("status.display.monitored")),
            ("STATE", column("status.display.state")),
        ),
        made=False,
    ),
    Kind(
        "fleet.cattle.io.clusters",
        ("cluster", "clusters"),
        (
            ("BUNDLES-READY", column("status.display.readyBundles")),
            ("LAST-SEEN", lambda row: age(row, "status.agent.lastSeen")),
            *_STATUS,
        ),
    ),
    Kind(
        "fleet.cattle.io.clustergroups",
        ("clustergroup", "clustergroups", "cg"),
        (
            ("CLUSTERS-READY", column("status.display.readyClusters")),
            ("BUNDLES-READY", column("status.display.readyBundles")),
            *_STATUS,
        ),
    ),
    Kind(
        "fleet.cattle.io.clusterregistrationtokens",
        ("clusterregistrationtoken", "clusterregistrationtokens", "crt"),
        (("SECRET-NAME", column("status.secretName")),),
    ),
    Kind(
        "fleet.cattle.io.imagescans",
        ("imagescan", "imagescans"),
        (("REPOSITORY", column("spec.image")), ("LATEST", column("status.latestTag"))),
    ),
    Kind(
        "fleet.cattle.io.schedules",
        ("schedule", "schedules"),
        (
            ("SCHEDULE", column("spec.schedule")),
            ("DURATION", column("spec.duration")),
            ("ACTIVE", _flag("status.active")),
            ("NEXTSTART", column("status.nextStartTime")),
            *_STATUS,
        ),
    ),
    Kind(
        "fleet.cattle.io.gitreporestrictions",
        ("gitreporestriction", "gitreporestrictions", "grr"),
        (
            ("DEFAULT-SERVICEACCOUNT", column("defaultServiceAccount")),
            ("ALLOWED-SERVICEACCOUNTS", _texts("allowedServiceAccounts")),
        ),
    ),
    Kind("fleet.cattle.io.policies", ("policy", "policies")),
    Kind("fleet.cattle.io.bundlenamespacemappings", ("bundlenamespacemapping", "bundlenamespacemappings", "bnm")),
    Kind("management.cattle.io.fleetworkspaces", ("fleetworkspace", "fleetworkspaces", "workspace", "workspaces"), namespaced=False),
    Kind(
        "errorgroups",
        ("error", "errors"),
        (
            ("CLUSTERS", column("clusters")),
            ("BUNDLES", _texts("bundles")),
            ("STATE", _state),
            ("SINCE", lambda row: age(row, "since")),
            ("MESSAGE", _message),
        ),
        made=False,
    ),
    Kind("secrets", ("secret", "secrets"), (("TYPE", column("_type")),)),
    Kind("configmaps", ("configmap", "configmaps", "cm")),
)


def kind(name: str) -> Kind | None:
    return next((one for one in KINDS if name.lower() in one.names or name == one.plural), None)


def table(of: Kind, rows: Iterable[Row], *, workspaces: bool) -> str:
    """The objects as aligned columns; `workspaces` adds the column of their workspace."""
    named: list[tuple[str, Cell]] = [("WORKSPACE", column("metadata.namespace"))] if workspaces and of.namespaced else []
    named += [("NAME", column("metadata.name")), *of.columns, *([("AGE", age)] if of.made else [])]
    return aligned([[title for title, _ in named], *([cell(row) for _, cell in named] for row in rows)])


def none(of: Kind, workspace: str, *, everywhere: bool = False, selector: str = "") -> str:
    """What is said of an empty list."""
    place = "" if not of.namespaced else " in any workspace" if everywhere else f" in workspace {workspace}"
    return f"no {of.names[1]}{place}" + (f" with {selector}" if selector else "")


def aligned(lines: Iterable[Iterable[str]]) -> str:
    """Lines of cells in columns as wide as a terminal shows their widest cell."""
    cells = [[one_line(cell) for cell in line] for line in lines]
    widths = [max(map(_width, column)) for column in zip(*cells, strict=True)]
    padded = ([cell + " " * (width - _width(cell)) for cell, width in zip(line, widths, strict=True)] for line in cells)
    return "".join("   ".join(line).rstrip() + "\n" for line in padded)


def one_line(text: str) -> str:
    """The text without what moves a terminal's cursor: messages come from repositories and clusters."""
    return "".join(c if c.isprintable() else " " for c in text)


def _width(text: str) -> int:
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
