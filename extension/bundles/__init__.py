"""A Git tree in, Bundles out: discovery, fleet.yaml, .fleetignore, charts and their dependencies. Pure."""

from extension.bundles.loading import Charts, Limits
from extension.bundles.memo import Memo
from extension.bundles.reading import Failure, ImageScan, Reading, read
from extension.bundles.scan import Scan
from extension.bundles.values import extract_values, with_values

__all__ = ["Charts", "Failure", "ImageScan", "Limits", "Memo", "Reading", "Scan", "extract_values", "read", "with_values"]
