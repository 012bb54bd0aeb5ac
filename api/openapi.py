"""flask-smorest as this service uses it: typed, strict about query parameters, errors of our own shape.

The decorators that parse a request also document it, so the OpenAPI document can't tell something else than the code.
"""

from __future__ import annotations

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
    """The registry of all routes' documentation."""

    ERROR_SCHEMA = ErrorBody

    def handle_http_exception(self, error: Any) -> Any:
        return http_error(error)
