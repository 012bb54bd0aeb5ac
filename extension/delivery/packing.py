"""Finished manifests as the chart that Helm installs: with Fleet's annotations, and nothing left to evaluate. Pure."""

from __future__ import annotations

import re

from extension.delivery.helm_records import AGENT, AGENT_NAMESPACE, BUNDLE_ID, COMMIT, DEPLOYMENT_ID, KEEP_RESOURCES, SERVICE_ACCOUNT
from extension.delivery.protocol import Deployment
from extension.rendering import documents
from extension.rendering.render import Rendering

_ACTION = re.compile(r"\{\{")


def chart(rendering: Rendering, deployment: Deployment) -> dict[str, bytes]:
    """The finished manifests as a chart: metadata of the bundle's own, templates with their braces written out."""
    annotations = {
        **(rendering.chart.get("annotations") or {}),
        BUNDLE_ID: deployment.name,
        AGENT_NAMESPACE: AGENT,
        DEPLOYMENT_ID: deployment.deployment_id,
        KEEP_RESOURCES: "true" if deployment.options.keep_resources else "false",
        **({COMMIT: deployment.commit} if deployment.commit else {}),
        **({SERVICE_ACCOUNT: deployment.options.service_account} if deployment.options.service_account else {}),
    }
    left_out = ("dependencies", "kubeVersion")
    metadata = {key: value for key, value in rendering.chart.items() if key not in left_out} | {"annotations": annotations}
    files = {"Chart.yaml": documents.to_yaml(metadata).encode()}
    objects = [*rendering.objects, *(hook.object for hook in rendering.hooks)]
    for number, obj in enumerate(objects):
        files[f"templates/{number:05d}.yaml"] = _ACTION.sub('{{ "{{" }}', documents.to_yaml(obj)).encode()
    for number, crd in enumerate(rendering.crds):
        files[f"crds/{number:05d}.yaml"] = documents.to_yaml(crd).encode()
    if rendering.notes:
        files["templates/NOTES.txt"] = _ACTION.sub('{{ "{{" }}', rendering.notes).encode()
    return files
