"""The merge table of fleet-semantics.md 3.3 once more, over plain JSON: a rule a field, no field without a rule."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from extension.objects.codec import canonical

JSON = dict[str, Any]
Rule = Callable[[Any, Any], Any]


def as_json(value: Any) -> JSON:
    found: JSON = json.loads(canonical(value))
    return found


def custom_wins(base: Any, custom: Any) -> Any:
    return custom or base


def base_stays(base: Any, custom: Any) -> Any:
    return base


def either(base: Any, custom: Any) -> Any:
    return base or custom


def deep(base: Any, custom: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(custom, dict):
        return base if custom is None else custom
    return {key: _value(base, custom, key) for key in {**base, **custom}}


def _value(base: JSON, custom: JSON, key: str) -> Any:
    if key not in custom or key not in base:
        return custom.get(key, base.get(key))
    both = isinstance(base[key], dict) and isinstance(custom[key], dict)
    return deep(base[key], custom[key]) if both else custom[key]


def by_key(*fields: str, fold: str = "") -> Rule:
    def key(entry: JSON) -> tuple[str, ...]:
        return tuple(str(entry.get(f, "")).lower() if f == fold else str(entry.get(f, "")) for f in fields)

    return union(key)


def union(key: Callable[[JSON], Any]) -> Rule:
    def merged(base: Any, custom: Any) -> Any:
        out = list(base or ())
        for place, entry in enumerate(custom or ()):
            own = key(entry)
            if own is not None and own in [key(earlier) for earlier in custom[:place]]:
                continue
            last = [n for n, other in enumerate(base or ()) if own is not None and key(other) == own][-1:]
            if last:
                out[last[0]] = entry
            else:
                out.append(entry)
        return out

    return merged


def source(entry: JSON) -> Any:
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in entry:
            return (kind, *(entry[kind].get(field, "") for field in ("namespace", "name", "key")))
    return None


def block(rules: dict[str, Rule]) -> Rule:
    def merged(base: Any, custom: Any) -> Any:
        if custom is None:
            return base
        base = base or {}
        made = {field: rule(base.get(field), custom.get(field)) for field, rule in rules.items()}
        return {field: value for field, value in made.items() if value or (field == "values" and value is not None)}

    return merged


HELM: dict[str, Rule] = {
    **dict.fromkeys(("chart", "repo", "version", "releaseName"), custom_wins),
    **dict.fromkeys(("force", "atomic", "takeOwnership", "disablePreProcess", "waitForJobs", "disableDNS"), either),
    **dict.fromkeys(("maxHistory", "skipSchemaValidation", "disableDependencyUpdate", "valuesFiles"), base_stays),
    "timeoutSeconds": lambda base, custom: base if not custom else max(custom, 0),
    "values": lambda base, custom: deep(base, custom) if base is not None else custom,
    "templateValues": lambda base, custom: {**(base or {}), **(custom or {})},
    "valuesFrom": union(source),
}
OPTIONS: dict[str, Rule] = {
    **dict.fromkeys(("defaultNamespace", "namespace", "serviceAccount"), custom_wins),
    **dict.fromkeys(
        (
            *("ignore", "deleteNamespace", "namespaceLabels", "namespaceAnnotations", "deleteCRDResources", "createNamespace"),
            *("overwrites", "allowedTargetNamespaceSelector"),
        ),
        base_stays,
    ),
    "helm": block(HELM),
    "kustomize": block({"dir": custom_wins}),
    "diff": block({"comparePatches": by_key("apiVersion", "kind", "namespace", "name")}),
    "yaml": block({"overlays": lambda base, custom: [*(base or ()), *(custom or ())]}),
    "forceSyncGeneration": lambda base, custom: custom if (custom or 0) > 0 else base,
    "keepResources": either,
    "correctDrift": lambda base, custom: base if custom is None else custom,
    "downstreamResources": by_key("kind", "name", fold="kind"),
}
_BLOCKS = ("helm", "kustomize", "diff", "yaml", "correctDrift", "ignore", "allowedTargetNamespaceSelector")


def merge(base: JSON, custom: JSON) -> JSON:
    made = {field: rule(base.get(field), custom.get(field)) for field, rule in OPTIONS.items()}
    # A pointer that is set stays set though what it points to is empty; so does createNamespace, which may be false.
    return {f: v for f, v in made.items() if v or (v is not None and f in (*_BLOCKS, "createNamespace"))}


WORDS = st.sampled_from(("", "", "a", "b"))
MAPS = st.dictionaries(st.sampled_from("ab"), st.sampled_from(("1", "2")), max_size=2)
VALUES = st.dictionaries(
    st.sampled_from("ab"),
    st.recursive(
        st.none() | st.integers(0, 2), lambda inner: st.dictionaries(st.sampled_from("ab"), inner) | st.lists(inner), max_leaves=4
    ),
    max_size=2,
)
REFERENCE = st.fixed_dictionaries({"name": st.sampled_from("ab")}, optional={"namespace": WORDS, "key": WORDS})


def _some(**fields: Any) -> st.SearchStrategy[JSON]:
    return st.fixed_dictionaries({}, optional=fields)


_HELM = _some(
    **dict.fromkeys(("chart", "repo", "version", "releaseName"), WORDS),
    **dict.fromkeys(
        (
            *("force", "atomic", "takeOwnership", "disablePreProcess", "waitForJobs", "disableDNS"),
            *("skipSchemaValidation", "disableDependencyUpdate"),
        ),
        st.booleans(),
    ),
    maxHistory=st.integers(0, 2),
    timeoutSeconds=st.integers(-1, 2),
    valuesFiles=st.lists(st.sampled_from("ab"), max_size=2),
    values=VALUES,
    templateValues=MAPS,
    valuesFrom=st.lists(_some(configMapKeyRef=REFERENCE, secretKeyRef=REFERENCE), max_size=3),
)
OPTION_FIELDS: dict[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(("defaultNamespace", "namespace", "serviceAccount"), WORDS),
    **dict.fromkeys(("keepResources", "deleteNamespace", "deleteCRDResources", "createNamespace"), st.booleans()),
    "yaml": _some(overlays=st.lists(st.sampled_from("ab"), max_size=2)),
    "kustomize": _some(dir=WORDS),
    "helm": _HELM,
    "forceSyncGeneration": st.integers(-1, 2),
    "diff": _some(
        comparePatches=st.lists(_some(kind=WORDS, name=WORDS, jsonPointers=st.lists(st.sampled_from("ab"), max_size=1)), max_size=3)
    ),
    "ignore": _some(conditions=st.lists(MAPS, max_size=1)),
    "correctDrift": _some(enabled=st.booleans(), force=st.booleans()),
    "namespaceLabels": MAPS,
    "namespaceAnnotations": MAPS,
    "downstreamResources": st.lists(_some(kind=st.sampled_from(("Secret", "secret", "ConfigMap")), name=WORDS), max_size=3),
    "overwrites": st.lists(_some(kind=WORDS, name=WORDS), max_size=1),
    "allowedTargetNamespaceSelector": _some(matchLabels=MAPS),
}
OPTION_SETS = _some(**OPTION_FIELDS)
