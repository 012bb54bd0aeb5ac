"""`rancher-cd doctor`: looks for what is wrong with a service, on its machine, or with the Fleet of a Rancher server, by its API server."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import orjson

from extension.objects.base import to_builtins
from extension.objects.durations import seconds
from extension.objects.errors import Invalid

if TYPE_CHECKING:
    from extension.rancher.repair.report import Asked, RepairReport


class Duration(click.ParamType[float]):
    """`90s`, `5m` or `1h30m`, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return value if isinstance(value, float) else seconds(str(value))
        except Invalid as error:
            self.fail(str(error), param, ctx)


@click.command("doctor")
@click.option("--audit", is_flag=True, help="Compare all that the store has twice: counters, indices, pointers. Needs --state-dir.")
@click.option("--state-dir", type=click.Path(exists=True, file_okay=False), help="The service's folder.")
@click.option(
    "--kubeconfig", type=click.Path(exists=True, dir_okay=False), help="Look for what a restore broke on the cluster Rancher runs on."
)
@click.option("--fix", is_flag=True, help="Repair what was found; without, it is only told.")
@click.option("--label-secrets", is_flag=True, help="Also label Secrets that are in no backup.")
@click.option("--silent-after", type=Duration(), default="45m", show_default=True, help="Install agents again that were silent so long.")
@click.option("--wait", type=Duration(), default="10m", show_default=True, help="Longest time that --fix waits for it to be whole.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How it is told.")
@click.pass_context
def command(ctx: click.Context, /, audit: bool, state_dir: str | None, kubeconfig: str | None, **repair: Any) -> None:
    """Look for what is wrong with a service, or with the Fleet of a Rancher server. Exits 1 when something is, or stays, wrong."""
    given = [name for name in repair if ctx.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if audit == (kubeconfig is not None):
        raise click.UsageError("give --audit with --state-dir, or --kubeconfig")
    if audit and (state_dir is None or given):
        raise click.UsageError("--audit takes --state-dir and no option of a repair" if given else "--audit needs --state-dir")
    if state_dir is not None and not audit:
        raise click.UsageError("--state-dir is for --audit")
    _audit(str(state_dir)) if audit else _repair(Path(str(kubeconfig)), **repair)


def _audit(state_dir: str) -> None:
    from extension.commands.stores import store_of  # noqa: PLC0415 (the store only where it is read)

    with store_of(state_dir) as store:
        findings = list(store.audit())
    for one in findings:
        click.echo(f"not so: {one.rule}: {one.count} rows, such as {'; '.join(one.examples)}")
    if findings:
        raise click.ClickException("the store contradicts itself; keep a copy of it, restore a backup, and report this")
    click.echo("all that the store has twice agrees")


def _repair(kubeconfig: Path, *, fix: bool, label_secrets: bool, silent_after: float, wait: float, output: str) -> None:
    from extension.rancher.repair.report import Asked  # noqa: PLC0415 (only where a cluster is looked at)

    asked = Asked(not fix, label_secrets, silent_after, wait)
    report = _reported(kubeconfig, asked, quiet=output == "json")
    if output == "json":
        click.echo(orjson.dumps(to_builtins(report), option=orjson.OPT_INDENT_2))
    else:
        _tell(report, label_secrets)
    if any(not one.advice for one in report.left) or any(one.result in ("failed", "waiting", "skipped") for one in report.steps):
        sys.exit(1)


def _reported(path: Path, asked: Asked, *, quiet: bool) -> RepairReport:
    """The report of a repair whose steps are told as they end."""
    from extension.delivery import kubeconfig  # noqa: PLC0415
    from extension.delivery.client import Client  # noqa: PLC0415
    from extension.rancher.repair.reading import Kubernetes  # noqa: PLC0415
    from extension.rancher.repair.repairs import repair  # noqa: PLC0415

    client = Client(kubeconfig.read(kubeconfig.read_file(path, str(path)), str(path), path.resolve().parent))
    try:
        return repair(Kubernetes(client), asked, (lambda _: None) if quiet else click.echo)
    finally:
        client.close()


def _tell(report: RepairReport, label_secrets: bool) -> None:
    """What there is to say beside the steps that were told already: all of it after a dry run, what is left after a repair."""
    for one in report.left:
        click.echo(f"{'advice' if one.advice else 'wrong'}: {one.rule}: {one}")
    if report.dry_run:
        for step in report.steps:
            click.echo(step)
    if report.dry_run and report.steps:
        click.echo("nothing was written; --fix does what is planned")
    elif not report.left:
        click.echo("nothing is wrong")
    if not label_secrets and any(one.rule == "NotBackedUp" for one in report.left):
        click.echo("--fix --label-secrets labels the Secrets that are in no backup")
