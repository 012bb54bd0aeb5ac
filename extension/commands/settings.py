"""The options of `rancher-cd serve`: one for every setting, with its help, its variable and its default."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_type_hints

import click

from extension.settings import Settings, flag, variable

_PATHS = {"state_dir": click.Path(file_okay=False), "service_account_dir": click.Path(exists=True, file_okay=False)}
_PATHS |= {name: click.Path(exists=True, dir_okay=False) for name in ("kubeconfig", "additional_ca")}
_DEFAULTS = {"state_dir": "~/.local/state/rancher-cd"}
"""Defaults that depend on who asks, as they are for most."""


def settings_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options, in the order of the settings. One that is not given is None, so that the other places count."""
    for field in reversed(dataclasses.fields(Settings)):
        function = _option(field)(function)
    return function


def _option(field: dataclasses.Field[Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    kind, choices = get_type_hints(Settings)[field.name], field.metadata["choices"]
    default = _DEFAULTS.get(field.name) or ("" if kind is bool else str(field.default))
    text = f"{field.metadata['help']} [env var: {variable(field.name)}{f'; default: {default}' if default else ''}]"
    if kind is bool:
        return click.option(flag(field.name), is_flag=True, default=None, help=text)
    type_ = _PATHS.get(field.name) or (click.Choice(choices) if choices else kind)
    return click.option(flag(field.name), type=str if type_ is Path else type_, help=text)
