"""`/openapi.json`, the OpenAPI 3.1 document, and `/docs`, the same for people: one page that loads nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import orjson
from flask import Blueprint, Response, current_app, render_template_string

from api.answers import JSON

blueprint = Blueprint("docs", __name__)

SPEC = "continuous-delivery-openapi"
METHODS = ("get", "post", "put", "patch", "delete")
PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return Response(orjson.dumps(document()), content_type=JSON)


@blueprint.get("/docs")
def docs() -> Response:
    page = render_template_string(_PAGE, info=document()["info"], tags=list(_tags()), schemas=document()["components"]["schemas"])
    return Response(page, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": PAGE_POLICY})


def document() -> dict[str, Any]:
    """The OpenAPI document of the current application, made once."""
    made: dict[str, Any] = current_app.extensions[SPEC]()
    return made


def once(make: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    """A function that makes the document the first time only."""
    return cache(lambda: _named_apart(make()))


def _named_apart(made: dict[str, Any]) -> dict[str, Any]:
    """The document with operation ids that are unique, as OpenAPI asks: a list also exists below a namespace."""
    for path, item in made["paths"].items():
        for method in METHODS:
            if path.endswith("/{namespace}") and method in item:
                item[method]["operationId"] += "InNamespace"
    return made


def _tags() -> Iterator[tuple[str, str, list[dict[str, Any]]]]:
    """Each tag with its description and its operations."""
    described = document()
    operations = [
        {"path": path, "method": method, **item[method]}
        for path, item in described["paths"].items()
        for method in METHODS
        if method in item
    ]
    for tag in described["tags"]:
        yield tag["name"], tag.get("description", ""), [o for o in operations if tag["name"] in o["tags"]]


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ info.title }}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 68rem; padding: 1.5rem; color: #141419; background: #fff }
code, .path { font-family: ui-monospace, monospace; font-size: .92em; overflow-wrap: anywhere }
h2 { margin-top: 2.5rem; border-bottom: 1px solid #dcdee7 } summary { cursor: pointer; padding: .25rem 0 }
table { border-collapse: collapse; margin: .5rem 0 1rem } td, th { text-align: left; padding: .2rem .8rem .2rem 0; vertical-align: top }
.method { display: inline-block; width: 4.5rem; font-weight: 600; text-transform: uppercase }
@media (prefers-color-scheme: dark) { body { color: #e6e7ec; background: #1b1c21 } a { color: #7aa7ff } h2 { border-color: #4a4b52 } }
</style></head><body>
<h1>{{ info.title }} {{ info.version }}</h1>
<p>{{ info.description }}</p>
<p>The same for programs: <a href="openapi.json">openapi.json</a></p>
<nav><ul>{% for name, text, _ in tags %}<li><a href="#{{ name }}">{{ name }}</a> {{ text }}</li>{% endfor %}</ul></nav>
{% for name, text, operations in tags %}
<h2 id="{{ name }}">{{ name }}</h2><p>{{ text }}</p>
{% for o in operations %}
<details><summary><span class="method">{{ o.method }}</span> <span class="path">{{ o.path }}</span> {{ o.summary }}</summary>
{% if o.parameters %}<table><tr><th>parameter</th><th>in</th><th></th></tr>
{% for p in o.parameters %}{% if p.name %}<tr><td><code>{{ p.name }}</code>{% if p.required %} *{% endif %}</td><td>{{ p.in }}</td>
<td>{{ p.description or '' }}</td></tr>{% endif %}{% endfor %}</table>{% endif %}
{% if o.requestBody %}<p>Body: {{ o.requestBody.content | join(', ') }}</p>{% endif %}
<p>Answers: {{ o.responses | join(', ') }}</p></details>
{% endfor %}{% endfor %}
<h2 id="schemas">Schemas</h2>
{% for name, schema in schemas.items() %}<details id="schema-{{ name }}"><summary><code>{{ name }}</code></summary><table>
{% for field, shape in (schema.properties or {}).items() %}<tr><td><code>{{ field }}</code></td>
<td>{{ shape.description or shape.type or '' }}</td></tr>{% endfor %}</table></details>
{% endfor %}</body></html>
"""
