"""Rules every object obeys before it is stored; what only one noun has to obey is in that noun's file.

A rule is a function of a Write that raises, naming the field, so that the form of a user interface can show the message
beside its input.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from api.errors import InvalidReference
from api.nouns import Write
from api.selectors import LABEL_KEY, LABEL_VALUE
from extension.objects.base import Object, Struct
from extension.objects.errors import Invalid, MissingRequired
from extension.objects.kinds import (
    Bundle,
    BundleTarget,
    Cluster,
    ClusterGroup,
    ConfigMap,
    FleetWorkspace,
    GitRepo,
    GitTarget,
    HelmOp,
    Partition,
    Secret,
)
from extension.objects.names import DNS_SUBDOMAIN
from extension.objects.selectors import LabelSelector, requirements
from extension.targeting.admission import compiled

SYSTEM_NAMESPACE = "cattle-fleet-system"
"""Where Secrets and ConfigMaps of the whole service lie, such as `gitjob-webhook`; it is no workspace, so only who has a role in
all of them may write there."""

NAME_LIMIT = 253
LABEL_LIMIT = 63
GENERATED = "xxxxx"
"""As much as the store adds to a generateName."""
PREFIX_LIMIT = 253
ANNOTATIONS_LIMIT = 256 * 1024

NAMED_IN_LABELS: tuple[type[Object], ...] = (GitRepo, HelmOp, Bundle, Cluster, ClusterGroup, FleetWorkspace)
"""Kinds whose name is written into labels of other objects, or is a namespace's: at most 63 characters."""


def metadata(write: Write) -> None:
    """Names as DNS subdomains, labels as Kubernetes takes them."""
    meta = write.new.metadata
    if not meta.name and not meta.generate_name:
        raise MissingRequired("metadata.name: is required", field="metadata.name")
    _name(write.new, meta.name or f"{meta.generate_name[:58]}{GENERATED}", "metadata.name" if meta.name else "metadata.generateName")
    labels(meta.labels, "metadata.labels")
    size = sum(len(k.encode()) + len(v.encode()) for k, v in meta.annotations.items())
    if size > ANNOTATIONS_LIMIT:
        raise Invalid(f"metadata.annotations: hold {size} bytes, more than {ANNOTATIONS_LIMIT}", field="metadata.annotations")
    for key in meta.annotations:
        _label_key(key.lower(), "metadata.annotations")


def _name(obj: Object, name: str, field: str) -> None:
    limit = LABEL_LIMIT if isinstance(obj, NAMED_IN_LABELS) else NAME_LIMIT
    dotless = isinstance(obj, FleetWorkspace)
    if len(name) > limit:
        raise Invalid(f"{field}: has {len(name)} characters, more than {limit}", field=field)
    if not DNS_SUBDOMAIN.fullmatch(name) or (dotless and "." in name):
        hint = (
            "use lower-case letters, digits and dashes" + ("" if dotless else " and dots") + ", starting and ending with a letter or digit"
        )
        raise Invalid(f"{field}: {name!r} is not a name", field=field, hint=hint)


def is_label_value(text: str) -> bool:
    return len(text) <= LABEL_LIMIT and LABEL_VALUE.fullmatch(text) is not None


def labels(found: Mapping[str, str], field: str) -> None:
    """Raises Invalid for a key or value that Kubernetes would refuse."""
    for key, value in found.items():
        _label_key(key, field)
        if not is_label_value(value):
            raise Invalid(f"{field}.{key}: {value[:80]!r} is not a label value", field=f"{field}.{key}", hint=_HINT)


_HINT = "at most 63 letters, digits, dashes, underscores and dots, starting and ending with a letter or digit"


def _label_key(key: str, field: str) -> None:
    prefix, slash, name = key.rpartition("/")
    bad_prefix = slash and (len(prefix) > PREFIX_LIMIT or not DNS_SUBDOMAIN.fullmatch(prefix))
    if bad_prefix or len(name) > LABEL_LIMIT or not LABEL_KEY.fullmatch(key):
        raise Invalid(f"{field}: {key[:80]!r} is not a key", field=field, hint=f"an optional DNS name and a slash, then {_HINT}")


def workspace_exists(write: Write) -> None:
    """A new object's workspace must be there, and not on its way out."""
    namespace = write.new.metadata.namespace
    if write.old is not None or not write.new.NAMESPACED:
        return
    if namespace == SYSTEM_NAMESPACE and isinstance(write.new, Secret | ConfigMap):
        return
    workspace = write.call.services.store.find(FleetWorkspace, "", namespace)
    if workspace is None or workspace.metadata.deletion_timestamp:
        problem = "does not exist" if workspace is None else "is being deleted"
        raise InvalidReference(f"metadata.namespace: workspace {namespace} {problem}", field="metadata.namespace")


def selector(found: LabelSelector | None, field: str) -> None:
    """Raises Invalid for operators, keys and values that Kubernetes would refuse."""
    if found is None:
        return
    try:
        terms = requirements(found)
    except Invalid as error:
        raise Invalid(f"{field}: {error.message}", field=f"{field}.{error.field}", hint=error.hint) from None
    for term in terms:
        labels({term.key: ""}, field)
        for value in term.values:
            labels({term.key: value}, field)


def targets(found: Iterable[GitTarget | BundleTarget | Partition], field: str) -> None:
    for i, target in enumerate(found):
        selector(target.cluster_selector, f"{field}[{i}].clusterSelector")
        selector(target.cluster_group_selector, f"{field}[{i}].clusterGroupSelector")


def named(spec: Struct, fields: Iterable[str]) -> None:
    """Raises Invalid for a field of `spec` that is neither empty nor the name of an object."""
    wire = {f.name: f"spec.{f.encode_name}" for f in msgspec.structs.fields(spec)}
    for field in fields:
        value = getattr(spec, field)
        if value and (len(value) > NAME_LIMIT or not DNS_SUBDOMAIN.fullmatch(value)):
            raise Invalid(f"{wire[field]}: {value[:80]!r} is not a name", field=wire[field])


def patterns(found: Iterable[str], field: str) -> None:
    """Raises Invalid for what Go, which Fleet's rules are matched by, would not take as a regular expression: such a rule refuses
    everything but its own text."""
    for i, pattern in enumerate(found):
        try:
            compiled(pattern)
        except Invalid as error:
            hint = "write a regular expression, with a backslash before what is no operator, such as \\. and \\+"
            raise Invalid(f"{field}[{i}]: {error.message}", field=f"{field}[{i}]", hint=hint) from None


COMMON = (metadata, workspace_exists)
