"""ClusterGroups: clusters of a workspace by their labels."""

from __future__ import annotations

from api.checks import selector
from api.happenings import events_blueprint
from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.kinds import ClusterGroup


def _selector(write: Write) -> None:
    assert isinstance(write.new, ClusterGroup)
    selector(write.new.spec.selector, "spec.selector")


NOUN = Noun(
    ClusterGroup,
    "Clusters of a workspace by label: no selector matches none, an empty one all.",
    checks=(_selector,),
    links=("events",),
)
blueprints = (blueprint(NOUN), events_blueprint(NOUN))
