"""The ImageScans that a GitRepo's Bundles have, in the store (`fleet-semantics.md` 2.1, 3.10): they come and go with the Bundles."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from extension.bundles import ImageScan as Scanned
from extension.bundles.scan import REPO_NAME
from extension.engine.stored import listed, put
from extension.objects.base import ObjectMeta
from extension.objects.durations import seconds
from extension.objects.errors import Invalid
from extension.objects.imagescan import IMAGE_SYNCED
from extension.objects.kinds import GitRepo, GitRepoStatus, ImageScan
from extension.objects.states import without_condition
from extension.store.protocol import Store


def check_scans(store: Store, repo: GitRepo, scans: Iterable[Scanned]) -> None:
    """Raises Invalid for an interval that is none, and for a name that another GitRepo's scan has."""
    for one in scans:
        seconds(one.spec.interval or "0", field="imageScans.interval", where=one.name)
        there = store.find(ImageScan, repo.metadata.namespace, one.name)
        if there is not None and there.spec.gitrepo_name != repo.metadata.name:
            whose = f"GitRepo {there.spec.gitrepo_name}" if there.spec.gitrepo_name else "one made by hand"
            raise Invalid(
                f"image scan name {one.name} is taken by {whose}", where=str(repo.key), hint="move the folder, or delete the other"
            )


def write_scans(store: Store, repo: GitRepo, scans: Iterable[Scanned]) -> None:
    """Brings the stored ImageScans to those that a GitRepo's Bundles have; the others that were made for it are deleted."""
    wanted = set[str]()
    for one in scans:
        meta = ObjectMeta(name=one.name, namespace=repo.metadata.namespace, labels={REPO_NAME: repo.metadata.name})
        put(store, ImageScan(metadata=meta, spec=msgspec.structs.replace(one.spec, gitrepo_name=repo.metadata.name)))
        wanted.add(one.name)
    for there in listed(store, ImageScan, repo.metadata.namespace, REPO_NAME, repo.metadata.name):
        if there.metadata.name not in wanted:
            store.delete(ImageScan, there.metadata.namespace, there.metadata.name)


def scans_for(store: Store, repo: GitRepo) -> list[ImageScan]:
    """The ImageScans of a GitRepo, whoever made them."""
    return [scan for scan in listed(store, ImageScan, repo.metadata.namespace) if scan.spec.gitrepo_name == repo.metadata.name]


def with_images_of(stored: GitRepoStatus, status: GitRepoStatus) -> GitRepoStatus:
    """The status with what `stored` says of the images: somebody else writes it."""
    told = (c for c in stored.conditions if c.type == IMAGE_SYNCED)
    return msgspec.structs.replace(
        status,
        conditions=(*without_condition(status.conditions, IMAGE_SYNCED), *told),
        last_synced_image_scan_time=stored.last_synced_image_scan_time,
    )
