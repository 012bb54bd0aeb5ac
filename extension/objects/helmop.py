"""HelmOp: a chart from a Helm repository or registry, without Git (`fleet-semantics.md` 1.14, 3.7)."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from extension.objects.base import Object
from extension.objects.gitops import BundleSpec
from extension.objects.options import HelmOptions
from extension.objects.status import StatusBase

HELM_NAME = "fleet.cattle.io/fleet-helm-name"
"""Label of a Bundle: the HelmOp it was made from."""
TARBALL = ".tgz"


class HelmOpSpec(BundleSpec, frozen=True):
    """The Bundle to be, and how its chart is found. `labels` go to the Bundle; `polling_interval` of nothing or 0 polls never."""

    labels: dict[str, str] = {}
    polling_interval: str | None = None
    helm_secret_name: str = ""
    insecure_skip_tls_verify: bool = msgspec.field(default=False, name="insecureSkipTLSVerify")


class HelmOpStatus(StatusBase, frozen=True):
    """`version` is the chart version that `spec.helm.version` was found to name, which is the one deployed."""

    last_polling_triggered: str = ""
    version: str = ""


class HelmOp(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "HelmOp"
    PLURAL: ClassVar[str] = "helmops"
    spec: HelmOpSpec = HelmOpSpec()
    status: HelmOpStatus = HelmOpStatus()


def charts(spec: BundleSpec) -> tuple[tuple[str, HelmOptions], ...]:
    """The places in `spec` that name a chart, with the options there: what a target leaves empty is the root's."""
    root = spec.helm
    if root is None:
        return ()
    named = [(f"spec.targets[{i}].helm", inherited(root, t.helm)) for i, t in enumerate(spec.targets) if t.helm is not None]
    return (("spec.helm", root), *named)


def inherited(root: HelmOptions, own: HelmOptions) -> HelmOptions:
    """A target's helm options with the root's repository, chart and version where it names none."""
    return msgspec.structs.replace(own, repo=own.repo or root.repo, chart=own.chart or root.chart, version=own.version or root.version)
