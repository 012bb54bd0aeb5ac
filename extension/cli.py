"""The command `rancher-cd`. Verbs are loaded when they are called, so that a short one starts fast."""

from __future__ import annotations

import errno
import importlib
from typing import Any, cast

import click

from extension import __version__
from extension.objects.errors import UserError

_PACKAGE = "extension.commands"
VERBS: dict[str, tuple[str, str, str]] = {
    "agent": (f"{_PACKAGE}.agent", "command", "Run the agent of this cluster, or of a folder."),
    "apply": (f"{_PACKAGE}.apply", "command", "Make Bundles of folders, and print or write them."),
    "backup": (f"{_PACKAGE}.backups", "backup", "Copy the store of a service into a file."),
    "create": (f"{_PACKAGE}.objects", "create", "Create the objects of a YAML file."),
    "delete": (f"{_PACKAGE}.objects", "delete", "Delete an object."),
    "deploy": (f"{_PACKAGE}.deploy", "command", "Render a BundleDeployment, or deploy it."),
    "describe": (f"{_PACKAGE}.objects", "describe", "Tell the state of an object and what is not ready."),
    "doctor": (f"{_PACKAGE}.doctor", "command", "Look for what is wrong with a service."),
    "explain": (f"{_PACKAGE}.explain", "explain", "Tell why a cluster gets a bundle or not, and what it waits for."),
    "force-update": (f"{_PACKAGE}.operations", "force_update", "Deploy GitRepos, HelmOps, bundles or clusters' agents again."),
    "get": (f"{_PACKAGE}.objects", "get", "List or show objects."),
    "move": (f"{_PACKAGE}.operations", "move", "Move clusters to another workspace."),
    "operation": (f"{_PACKAGE}.operations", "operation", "Tell how far a forced update or move is, or take a move back."),
    "pause": (f"{_PACKAGE}.actions", "pause", "Hold back changes of a GitRepo, HelmOp or cluster."),
    "plan": (f"{_PACKAGE}.plan", "command", "Tell what a commit, a folder or an object would change, and where."),
    "restore": (f"{_PACKAGE}.backups", "restore", "Copy a store out of a file, into an empty place."),
    "serve": (f"{_PACKAGE}.serve", "command", "Run the service."),
    "simulate": (f"{_PACKAGE}.simulate", "command", "Let simulated agents live with the service, to size it."),
    "target": (f"{_PACKAGE}.target", "command", "Tell which clusters a Bundle goes to, with which options."),
    "test-connection": (f"{_PACKAGE}.connections", "command", "Tell how far the service gets to a repository, and what is there."),
    "token": (f"{_PACKAGE}.tokens", "command", "Create, list and revoke API tokens."),
    "trace": (f"{_PACKAGE}.explain", "trace", "Tell where an object on a cluster comes from."),
    "unpause": (f"{_PACKAGE}.actions", "unpause", "Let changes through again."),
}
"""Verb -> (module, name of its click command there, one line of help)."""


class Verbs(click.Group):
    """A group whose commands are imported on use; the help lists them without importing any. What a person can mend is said
    in one message and exits 1, wrong usage exits 2."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except UserError as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            if error.errno == errno.EPIPE:
                raise  # the reader of a pipe had enough; click ends quietly
            raise click.ClickException(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in VERBS:
            return None
        module, name, _ = VERBS[cmd_name]
        return cast(click.Command, getattr(importlib.import_module(module), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(verb, text) for verb, (_, _, text) in sorted(VERBS.items())])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="rancher-cd")
def main() -> None:
    """Continuous Delivery for Rancher: GitOps for one cluster or a million."""
