"""flask-smorest as this service uses it: typed, strict about query parameters, errors of our own shape.

The decorators that parse a request also document it, so the OpenAPI document can't tell something else than the code. It is
made when it is first asked for: most services are never asked, and a start would wait for it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from flask_smorest import Api, Blueprint  # type: ignore[import-untyped]
from marshmallow import RAISE
from webargs.flaskparser import FlaskParser

from api.errors import http_error
from api.schemas import ErrorBody

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]


class Parser(FlaskParser):
    """Refuses query parameters nobody knows: a misspelt selector must not mean everything."""

    DEFAULT_UNKNOWN_BY_LOCATION = {**FlaskParser.DEFAULT_UNKNOWN_BY_LOCATION, "query": RAISE}


class Routes(Blueprint):  # type: ignore[misc]
    """A blueprint whose routes are documented."""

    ARGUMENTS_PARSER = Parser()

    def register_views_in_doc(self, api: DocumentedApi, app: Any, spec: Any, **more: Any) -> None:
        """Called when the routes are registered: has the API describe them later."""
        describe = super().register_views_in_doc
        api.undescribed.append(lambda: describe(api, app, spec, **more))

    def at(self, rule: str, method: str = "GET", endpoint: str | None = None) -> Callable[[F], F]:
        """Registers a function for a rule and a method."""

        def register(function: F) -> F:
            self.add_url_rule(rule, endpoint=endpoint, view_func=function, methods=[method])
            return function

        return register

    def query(self, schema: Any) -> Callable[[F], F]:
        """The query parameters; the function gets them as its first argument."""
        decorated: Callable[[F], F] = self.arguments(schema, location="query")
        return decorated

    def also(self, status: int, schema: Any, description: str) -> Callable[[F], F]:
        """Another good answer."""
        decorated: Callable[[F], F] = self.alt_response(status, schema=schema, description=description, success=True)
        return decorated

    def told(self, status: int, schema: Any, summary: str, operation: str, content: str | None = None, **more: Any) -> Callable[[F], F]:
        """The documentation of a route: its answer, and the error body for everything else."""

        def decorate(function: F) -> F:
            documented = self.doc(summary=summary, operationId=operation, **more)(function)
            documented = self.alt_response("default", schema=ErrorBody, description="What went wrong")(documented)
            decorated: F = self.response(status, schema, content_type=content)(documented)
            return decorated

        return decorate


class DocumentedApi(Api):  # type: ignore[misc]
    """The registry of all routes' documentation. `undescribed` are functions that put theirs into `spec`."""

    ERROR_SCHEMA = ErrorBody

    def __init__(self, app: Any, **more: Any) -> None:
        self.undescribed: list[Callable[[], None]] = []
        self._describing = threading.Lock()
        super().__init__(app, **more)

    def document(self) -> dict[str, Any]:
        """The OpenAPI document of all routes; for many threads."""
        with self._describing:
            while self.undescribed:
                self.undescribed.pop(0)()
            document: dict[str, Any] = self.spec.to_dict()
            return document

    def handle_http_exception(self, error: Any) -> Any:
        return http_error(error)
