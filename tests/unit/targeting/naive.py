"""Targeting as Fleet does it: cluster by cluster, entry by entry, group by group (fleet-semantics.md 2.7, 3.3)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from typing import Any

from extension.objects import yaml
from extension.objects.codec import canonical
from extension.objects.errors import Invalid
from extension.objects.kinds import Bundle, BundleNamespaceMapping, Cluster, ClusterGroup
from extension.targeting.goyaml import text_of
from tests.unit.targeting import restated
from tests.unit.targeting.restated import JSON, as_json
from tests.unit.targeting.worlds import Substituting

PREFIX = "global.fleet.clusterLabels."
Group = tuple[str, dict[str, str]]


class World:
    def __init__(
        self,
        clusters: Sequence[Cluster],
        groups: Sequence[ClusterGroup] = (),
        mappings: Sequence[BundleNamespaceMapping] = (),
        namespaces: dict[str, dict[str, str]] | None = None,
    ) -> None:
        self.clusters, self.groups, self.mappings, self.namespaces = clusters, groups, mappings, namespaces or {}

    def searched(self, bundle: Bundle) -> set[str]:
        found = {bundle.metadata.namespace}
        for mapping in (as_json(m) for m in self.mappings):
            own = mapping["metadata"]["namespace"] == bundle.metadata.namespace
            if (
                own
                and "bundleSelector" in mapping
                and "namespaceSelector" in mapping
                and _selects(mapping["bundleSelector"], bundle.metadata.labels)
            ):
                found |= {name for name, labels in self.namespaces.items() if _selects(mapping["namespaceSelector"], labels)}
        return found

    def groups_of(self, cluster: Cluster) -> list[Group]:
        return [
            (group.metadata.name, group.metadata.labels)
            for group in self.groups
            if group.metadata.namespace == cluster.metadata.namespace
            and group.spec.selector is not None
            and _selects(as_json(group.spec.selector), cluster.metadata.labels)
        ]


def targets(bundle: Bundle, world: World) -> dict[str, JSON | str]:
    """What each targeted cluster gets (`options` and `id`), or why it gets nothing, by `namespace/name`."""
    found: dict[str, JSON | str] = {}
    for cluster in world.clusters:
        if cluster.metadata.namespace not in world.searched(bundle):
            continue
        options = _chosen(as_json(bundle.spec), cluster, world.groups_of(cluster))
        if options is not None:
            found[f"{cluster.metadata.namespace}/{cluster.metadata.name}"] = _deployed(as_json(bundle.spec), options, cluster)
    return found


def _chosen(spec: JSON, cluster: Cluster, groups: list[Group]) -> JSON | None:
    """The options of the target that takes the cluster, customized; None when none does."""
    entries, restrictions = spec.get("targets", []), spec.get("targetRestrictions", [])
    split = max(len(entries) - len(restrictions), 0) if restrictions else 0
    selected = None
    for entry in entries[split:]:
        if any(_holds(entry, cluster, group) and _allowed(restrictions, cluster, group) for group in groups or [("", {})]):
            selected = entry
            break
    if selected is None or selected.get("doNotDeploy"):
        return None
    matching = [entry for entry in entries[:split] if any(_holds(entry, cluster, group) for group in groups or [("", {})])]
    if spec.get("targetCustomizationMode") != "AllMatches":
        matching = matching[:1]
    if any(entry.get("doNotDeploy") for entry in matching):
        return None
    options = _own(selected)
    for entry in matching:
        options = restated.merge(options, _own(entry)) if spec.get("targetCustomizationMode") == "AllMatches" else _own(entry)
    return options


def _own(entry: JSON) -> JSON:
    return {field: value for field, value in entry.items() if field in restated.OPTIONS}


def _allowed(restrictions: list[JSON], cluster: Cluster, group: Group) -> bool:
    return not restrictions or any(_holds(restriction, cluster, group) for restriction in restrictions)


def _holds(entry: JSON, cluster: Cluster, group: Group) -> bool:
    labels = cluster.metadata.labels
    tests = []
    if entry.get("clusterName"):
        tests.append(entry["clusterName"] in (cluster.metadata.name, labels.get("management.cattle.io/cluster-display-name")))
    if entry.get("clusterGroup"):
        tests.append(entry["clusterGroup"] == group[0])
    if "clusterGroupSelector" in entry:
        tests.append(_selects(entry["clusterGroupSelector"], group[1]))
    if "clusterSelector" in entry:
        tests.append(_selects(entry["clusterSelector"], labels))
    return bool(tests) and all(tests)


def _selects(selector: JSON, labels: dict[str, str]) -> bool:
    for key, value in selector.get("matchLabels", {}).items():
        if labels.get(key) != value:
            return False
    return all(_expression(expression, labels) for expression in selector.get("matchExpressions", []))


def _expression(expression: JSON, labels: dict[str, str]) -> bool:
    key, operator = expression["key"], expression["operator"]
    if operator == "In":
        return key in labels and labels[key] in expression["values"]
    if operator == "NotIn":
        return key not in labels or labels[key] not in expression["values"]
    return (key in labels) is (operator == "Exists")


def _deployed(spec: JSON, options: JSON, cluster: Cluster) -> JSON | str:
    merged = restated.merge(_own(spec), options)
    try:
        templated = _templated(merged, cluster)
    except Invalid as error:
        return error.message
    counted = {field: templated[field] for field in restated.OPTIONS if field in templated and field not in ("diff", "correctDrift")}
    digest = hashlib.sha256(canonical(_in_order(counted)) + b"\n").hexdigest()
    leaked: dict[str, JSON] = {"namespaceLabels": {}, "namespaceAnnotations": {}}
    for field in leaked:
        leaked[field] = {**templated.get(field, {}), **{k: v for entry in spec.get("targets", []) for k, v in entry.get(field, {}).items()}}
    return {"options": {**templated, **{field: value for field, value in leaked.items() if value}}, "id": f"s-1:{digest}"}


def _in_order(options: JSON) -> Any:
    from extension.objects.codec import decode
    from extension.objects.options import BundleDeploymentOptions

    return decode(BundleDeploymentOptions, options)


def _templated(options: JSON, cluster: Cluster) -> JSON:
    seen = {key: value for key, value in cluster.metadata.labels.items() if _is_seen(key)}
    if not seen:
        return options
    if "helm" not in options:
        return {**options, "helm": {}}
    helm = options["helm"]
    values = _labelled(json.loads(json.dumps(helm.get("values") or {})), seen)
    if not helm.get("disablePreProcess"):
        context = {
            "ClusterName": cluster.metadata.name,
            "ClusterNamespace": cluster.metadata.namespace,
            "ClusterLabels": seen,
            "ClusterAnnotations": {key: value for key, value in cluster.metadata.annotations.items() if "cattle.io/" not in key},
            "ClusterValues": cluster.spec.template_values,
        }
        values = _evaluated(text_of(values), context) or {}
        for key, text in helm.get("templateValues", {}).items():
            values[key] = _evaluated(text, context)
    return {**options, "helm": {**helm, "values": values}}


def _is_seen(key: str) -> bool:
    return "cattle.io/" not in key or key.startswith(("fleet.cattle.io/", "management.cattle.io/"))


def _evaluated(text: str, context: JSON) -> Any:
    try:
        return yaml.load(Substituting().evaluate(text, context))
    except Invalid as error:
        raise Invalid(f"failed to render helm values template: {error.message}") from None


def _labelled(value: Any, labels: dict[str, str]) -> Any:
    if isinstance(value, str) and value.startswith(PREFIX):
        return labels.get(value.removeprefix(PREFIX), "")
    if isinstance(value, dict):
        return {key: _labelled(inner, labels) for key, inner in value.items()}
    return list(_items(value, labels)) if isinstance(value, list) else value


def _items(items: list[Any], labels: dict[str, str]) -> Iterator[Any]:
    for item in items:
        yield _labelled(item, labels) if isinstance(item, dict) else item
