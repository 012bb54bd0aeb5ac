"""What GitRepoRestrictions and Policies of a workspace change in every deployment (`fleet-semantics.md` 3.2, 3.3 step 5)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from extension.objects.base import ObjectMeta, Struct
from extension.objects.codec import decode
from extension.objects.kinds import Bundle
from extension.objects.options import BundleDeploymentOptions
from extension.objects.selectors import LabelSelector

REPO_LABEL = "fleet.cattle.io/repo-name"


class _GitRepoRestriction(Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    allowed_target_namespace_selector: LabelSelector | None = None


class _Policy(Struct, frozen=True):
    metadata: ObjectMeta = ObjectMeta()
    require_service_account: bool = False
    allow_namespace_creation: bool = False


class Restrictions(msgspec.Struct, frozen=True):
    """Options that an administrator sets for every deployment of a bundle; None leaves the bundle's own."""

    allowed_target_namespace_selector: LabelSelector | None = None
    create_namespace: bool | None = None

    def apply(self, options: BundleDeploymentOptions) -> BundleDeploymentOptions:
        set_here = {f: getattr(self, f) for f in self.__struct_fields__ if getattr(self, f) is not None}
        return msgspec.structs.replace(options, **set_here) if set_here else options


UNRESTRICTED = Restrictions()


def restrictions(bundle: Bundle, documents: Iterable[Mapping[str, Any]]) -> Restrictions:
    """What the GitRepoRestriction and Policy documents in the bundle's namespace make of it; other kinds are ignored.

    The selectors count for bundles of a GitRepo only and are united, of equal labels the last by name wins. Raises
    Invalid for a document that can't be read.
    """
    own = [d for d in documents if (d.get("metadata") or {}).get("namespace") == bundle.metadata.namespace]
    by_name = sorted(own, key=lambda d: str(d["metadata"].get("name", "")))
    limits = [decode(_GitRepoRestriction, d, "GitRepoRestriction") for d in by_name if d.get("kind") == "GitRepoRestriction"]
    policies = [decode(_Policy, d, "Policy") for d in by_name if d.get("kind") == "Policy"]
    forbidden = any(p.require_service_account for p in policies) and not any(p.allow_namespace_creation for p in policies)
    return Restrictions(
        allowed_target_namespace_selector=_united(limits) if bundle.metadata.labels.get(REPO_LABEL) else None,
        create_namespace=False if forbidden else None,
    )


def _united(limits: Iterable[_GitRepoRestriction]) -> LabelSelector | None:
    selectors = [limit.allowed_target_namespace_selector for limit in limits]
    found = [selector for selector in selectors if selector is not None]
    if not found:
        return None
    labels: dict[str, str] = {}
    for selector in found:
        labels |= selector.match_labels
    expressions = list(found[0].match_expressions)
    for selector in found[1:]:
        expressions += [one for one in dict.fromkeys(selector.match_expressions) if one not in expressions]
    return LabelSelector(match_labels=labels, match_expressions=tuple(expressions))
