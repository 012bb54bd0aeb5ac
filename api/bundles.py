"""Bundles: made from GitRepos and HelmOps by the engine, or by hand."""

from __future__ import annotations

from api import bundlespecs
from api.nouns import Noun, Write
from api.places import resources_blueprint
from api.resources import blueprint
from extension.objects.kinds import Bundle


def _spec(write: Write) -> None:
    assert isinstance(write.new, Bundle)
    bundlespecs.obey(write.new.spec)


NOUN = Noun(
    Bundle,
    "What is deployed: files, options and targets. Lists leave the files out.",
    checks=(_spec,),
    links=("resources",),
)
blueprints = (blueprint(NOUN), resources_blueprint(NOUN, "bundle"))
