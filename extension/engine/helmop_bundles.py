"""The Bundle a HelmOp is: its spec with the versions its charts have now, and no files (`fleet-semantics.md` 3.7). Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from extension.engine.bundles import FINALIZER
from extension.engine.produced import REPO_NAME
from extension.objects.base import ObjectMeta
from extension.objects.helmop import HELM_NAME, charts, inherited
from extension.objects.kinds import Bundle, BundleSpec, BundleTarget, HelmOp, HelmOpOptions
from extension.objects.options import HelmOptions
from extension.sources.versions import Constraint

Chart = tuple[str, str, str]
"""Repository, name, and version or constraint."""


def chart_of(helm: HelmOptions) -> Chart:
    return helm.repo, helm.chart, helm.version


def bundle_of(op: HelmOp, versions: Mapping[Chart, str]) -> Bundle:
    """The Bundle of a HelmOp, for the default group where it names no targets.

    Fleet leaves a target that has helm options and no version of its own the constraint; here it gets what the root's was found to be.
    """
    spec = BundleSpec(**{field: getattr(op.spec, field) for field in BundleSpec.__struct_fields__})
    spec = msgspec.structs.replace(
        spec,
        helm=_versioned(op.spec.helm or HelmOptions(), versions),
        targets=_targets(op, versions) or (BundleTarget(name="default", cluster_group="default"),),
        resources=(),
        contents_id="",
        values_hash="",
        helm_op_options=HelmOpOptions(op.spec.helm_secret_name, op.spec.insecure_skip_tls_verify),
    )
    labels = {**op.spec.labels, HELM_NAME: op.metadata.name}
    meta = ObjectMeta(name=op.metadata.name, namespace=op.metadata.namespace, labels=labels, finalizers=(FINALIZER,))
    return Bundle(metadata=meta, spec=spec)


def targeting(op: HelmOp) -> Bundle:
    """The Bundle of a HelmOp as far as its targets go, whatever its charts' versions are."""
    return bundle_of(op, {chart_of(helm): helm.version for helm in (op.spec.helm or HelmOptions(), *(helm for _, helm in charts(op.spec)))})


def _targets(op: HelmOp, versions: Mapping[Chart, str]) -> tuple[BundleTarget, ...]:
    """The targets, each with a name, and with a version where it has helm options."""
    root = op.spec.helm or HelmOptions()
    return tuple(
        msgspec.structs.replace(
            target,
            name=target.name or f"target{index:03d}",
            helm=_versioned(inherited(root, target.helm), versions) if target.helm else None,
        )
        for index, target in enumerate(op.spec.targets)
    )


def _versioned(helm: HelmOptions, versions: Mapping[Chart, str]) -> HelmOptions:
    return msgspec.structs.replace(helm, version=versions[chart_of(helm)])


def deployed(op: HelmOp, there: Bundle | None) -> dict[Chart, str]:
    """The versions that an earlier process put into the Bundle, where they are still what the HelmOp asks for."""
    known = charts(there.spec) if there is not None else ()
    return {
        chart_of(wanted): helm.version
        for (_, wanted), (_, helm) in zip(charts(op.spec), known, strict=False)
        if (wanted.repo, wanted.chart) == (helm.repo, helm.chart)
        and (wanted.version == helm.version or Constraint(wanted.version).check(helm.version))
    }


def is_of(op: HelmOp, bundle: Bundle) -> bool:
    """Whether the Bundle was made from the HelmOp: what a fleet.yaml says can look like it."""
    labels = bundle.metadata.labels
    return labels.get(HELM_NAME) == op.metadata.name and REPO_NAME not in labels and bundle.spec.helm_op_options is not None


def warning(op: HelmOp) -> str:
    """What a HelmOp says that has no meaning, empty when all has; Fleet drops it without a word."""
    places = [f"{place}.valuesFiles" for place, helm in charts(op.spec) if helm.values_files]
    return f"{', '.join(places)}: a HelmOp has no files (use values or valuesFrom)" if places else ""
