"""ClusterRegistrationTokens: what a new cluster's agent registers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.errors import InvalidBody
from api.nouns import Action, Call, Noun, Write, object_id
from api.resources import blueprint
from extension.objects.agents import REGISTRATION_VALUES
from extension.objects.durations import seconds
from extension.objects.errors import NotFound
from extension.objects.kinds import ClusterRegistrationToken, Secret
from extension.settings import FLEET

COMMAND = (
    "helm install continuous-delivery-agent helm/continuous-delivery-agent"
    " --namespace cattle-continuous-delivery-system --create-namespace --values -"
)
"""Installs an agent; it reads the values, which hold the token, from its input."""
FLEET_COMMAND = (
    "helm install fleet-agent fleet-agent --repo https://rancher.github.io/fleet-helm-charts/"
    " --namespace cattle-fleet-system --create-namespace --wait --values -"
)
"""The same for Fleet's own agent, where Fleet deploys."""


def _ttl(write: Write) -> None:
    assert isinstance(write.new, ClusterRegistrationToken)
    if write.new.spec.ttl is not None:
        seconds(write.new.spec.ttl, field="spec.ttl")


def values(call: Call, token: ClusterRegistrationToken, body: Mapping[str, Any]) -> dict[str, Any]:
    """The Secret's `values`: the one thing of a Secret that is ever shown, since a new cluster can't come by it otherwise."""
    if body:
        raise InvalidBody("the action takes no body")
    name = token.status.secret_name
    secret = call.services.store.find(Secret, token.metadata.namespace, name) if name else None
    if secret is None or secret.type != REGISTRATION_VALUES or "values" not in secret.data:
        raise NotFound(
            "the token has no Secret", hint="try again; if a Secret of another type has its name, delete that or rename the token"
        )
    command = FLEET_COMMAND if call.services.settings.engine == FLEET else COMMAND
    shown = secret.data["values"].decode(errors="replace")
    return {"type": "registrationValues", "id": object_id(token.key), "values": shown, "command": command}


NOUN = Noun(
    ClusterRegistrationToken,
    "Lets agents of new clusters register themselves in a workspace.",
    checks=(_ttl,),
    actions={"values": Action(run=values, summary="what a new cluster's agent registers with")},
)
blueprints = (blueprint(NOUN),)
