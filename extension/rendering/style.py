"""Which of Fleet's styles a bundle has: Helm, Kustomize, both, or plain manifests (`fleet-semantics.md` 2.6)."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Iterable

import msgspec

from extension.objects.options import BundleDeploymentOptions, HelmOptions

CHART_YAML = "Chart.yaml"
KUSTOMIZATION_YAML = "kustomization.yaml"


class Style(msgspec.Struct, frozen=True):
    """Where the chart's Chart.yaml and the kustomization are among the resources; empty for none."""

    chart_path: str = ""
    kustomize_path: str = ""

    @property
    def is_helm(self) -> bool:
        return bool(self.chart_path)

    @property
    def is_kustomize(self) -> bool:
        return bool(self.kustomize_path)

    @property
    def is_raw_yaml(self) -> bool:
        return not (self.is_helm or self.is_kustomize)


def fetched_chart_folder(helm: HelmOptions) -> str:
    """The folder among the resources that a chart from elsewhere is put into."""
    return f".chart/{hashlib.sha256(f'{helm.chart}:{helm.repo}:{helm.version}'.encode()).hexdigest()}"


def determine(names: Iterable[str], options: BundleDeploymentOptions) -> Style:
    """The style of a bundle with resources of these names. A chart fetched from elsewhere counts, one level down too."""
    helm = options.helm
    local = _join((helm.chart or helm.repo) if helm else "", CHART_YAML)
    fetched = f"{fetched_chart_folder(helm)}/" if helm else ""
    kustomization = _join(options.kustomize.dir if options.kustomize else "", KUSTOMIZATION_YAML)
    chart = kustomize = ""
    for name in names:
        if name == local or (fetched and _is_fetched(name, fetched)):
            chart = name
        elif name == kustomization:
            kustomize = name
    return Style(chart, kustomize)


def _is_fetched(name: str, folder: str) -> bool:
    if not name.startswith(folder):
        return False
    parts = name.removeprefix(folder).split("/")
    return len(parts) <= 2 and parts[-1] == CHART_YAML


def _join(folder: str, file: str) -> str:
    return posixpath.normpath(f"{folder}/{file}").lstrip("/") if folder else file
