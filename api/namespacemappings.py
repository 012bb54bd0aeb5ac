"""BundleNamespaceMappings: bundles of one workspace on the clusters of others, hence for administrators of all."""

from __future__ import annotations

from api.checks import selector
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.kinds import BundleNamespaceMapping


def _selectors(write: Write) -> None:
    assert isinstance(write.new, BundleNamespaceMapping)
    selector(write.new.bundle_selector, "bundleSelector")
    selector(write.new.namespace_selector, "namespaceSelector")


NOUN = Noun(
    BundleNamespaceMapping,
    "Lets chosen bundles of a workspace be deployed to clusters of other workspaces.",
    checks=(_selectors,),
)
blueprints = (blueprint(NOUN),)
