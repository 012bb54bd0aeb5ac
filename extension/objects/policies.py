"""What an administrator allows in a workspace: GitRepoRestriction and Policy (`fleet-semantics.md` 1.12, 1.13).

Fleet replaces the first by the second; both count as long as both exist.
"""

from __future__ import annotations

from typing import ClassVar

from extension.objects.base import Object, Struct
from extension.objects.selectors import LabelSelector


class GitRepoRestriction(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "GitRepoRestriction"
    PLURAL: ClassVar[str] = "gitreporestrictions"
    default_service_account: str = ""
    allowed_service_accounts: tuple[str, ...] = ()
    allowed_repo_patterns: tuple[str, ...] = ()
    default_client_secret_name: str = ""
    allowed_client_secret_names: tuple[str, ...] = ()
    allowed_target_namespaces: tuple[str, ...] = ()
    allowed_target_namespace_selector: LabelSelector | None = None


class GitRepoPolicy(Struct, frozen=True):
    default_service_account: str = ""
    default_client_secret_name: str = ""
    allowed_client_secret_names: tuple[str, ...] = ()
    allowed_repo_patterns: tuple[str, ...] = ()


class HelmOpPolicy(Struct, frozen=True):
    default_service_account: str = ""
    default_helm_secret_name: str = ""
    allowed_helm_secret_names: tuple[str, ...] = ()
    allowed_helm_repo_patterns: tuple[str, ...] = ()
    allowed_chart_patterns: tuple[str, ...] = ()


class Policy(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "Policy"
    PLURAL: ClassVar[str] = "policies"
    require_service_account: bool = False
    allowed_service_accounts: tuple[str, ...] = ()
    allow_namespace_creation: bool = False
    git_repo: GitRepoPolicy = GitRepoPolicy()
    helm_op: HelmOpPolicy = HelmOpPolicy()
