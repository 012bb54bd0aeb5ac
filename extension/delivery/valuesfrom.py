"""Values for a chart that are on the cluster: `valuesFrom` (`fleet-semantics.md` 2.8)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from extension.delivery.accounts import user_of
from extension.delivery.client import Client
from extension.delivery.copies import KINDS, data_of, is_named
from extension.objects.errors import Invalid
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.rendering.values import from_source


def values_from(client: Client, options: BundleDeploymentOptions, namespace: str) -> Iterator[dict[str, Any]]:
    """The values in order, read as the deployment's service account. `namespace` is the release's. Raises Invalid for a missing one."""
    sources = (options.helm or HelmOptions()).values_from
    reader = client.acting_as(user_of(client, options)) if sources else client
    for source in sources:
        for kind, reference in (("ConfigMap", source.config_map_key_ref), ("Secret", source.secret_key_ref)):
            if reference is not None:
                copied = is_named(options.downstream_resources, kind, reference.name)
                there = namespace if copied else reference.namespace or namespace
                found = reader.get(KINDS[kind], there, reference.name)
                place = f"{kind} {there}/{reference.name}"
                if found is None:
                    hint = "create it on the cluster, or correct the reference"
                    raise Invalid(f"valuesFrom: {place} does not exist", field="helm.valuesFrom", hint=hint)
                yield from_source(data_of(found), reference.key or "values.yaml", place)
