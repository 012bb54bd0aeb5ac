"""The namespace of a release: whether a bundle may go there at all, and what its options want it to be labelled."""

from __future__ import annotations

import re

from extension.delivery.client import Client
from extension.delivery.copies import NAMESPACES
from extension.delivery.helm_records import SECRETS
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions
from extension.objects.selectors import described, matches

POD_SECURITY = "pod-security.kubernetes.io/"
_KEPT = ("kubernetes.io/metadata.name", POD_SECURITY)
_SELECTOR = "allowedTargetNamespaceSelector"
_NEEDED = re.compile(r"default|kube-.*|cattle-system|fleet-local|fleet-default|(cattle-)?fleet-((clusters|local)-)?system")
"""Namespaces that the cluster, Rancher or Fleet can't do without (3.1)."""


def check_namespace(client: Client, name: str, options: BundleDeploymentOptions) -> None:
    """Raises Invalid unless the namespace is there and has the labels that a GitRepoRestriction asks for (3.2)."""
    selector = options.allowed_target_namespace_selector
    if selector is None:
        return
    found = client.get(NAMESPACES, "", name)
    if found is None:
        hint = f"create it with labels that match {described(selector)}"
        raise Invalid(f"namespace {name} does not exist, and the GitRepoRestriction's {_SELECTOR} lets nobody else make it", hint=hint)
    if not matches(selector, found["metadata"].get("labels") or {}):
        raise Invalid(
            f"namespace {name} has not the labels that the GitRepoRestriction's {_SELECTOR} wants ({described(selector)})",
            hint="deploy to another namespace, or ask for the labels",
        )


def label_namespace(client: Client, acting: Client, name: str, options: BundleDeploymentOptions) -> None:
    """Gives the namespace exactly the labels and annotations of the options, as who `acting` is; pod-security labels are never
    touched (4.1)."""
    if not options.namespace_labels and not options.namespace_annotations:
        return
    metadata = (client.get(NAMESPACES, "", name) or {}).get("metadata", {})
    labels: dict[str, str | None] = {key: None for key in metadata.get("labels") or {} if not key.startswith(_KEPT)}
    labels |= {key: value for key, value in options.namespace_labels.items() if not key.startswith(_KEPT)}
    annotations: dict[str, str | None] = dict.fromkeys(metadata.get("annotations") or {})
    annotations |= options.namespace_annotations
    body = {"metadata": {"labels": labels, "annotations": annotations}}
    acting.request("PATCH", NAMESPACES.path("", name), body=body, content_type="application/merge-patch+json")


def drop_namespace(client: Client, name: str) -> None:
    """Deletes a namespace, unless it is needed or somebody's release is still in it."""
    if not _NEEDED.fullmatch(name) and next(iter(client.list(SECRETS, name, "owner=helm")), None) is None:
        client.delete(NAMESPACES, "", name)
