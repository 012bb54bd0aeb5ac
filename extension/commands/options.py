"""What verbs have in common: the options of the service, and arguments that are kinds, pairs and files."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from click.core import ParameterSource

from extension.client import ApiClient
from extension.commands.tables import KINDS, Kind, kind

WORKSPACE = click.option("-n", "--namespace", envvar="NAMESPACE", default="fleet-default", show_default=True, help="Workspace.")
_TOKEN = re.compile(r"[!-~]*")


class KindName(click.ParamType[Kind]):
    """A kind by any of its names; `only` are the resources that the verb is for, all when empty."""

    name = "kind"

    def __init__(self, *only: str) -> None:
        self._kinds = tuple(one for one in KINDS if not only or one.plural in only)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Kind:
        found = value if isinstance(value, Kind) else kind(value)
        if found is None or found not in self._kinds:
            said = f"{value!r} is no kind" if found is None else f"not for {found.names[1]}"
            self.fail(f"{said}; use one of {', '.join(one.names[0] for one in self._kinds)}", param, ctx)
        return found


class KeyValue(click.ParamType[tuple[str, str]]):
    """KEY=VALUE; the values can be limited to a few."""

    name = "KEY=VALUE"

    def __init__(self, *values: str) -> None:
        self._values = values

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        if isinstance(value, tuple):
            return value
        key, separator, found = str(value).partition("=")
        if not key or not separator:
            self.fail(f"{value!r} is not {param.metavar if param and param.metavar else self.name}", param, ctx)
        if self._values and found not in self._values:
            self.fail(f"{found!r} is not one of {', '.join(self._values)}", param, ctx)
        return key, found


class ServiceURL(click.ParamType[str]):
    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if "@" in value:
            # Not repeated: what stands before the @ is a password.
            self.fail("a URL with a user or password is not taken; use --token-file or --token", param, ctx)
        try:
            parts = urlsplit(value)
            usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and not (parts.query or parts.fragment)
        except ValueError:
            usable = False
        if not usable:
            self.fail(f"{value!r} is not an address such as http://127.0.0.1:8080", param, ctx)
        return str(value)


def connection(function: Callable[..., Any]) -> Any:
    """The options of every verb that may ask the service; the verb gets `client`, which connects with its first request."""

    @click.option("--url", type=ServiceURL(), envvar="RANCHER_CD_URL", show_envvar=True, default="http://127.0.0.1:8080",
                  show_default=True, help="The service.")  # fmt: skip
    @click.option("--token", envvar="RANCHER_CD_TOKEN", show_envvar=True, default="", help="An API token.")
    @click.option("--token-file", envvar="RANCHER_CD_TOKEN_FILE", show_envvar=True, type=click.Path(exists=True, dir_okay=False),
                  help="File with an API token.")  # fmt: skip
    @click.option("--ca-file", type=click.Path(exists=True, dir_okay=False), help="Certificates to trust (PEM).")
    @click.option("--insecure-skip-tls-verify", is_flag=True, help="Trust any certificate.")
    @click.pass_context
    def wrapped(  # noqa: PLR0917 (click's parameters)
        ctx: click.Context, /, url: str, token: str, token_file: str | None, ca_file: str | None, insecure_skip_tls_verify: bool, **own: Any
    ) -> Any:
        client = ApiClient(url, _token(ctx, token, token_file), verify=False if insecure_skip_tls_verify else ca_file or True)
        return function(client=client, **own)

    wrapped.__doc__ = function.__doc__
    # Options given to the verb itself stay where click keeps them.
    wrapped.__click_params__ = [*getattr(function, "__click_params__", ()), *wrapped.__click_params__]  # type: ignore[attr-defined]
    return wrapped


def _token(ctx: click.Context, token: str, file: str | None) -> str:
    """The token to use: a flag wins over a variable, and --token over --token-file. Never repeats it in an error."""
    if file is not None and token:
        named = [ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in ("token", "token_file")]
        if all(named):
            raise click.UsageError("give --token or --token-file, not both", ctx)
        token = "" if named[1] else token
    place = "--token or RANCHER_CD_TOKEN"
    if file is not None and not token:
        place, token = file, read_text(file).strip()
        if not token:
            raise click.UsageError(f"{file}: holds no token", ctx)
    if not _TOKEN.fullmatch(token):
        raise click.UsageError(f"{place}: holds more than a token: letters, digits, -, _ and : on one line", ctx)
    return token


def read_text(file: str) -> str:
    """The text of a file, or of standard input for `-`. Raises click.ClickException naming it when it is no text."""
    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise click.ClickException(f"{file}: is no text in UTF-8") from None
