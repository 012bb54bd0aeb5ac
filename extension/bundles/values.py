"""Helm values apart from the Bundle, in a Secret of its name, as Fleet stores them (`fleet-semantics.md` 2.5).

`valuesHash` is the SHA-256 of Go's JSON of the Secret's data, so Bundle and Secret can be told to belong together.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from extension.objects import yaml
from extension.objects.base import ObjectMeta
from extension.objects.codec import canonical
from extension.objects.errors import Conflict
from extension.objects.kinds import Bundle, BundleTarget, Secret
from extension.objects.options import HelmOptions

SECRET_TYPE = "fleet.cattle.io/bundle-values/v1alpha1"  # noqa: S105 (a type, not a secret)
ROOT_KEY = "values.yaml"


def extract_values(bundle: Bundle) -> tuple[Bundle, Secret | None]:
    """The Bundle without values, and the Secret that holds them; None when there are none."""
    spec = bundle.spec
    data: dict[str, bytes] = {}
    if spec.helm is not None and spec.helm.values:
        data[ROOT_KEY] = _document(spec.helm.values)
    for target in spec.targets:
        if target.name and target.helm is not None and target.helm.values:
            data[target.name] = _document(target.helm.values)
    targets = tuple(msgspec.structs.replace(t, helm=_without(t.helm)) if t.helm is not None and t.name else t for t in spec.targets)
    bare = msgspec.structs.replace(spec, helm=_without(spec.helm), targets=targets, values_hash=values_hash(data) if data else "")
    stripped = msgspec.structs.replace(bundle, spec=bare)
    if not data:
        return stripped, None
    meta = ObjectMeta(name=bundle.metadata.name, namespace=bundle.metadata.namespace)
    return stripped, Secret(metadata=meta, type=SECRET_TYPE, data=data)


def with_values(bundle: Bundle, secret: Secret | None) -> Bundle:
    """The Bundle with its values back. Raises Conflict when the Secret is not the one its hash names."""
    spec = bundle.spec
    if not spec.values_hash:
        return bundle
    data = secret.data if secret is not None else {}
    if values_hash(data) != spec.values_hash:
        raise Conflict(f"the values of bundle {bundle.metadata.name} are being replaced", where=str(bundle.key))
    helm = _with(spec.helm, data.get(ROOT_KEY))
    targets = tuple(_target(target, data) for target in spec.targets)
    return msgspec.structs.replace(bundle, spec=msgspec.structs.replace(spec, helm=helm, targets=targets))


def values_hash(data: dict[str, bytes]) -> str:
    return hashlib.sha256(canonical(dict(data))).hexdigest()


def _document(values: dict[str, Any]) -> bytes:
    return canonical(values)


def _without(helm: HelmOptions | None) -> HelmOptions | None:
    return None if helm is None else msgspec.structs.replace(helm, values=None, values_files=())


def _with(helm: HelmOptions | None, document: bytes | None) -> HelmOptions | None:
    if document is None:
        return helm
    return msgspec.structs.replace(helm or HelmOptions(), values=_read(document))


def _read(document: bytes) -> Any:
    """Values as they were written: JSON, in whose texts YAML forbids or folds some characters."""
    try:
        return msgspec.json.decode(document)
    except msgspec.DecodeError:
        return yaml.load(document)


def _target(target: BundleTarget, data: dict[str, bytes]) -> BundleTarget:
    document = data.get(target.name)
    return target if document is None else msgspec.structs.replace(target, helm=_with(target.helm, document))
