"""All nouns, in the order in which `/v1` and the documentation show them."""

from __future__ import annotations

from api import (
    bundledeployments,
    bundles,
    clustergroups,
    clusters,
    configmaps,
    gitreporestrictions,
    gitrepos,
    helmops,
    imagescans,
    namespacemappings,
    policies,
    registrationtokens,
    schedules,
    secrets,
    workspaces,
)
from api.nouns import Noun
from api.openapi import Routes

_MODULES = (
    gitrepos,
    helmops,
    bundles,
    bundledeployments,
    clusters,
    clustergroups,
    registrationtokens,
    namespacemappings,
    imagescans,
    schedules,
    gitreporestrictions,
    policies,
    workspaces,
    secrets,
    configmaps,
)

NOUNS: tuple[Noun, ...] = tuple(module.NOUN for module in _MODULES)
BLUEPRINTS: tuple[Routes, ...] = tuple(blueprint for module in _MODULES for blueprint in module.blueprints)
BY_KIND: dict[str, Noun] = {noun.cls.KIND: noun for noun in NOUNS}
