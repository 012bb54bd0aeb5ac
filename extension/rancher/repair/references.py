"""Which Secrets the objects of a workspace name, and the command that makes one anew. Pure.

A command holds no value: what belongs in a Secret is its owner's to fill in, in CAPITALS.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from extension.objects.core import BACKUP
from extension.objects.names import DNS_SUBDOMAIN
from extension.rancher.repair.world import Ref, Seen

BASIC = "--type=kubernetes.io/basic-auth --from-literal=username=USERNAME --from-literal=password=PASSWORD"
SSH = "--type=kubernetes.io/ssh-auth --from-file=ssh-privatekey=FILE --from-file=known_hosts=FILE"
HELM = "--from-literal=username=USERNAME --from-literal=password=PASSWORD"
PATHS = "--from-file=secrets-path.yaml=FILE"
OCI = (
    "--type=fleet.cattle.io/bundle-oci-storage/v1alpha1 --from-literal=reference=REGISTRY "
    "--from-literal=username=USERNAME --from-literal=password=PASSWORD"
)
WEBHOOK = "--from-literal=PROVIDER=SECRET"
KUBECONFIG = "--from-file=value=FILE"
OTHER = "--from-file=KEY=FILE"
REGISTRY = "docker-registry"

Fields = tuple[tuple[str, str], ...]
FIELDS: Mapping[str, Fields] = {
    "GitRepo": (
        ("spec.clientSecretName", BASIC),
        ("spec.helmSecretName", HELM),
        ("spec.helmSecretNameForPaths", PATHS),
        ("spec.ociRegistrySecret", OCI),
        ("spec.webhookSecret", WEBHOOK),
    ),
    "HelmOp": (("spec.helmSecretName", HELM),),
    "ImageScan": (("spec.secretRef.name", REGISTRY),),
    "GitRepoRestriction": (("defaultClientSecretName", BASIC),),
    "Policy": (("gitRepo.defaultClientSecretName", BASIC), ("helmOp.defaultHelmSecretName", HELM)),
    "Cluster": (("spec.kubeConfigSecret", KUBECONFIG),),
}
"""Kind -> the fields that name a Secret, with what one is made of."""


@dataclass(frozen=True)
class Reference:
    """`owner` names `secret` in `field`; `content` is what `kubectl create secret` needs to make one."""

    owner: Ref
    field: str
    secret: Ref
    content: str

    @property
    def command(self) -> str:
        """What makes the Secret, so that the next backup has it."""
        kind, content = (REGISTRY, REGISTRY_CONTENT) if self.content == REGISTRY else ("generic", self.content)
        place = f"-n {shlex.quote(self.secret.namespace)}"
        name = shlex.quote(self.secret.name)
        return f"kubectl create secret {kind} {name} {place} {content} && kubectl label secret {name} {place} {BACKUP}=true"


REGISTRY_CONTENT = "--docker-server=REGISTRY --docker-username=USERNAME --docker-password=PASSWORD"


def references(owner: Seen) -> Iterator[Reference]:
    """The Secrets an object names. What can't be the name of one is left out: Fleet says so itself."""
    for path, content in FIELDS.get(owner.at.kind, ()):
        name = owner.text(*path.split("."))
        if DNS_SUBDOMAIN.fullmatch(name):
            yield Reference(owner.at, path, Ref("Secret", _namespace(owner), name), _content(owner, path, content))
    for number, resource in enumerate(owner.items("spec", "downstreamResources")):
        name = str(resource.get("name") or "")
        if resource.get("kind") == "Secret" and DNS_SUBDOMAIN.fullmatch(name):
            field = f"spec.downstreamResources[{number}]"
            yield Reference(owner.at, field, Ref("Secret", owner.at.namespace, name), OTHER)


def _namespace(owner: Seen) -> str:
    return owner.text("spec", "kubeConfigSecretNamespace") or owner.at.namespace


def _content(owner: Seen, path: str, content: str) -> str:
    """A repository that is reached by SSH needs a key."""
    repo = owner.text("spec", "repo")
    by_ssh = repo.startswith("ssh://") or (repo and "://" not in repo and "@" in repo)
    return SSH if path == "spec.clientSecretName" and by_ssh else content
