"""ImageScan: which image of a registry the files of a GitRepo name (`fleet-semantics.md` 1.15)."""

from __future__ import annotations

from typing import ClassVar

from extension.objects.base import Condition, Object, Struct, written

IMAGE_SCANNED = "ImageScanned"
"""Condition of an ImageScan: whether its registry was asked and has an image."""
IMAGE_SYNCED = "ImageSynced"
"""Condition of a GitRepo: whether its files name the images that were found."""


class SemVerPolicy(Struct, frozen=True):
    """The highest version within `range`; an empty one is `*`."""

    range: str = written()


class AlphabeticalPolicy(Struct, frozen=True):
    """The last tag by the alphabet where `order` is empty or `desc`, else the first."""

    order: str = ""


class ImagePolicy(Struct, frozen=True):
    """`semver` wins over `alphabetical`; neither means the highest version."""

    semver: SemVerPolicy | None = None
    alphabetical: AlphabeticalPolicy | None = None


class SecretReference(Struct, frozen=True):
    name: str = ""


class ImageScanSpec(Struct, frozen=True):
    """What to look for. `interval` is a Go duration; nothing or 0 means 15 minutes."""

    tag_name: str = ""
    gitrepo_name: str = ""
    image: str = ""
    interval: str = ""
    secret_ref: SecretReference | None = None
    suspend: bool = False
    policy: ImagePolicy = written(ImagePolicy)


class ImageScanStatus(Struct, frozen=True):
    """What was found last. `latest_image` is the canonical name with the tag."""

    conditions: tuple[Condition, ...] = ()
    last_scan_time: str = ""
    latest_image: str = ""
    latest_tag: str = ""
    latest_digest: str = ""
    observed_generation: int = 0
    canonical_image_name: str = ""


class ImageScan(Object, frozen=True, kw_only=True):
    KIND: ClassVar[str] = "ImageScan"
    PLURAL: ClassVar[str] = "imagescans"
    spec: ImageScanSpec = ImageScanSpec()
    status: ImageScanStatus = ImageScanStatus()
