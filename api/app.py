"""The application: every noun's routes, one way in, one way to fail, and the document that describes them."""

from __future__ import annotations

import threading
from functools import partial

import apispec
from flask import Flask, request

from api import (
    agents,
    audit,
    connections,
    counts,
    docs,
    errorgroups,
    errors,
    events,
    explanations,
    health,
    members,
    metrics,
    mounted,
    operations,
    plans,
    plugin,
    quick,
    repair,
    root,
    tokens,
    ui,
)
from api.answers import secure
from api.auth import authenticate
from api.openapi import DocumentedApi
from api.registry import BLUEPRINTS
from api.services import Services
from api.webhooks import deliveries, webhook

__all__ = ["MAX_BODY", "Services", "create_app"]

MAX_BODY = 32 * 1024 * 1024
HEARTBEAT_SECONDS = 15.0
_OWN = (
    *(counts, errorgroups, tokens, plans, connections, explanations, operations),
    *(members, repair, deliveries, webhook, agents, events, metrics, health),
)
"""What is no noun of the store."""
DESCRIPTION = (
    "Continuous Delivery for Rancher. Rancher-style resources: every object has an id, a type, links to what you may do with it, "
    "and its state. Send an API token as Authorization: Bearer. Lists take labelSelector, filter, sort, limit and continue; "
    "writes take dryRun=All; a PUT says which version it replaces with If-Match."
)


def create_app(services: Services) -> Flask:
    """The WSGI application over these services."""
    app = Flask("continuous-delivery", static_folder=None)
    app.config.update(
        API_TITLE="Continuous Delivery",
        API_VERSION=services.version,
        OPENAPI_VERSION="3.1.0",
        MAX_CONTENT_LENGTH=MAX_BODY,
        **{events.HEARTBEAT: HEARTBEAT_SECONDS},
    )
    app.extensions["continuous-delivery"] = services
    app.extensions[events.STREAMS] = threading.BoundedSemaphore(max(1, services.settings.threads // 2))
    count = metrics.register(app, services.store)
    audit.register(app)
    webhook.register(app)
    app.before_request(_guard)
    app.after_request(secure)
    api = DocumentedApi(app, spec_kwargs={"info": {"description": DESCRIPTION}})
    errors.register(app)
    _secured(api.spec)
    for blueprint in (root.blueprint, *BLUEPRINTS, *(module.blueprint for module in _OWN)):
        api.register_blueprint(blueprint)
    app.register_blueprint(docs.blueprint)
    app.extensions[docs.SPEC] = docs.once(api.document)
    if services.agents is not None:
        app.wsgi_app = quick.QuickCheckIns(app.wsgi_app, services.agents, partial(count, "POST", quick.PLACE))  # type: ignore[method-assign]
    if services.rancher is None:
        app.register_blueprint(ui.blueprint)
    else:
        app.register_blueprint(mounted.blueprint)
        app.register_blueprint(plugin.blueprint)
        app.wsgi_app = mounted.Mounted(app.wsgi_app)  # type: ignore[method-assign]
    return app


def _guard() -> None:
    """Everything below /v1 needs a caller, whether there is such a place or not."""
    if request.path == "/v1" or request.path.startswith("/v1/"):
        authenticate()


def _secured(spec: apispec.APISpec) -> None:
    spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "description": "an API token"})
    spec.components.security_scheme("basic", {"type": "http", "scheme": "basic", "description": "a token's name and secret"})
    spec.options["security"] = [{"bearer": []}, {"basic": []}]
