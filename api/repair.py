"""`POST /v1/repair`: what of Fleet is broken on this Rancher server, as after a restore, and its repair, as the caller.

Everything is read and written in the caller's name, so Kubernetes decides and its audit log tells who it was; nothing is done with
the service's own rights. `dryRun=All` shows the plan. The answer does not wait until all is whole: a step that goes on by itself is
`waiting`, and the same call again looks after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request
from marshmallow import validate

from api.answers import answer
from api.auth import caller
from api.openapi import Routes
from api.plans import posted, understood
from api.schemas import WriteQuery, is_dry
from api.services import services
from extension.objects.base import to_builtins
from extension.objects.errors import NotFound
from extension.objects.schemas import Flag, Whole, schema, strict
from extension.rancher.repair.report import SILENT_AFTER, Asked, RepairReport

blueprint = Routes("repair", __name__, description="What of Fleet is broken after a restore, and its repair.")
WAIT, MOST = 20, 50
_SECONDS = validate.Range(0, 10**9)

RepairRequest = strict(
    "RepairRequest",
    {
        "labelSecrets": Flag(metadata={"description": "also label Secrets that are in no backup"}),
        "silentAfter": Whole(validate=_SECONDS, metadata={"description": "seconds after which a silent agent is installed again"}),
        "wait": Whole(validate=validate.Range(0, MOST), metadata={"description": "seconds that the steps may take together"}),
    },
)


@blueprint.at("/v1/repair", "POST")
@blueprint.told(200, schema(RepairReport), "Repair Fleet after a restore", "repair", requestBody=posted(RepairRequest))
@blueprint.query(WriteQuery)
def repair(args: dict[str, Any]) -> Response:
    body = understood(RepairRequest) if request.content_length else {}
    return answer(to_builtins(_repaired(_asked(body, dry_run=is_dry(args)))))


def _asked(body: Mapping[str, Any], *, dry_run: bool) -> Asked:
    given = {"silent_after": body.get("silentAfter"), "wait": body.get("wait")}
    seconds = {"silent_after": SILENT_AFTER, "wait": WAIT} | {name: value for name, value in given.items() if value is not None}
    return Asked(dry_run, bool(body.get("labelSecrets")), **seconds)


def _repaired(asked: Asked) -> RepairReport:
    """Raises NotFound where there is no Rancher server to repair."""
    repairs, who = services().repairs, caller()
    identity = getattr(who, "identity", None)
    if repairs is None or identity is None:
        raise NotFound("this service belongs to no Rancher server", hint="start it with --rancher-url or --api-service")
    return repairs.repair(identity, asked)
