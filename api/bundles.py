"""Bundles: made from GitRepos and HelmOps by the engine, or by hand."""

from __future__ import annotations

from api import bundlespecs
from api.changes import counted_up
from api.happenings import events_blueprint
from api.nouns import Action, Noun, Write
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
    actions={"forceUpdate": Action(lambda bundle: counted_up(bundle, "force_sync_generation"), summary="deploy again everywhere")},
    links=("resources", "events"),
)
blueprints = (blueprint(NOUN), resources_blueprint(NOUN, "bundle"), events_blueprint(NOUN))
