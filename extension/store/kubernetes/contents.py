"""What Fleet keeps of a deployment beside its BundleDeployment: the files in a Content, Helm's values in a Secret of the same name.

Both are read when somebody wants to see what is deployed, and not kept here.
"""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import msgspec

from extension.objects.base import prepare
from extension.objects.content import resources_in
from extension.objects.errors import Invalid
from extension.objects.kinds import BundleDeployment, BundleResource, Secret
from extension.objects.options import BundleDeploymentOptions, HelmOptions
from extension.store.kubernetes.api import Reader
from extension.store.kubernetes.kinds import decoded, path_of

CONTENTS = "/apis/fleet.cattle.io/v1alpha1/contents"
VALUES = "values"
_PREFIX = "s-"


class _Content(msgspec.Struct, frozen=True):
    content: bytes = b""


prepare(_Content)


def is_named(name: str) -> bool:
    """Whether this is the name of a Content, which no SHA-256 is."""
    return name.startswith(_PREFIX)


def name_of(deployment_id: str) -> str:
    """The Content that a deployment ID names."""
    return deployment_id.partition(":")[0]


def read(api: Reader, name: str) -> tuple[BundleResource, ...]:
    """The files in a Content. Raises NotFound, and Invalid for one that can't be read."""
    found = msgspec.json.decode(api.read(f"{CONTENTS}/{name}"), type=_Content)
    try:
        return resources_in(gzip.decompress(found.content))
    except (OSError, EOFError, zlib.error, msgspec.DecodeError) as error:
        raise Invalid(f"the content can't be read: {error}", where=f"Content {name}") from None


def with_values(api: Reader, deployment: BundleDeployment) -> BundleDeploymentOptions:
    """The options of what is deployed, with Helm's values. Raises NotFound where the Secret is not there yet."""
    options = deployment.spec.options
    if not deployment.spec.values_hash:
        return options
    meta = deployment.metadata
    secret = decoded(Secret, api.read(path_of(Secret, meta.namespace, meta.name)))
    text = secret.data.get(VALUES, b"")
    values: Any = msgspec.json.decode(text) if text else None
    if not isinstance(values, dict):
        return options
    helm = msgspec.structs.replace(options.helm or HelmOptions(), values=values)
    return msgspec.structs.replace(options, helm=helm)
