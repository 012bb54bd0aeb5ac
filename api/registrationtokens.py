"""ClusterRegistrationTokens: what a new cluster's agent registers with."""

from __future__ import annotations

from api.nouns import Noun, Write
from api.resources import blueprint
from extension.objects.durations import seconds
from extension.objects.kinds import ClusterRegistrationToken


def _ttl(write: Write) -> None:
    assert isinstance(write.new, ClusterRegistrationToken)
    if write.new.spec.ttl is not None:
        seconds(write.new.spec.ttl, field="spec.ttl")


NOUN = Noun(ClusterRegistrationToken, "Lets agents of new clusters register themselves in a workspace.", checks=(_ttl,))
blueprints = (blueprint(NOUN),)
