"""What `fleet apply` is told besides the tree: a value, made from flags or from a GitRepo."""

from __future__ import annotations

import msgspec

from extension.objects.kinds import BundlePath, BundleTarget, GitRepo, GitTarget
from extension.objects.options import CorrectDrift

REPO_NAME = "fleet.cattle.io/repo-name"
COMMIT = "fleet.cattle.io/commit"


class Scan(msgspec.Struct, frozen=True):
    """`targets` None: no targets file (only what fleet.yaml says). `bundles` replaces `paths` (a driven scan).
    `file` names the options file of a single bundle instead of fleet.yaml. `commit` becomes a label of every bundle: where only
    what changed is written again, the caller sets that label itself."""

    name: str
    namespace: str = ""
    paths: tuple[str, ...] = ()
    bundles: tuple[BundlePath, ...] = ()
    labels: dict[str, str] = {}
    targets: tuple[BundleTarget, ...] | None = None
    target_restrictions: tuple[GitTarget, ...] = ()
    target_namespace: str = ""
    service_account: str = ""
    sync_generation: int = 0
    paused: bool = False
    keep_resources: bool = False
    delete_namespace: bool = False
    correct_drift: CorrectDrift | None = None
    compress: bool = False
    image_scan: bool = False
    commit: str = ""
    file: str = ""

    @classmethod
    def of(cls, repo: GitRepo) -> Scan:
        """What Fleet's GitRepo controller passes to apply (3.1)."""
        spec = repo.spec
        given = spec.targets or (GitTarget(name="default", cluster_group="default"),)
        return cls(
            name=repo.metadata.name,
            namespace=repo.metadata.namespace,
            paths=spec.paths,
            bundles=spec.bundles,
            labels={**repo.metadata.labels, REPO_NAME: repo.metadata.name},
            targets=tuple(as_target(target) for target in given),
            target_restrictions=given,
            target_namespace=spec.target_namespace,
            service_account=spec.service_account,
            sync_generation=spec.force_sync_generation,
            paused=spec.paused,
            keep_resources=spec.keep_resources,
            delete_namespace=spec.delete_namespace,
            correct_drift=spec.correct_drift,
        )


def as_target(target: GitTarget) -> BundleTarget:
    """A GitRepo's target as one of its Bundles'."""
    return BundleTarget(**{name: getattr(target, name) for name in GitTarget.__struct_fields__})
