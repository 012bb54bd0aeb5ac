"""Helm values of one cluster: labels filled in, `${ }` evaluated (`fleet-semantics.md` 2.7).

The quirks are Fleet's: a text directly in a list is never replaced by a label, `disablePreProcess` stops templates but
not the label texts, and the values are evaluated as one YAML document, so a result can change its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from extension.objects import yaml
from extension.objects.errors import Invalid
from extension.objects.marks import exported as is_exported
from extension.objects.marks import visible
from extension.objects.options import HelmOptions
from extension.targeting.goyaml import text_of
from extension.targeting.reads import LABEL_PREFIX, LEFT, Reads, prefix_reads, template_reads
from extension.targeting.universe import Inputs

MAX_DEPTH = 50


class Templates(Protocol):
    """Evaluates `${ }` texts; `rendering.gotemplate.GoTemplates` does it with Go's own engine."""

    def evaluate(self, text: str, context: Mapping[str, Any]) -> str:
        """`text` with its actions replaced. Raises Invalid naming the line and the cause, also for a missing key."""


def exported(entries: Mapping[str, str]) -> dict[str, str]:
    """Labels or annotations without Kubernetes' and Rancher's own."""
    return {key: value for key, value in entries.items() if is_exported(key)}


def reads(helm: HelmOptions) -> Reads:
    """What `fill` reads of a cluster for these options."""
    found = prefix_reads(helm.values)
    if helm.disable_pre_process:
        return found
    for text in (_source(helm.values or {}), *helm.template_values.values()):
        found |= template_reads(text)
    return found


def fill(helm: HelmOptions, cluster: Inputs, templates: Templates) -> HelmOptions:
    """`helm` with the values of this cluster. Raises Invalid when a template fails or its result is no map."""
    labels = {key: value for key, value in cluster.labels.items() if visible(key)}
    values = _labelled(helm.values or {}, labels, 0)
    if not helm.disable_pre_process:
        context = {
            "ClusterNamespace": cluster.namespace,
            "ClusterName": cluster.name,
            "ClusterLabels": labels,
            "ClusterAnnotations": exported(cluster.annotations),
            "ClusterValues": cluster.template_values,
        }
        values = _evaluated(values, context, templates)
        values |= {key: _parsed(_rendered(text, context, templates)) for key, text in helm.template_values.items()}
    return msgspec.structs.replace(helm, values=values)


def _labelled(values: Mapping[str, Any], labels: Mapping[str, str], depth: int) -> dict[str, Any]:
    if depth > MAX_DEPTH:
        raise Invalid(
            f"maximum recursion depth of {MAX_DEPTH} exceeded for cluster label prefix processing, too many nested values",
            field="helm.values",
        )
    return {key: _labelled_value(value, labels, depth) for key, value in values.items()}


def _labelled_value(value: Any, labels: Mapping[str, str], depth: int) -> Any:
    if isinstance(value, str) and value.startswith(LABEL_PREFIX):
        return labels.get(value.removeprefix(LABEL_PREFIX), "")
    if isinstance(value, dict):
        return _labelled(value, labels, depth + 1)
    if isinstance(value, list):
        return [_labelled(item, labels, depth + 1) if isinstance(item, dict) else item for item in value]
    return value


def _source(values: dict[str, Any]) -> str:
    """The document that is evaluated for `values`, empty when nothing in them is a template."""
    return text_of(values) if _has_action(values) else ""


def _has_action(value: Any) -> bool:
    if isinstance(value, str):
        return LEFT in value
    if isinstance(value, dict):
        return any(LEFT in key or _has_action(child) for key, child in value.items())
    return isinstance(value, list) and any(_has_action(item) for item in value)


def _evaluated(values: dict[str, Any], context: Mapping[str, Any], templates: Templates) -> dict[str, Any]:
    source = _source(values)
    if not source:
        return values
    found = _parsed(_rendered(source, context, templates))
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise Invalid("failed to interpret rendered template as helm values: it is no map", field="helm.values")
    return found


def _rendered(text: str, context: Mapping[str, Any], templates: Templates) -> str:
    try:
        return templates.evaluate(text, context)
    except Invalid as error:
        raise Invalid(f"failed to render helm values template: {error.message}", field="helm.values", hint=error.hint) from None


def _parsed(text: str) -> Any:
    try:
        return yaml.load(text)
    except Invalid as error:
        raise Invalid(f"failed to interpret rendered template as helm values: {error.message}", field="helm.values") from None
