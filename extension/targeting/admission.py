"""Whether a workspace's GitRepoRestrictions and Policies admit a GitRepo, a HelmOp or a Bundle (`fleet-semantics.md` 3.2).

Objects count in the order of their names: of defaults the first that is set, of lists the union, of switches any. Defaults are
filled in before anything is checked. Where a restriction and a policy both list what they allow, passing one of the two is enough.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
import re2  # type: ignore[import-untyped]  # no stubs are published for it

from extension.objects.errors import Forbidden, Invalid
from extension.objects.helmop import charts
from extension.objects.kinds import Bundle, BundleSpec, GitRepo, HelmOp
from extension.objects.options import HelmOptions
from extension.objects.policies import GitRepoRestriction, Policy


class Rules(msgspec.Struct, frozen=True):
    """The restrictions and policies of one workspace, each in the order of their names."""

    restrictions: tuple[GitRepoRestriction, ...] = ()
    policies: tuple[Policy, ...] = ()

    @classmethod
    def of(cls, restrictions: Iterable[GitRepoRestriction], policies: Iterable[Policy]) -> Rules:
        return cls(tuple(sorted(restrictions, key=_name)), tuple(sorted(policies, key=_name)))


def _name(obj: GitRepoRestriction | Policy) -> str:
    return obj.metadata.name


def admitted(repo: GitRepo, rules: Rules) -> GitRepo:
    """The GitRepo with the workspace's defaults where it says nothing. Raises Forbidden naming the field and what is allowed,
    Invalid for a pattern of an administrator that is none."""
    spec, limits, policies = repo.spec, rules.restrictions, rules.policies
    accounts = (*(one.default_service_account for one in limits), *(one.git_repo.default_service_account for one in policies))
    secrets = (*(one.default_client_secret_name for one in limits), *(one.git_repo.default_client_secret_name for one in policies))
    spec = msgspec.structs.replace(
        spec,
        service_account=spec.service_account or _first(accounts),
        client_secret_name=spec.client_secret_name or _first(secrets),
    )
    _namespace(spec.target_namespace, limits)
    _account(spec.service_account, rules, "spec.serviceAccount")
    names = (_union(one.allowed_client_secret_names for one in limits), _union(p.git_repo.allowed_client_secret_names for p in policies))
    _allow(spec.client_secret_name, names, "spec.clientSecretName", _equal)
    patterns = (_union(one.allowed_repo_patterns for one in limits), _union(p.git_repo.allowed_repo_patterns for p in policies))
    _allow(spec.repo, patterns, "spec.repo", _found, _whole)
    return msgspec.structs.replace(repo, spec=spec)


def admitted_helmop(op: HelmOp, rules: Rules) -> HelmOp:
    """The HelmOp with the workspace's defaults where it says nothing. GitRepoRestrictions don't count for it. Raises as `admitted`."""
    policies = rules.policies
    spec = msgspec.structs.replace(
        op.spec,
        service_account=op.spec.service_account or _first(one.helm_op.default_service_account for one in policies),
        helm_secret_name=op.spec.helm_secret_name or _first(one.helm_op.default_helm_secret_name for one in policies),
    )
    _account(spec.service_account, Rules(policies=policies), "spec.serviceAccount")
    _charts(spec, policies, spec.helm_secret_name, "spec.helmSecretName")
    return msgspec.structs.replace(op, spec=spec)


def _charts(spec: BundleSpec, policies: Sequence[Policy], secret: str, field: str) -> None:
    """Raises Forbidden for a secret, or a chart anywhere in `spec`, that is not allowed.

    Fleet passes what is empty: a chart's URL and the charts of targets are looked at by no pattern, one in a registry by none for
    charts. Here a URL must be of an allowed repository, and the last part of a registry's reference is a chart.
    """
    _allow(secret, (_union(one.helm_op.allowed_helm_secret_names for one in policies),), field, _equal)
    repos = (_union(one.helm_op.allowed_helm_repo_patterns for one in policies),)
    names = (_union(one.helm_op.allowed_chart_patterns for one in policies),)
    for place, helm in charts(spec):
        _allow(helm.repo or helm.chart, repos, f"{place}.repo", _equal_or_whole)
        _allow(_chart_name(helm), names, f"{place}.chart", _equal_or_whole)


def _chart_name(helm: HelmOptions) -> str:
    return helm.chart or helm.repo.rstrip("/").rpartition("/")[2]


def check_bundle(bundle: Bundle, rules: Rules) -> None:
    """Raises Forbidden for a Bundle, or one of its targets, with a service account that is not allowed, or without a required one;
    and for a chart or Helm secret that a HelmOp may not have either."""
    spec = bundle.spec
    if spec.helm_op_options is not None:
        _charts(spec, rules.policies, spec.helm_op_options.helm_op_secret_name, "spec.helmOpOptions.helmOpSecretName")
    _account(spec.service_account, rules, "spec.serviceAccount")
    for index, target in enumerate(spec.targets):
        if target.service_account:
            _account(target.service_account, rules, f"spec.targets[{index}].serviceAccount")


def _namespace(name: str, limits: Sequence[GitRepoRestriction]) -> None:
    field = "spec.targetNamespace"
    allowed = _union(one.allowed_target_namespaces for one in limits)
    if not name and (allowed or any(one.allowed_target_namespace_selector is not None for one in limits)):
        which = "allowedTargetNamespaces" if allowed else "allowedTargetNamespaceSelector"
        hint = f"set one of {', '.join(allowed)}" if allowed else "set a namespace whose labels the selector matches"
        raise Forbidden(f"empty targetNamespace denied, because {which} restriction is present", field=field, hint=hint)
    _allow(name, (allowed,), field, _equal)


def _account(name: str, rules: Rules, field: str) -> None:
    if not name and any(policy.require_service_account for policy in rules.policies):
        raise Forbidden("a Policy of the workspace requires a service account", field=field, hint="name one")
    lists = (_union(r.allowed_service_accounts for r in rules.restrictions), _union(p.allowed_service_accounts for p in rules.policies))
    _allow(name, lists, field, _equal)


def _allow(value: str, lists: Sequence[tuple[str, ...]], field: str, *tests: Callable[[str, str], bool]) -> None:
    """Passes when there is no list, nothing to check, or one of the lists has the value by its test (the last test for the rest)."""
    if not value or not any(lists):
        return
    for number, allowed in enumerate(lists):
        test = tests[min(number, len(tests) - 1)]
        if any(test(one, value) for one in allowed):
            return
    known = ", ".join(dict.fromkeys(one for allowed in lists for one in allowed))
    raise Forbidden(f"disallowed {field.rpartition('.')[2]} {value!r}", field=field, hint=f"the workspace allows: {known}")


def _equal(allowed: str, value: str) -> bool:
    return allowed == value


def _found(pattern: str, value: str) -> bool:
    return pattern == value or compiled(pattern).search(value) is not None


def _whole(pattern: str, value: str) -> bool:
    return compiled(pattern).fullmatch(value) is not None


def _equal_or_whole(pattern: str, value: str) -> bool:
    return pattern == value or _whole(pattern, value)


def compiled(pattern: str) -> Any:
    """Go's own regular expressions: an administrator's pattern must not hang on a tenant's URL."""
    try:
        return re2.compile(pattern, _QUIET)
    except re2.error as error:
        hint = "ask who administers the workspace"
        raise Invalid(f"{pattern!r} is no pattern: {error}", field="allowedRepoPatterns", hint=hint) from None


_QUIET = re2.Options()
_QUIET.log_errors = False


def _first(values: Iterable[str]) -> str:
    return next(filter(None, values), "")


def _union(lists: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for values in lists for one in values))
