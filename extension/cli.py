"""The command `rancher-cd`. Verbs are loaded when they are called, so that a short one starts fast."""

from __future__ import annotations

import importlib
from typing import cast

import click

from extension import __version__

VERBS: dict[str, tuple[str, str]] = {
    "serve": ("extension.commands.serve", "Run the service with the embedded engine."),
}
"""Verb -> (module with a click command `command`, one line of help)."""


class Verbs(click.Group):
    """A group whose commands are imported on use; the help lists them without importing any."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        return cast(click.Command, importlib.import_module(VERBS[cmd_name][0]).command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, text) in sorted(VERBS.items())])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rancher-cd")
def main() -> None:
    """Continuous Delivery for Rancher: GitOps for one cluster or a million."""
