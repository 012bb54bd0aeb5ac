"""`rancher-cd plan`: what a commit, a working folder, a GitRepo, HelmOp or ClusterGroup would do, before it is merged or stored."""

from __future__ import annotations

import base64
import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import orjson

from extension.client import ApiClient, path
from extension.commands.objects import in_workspace
from extension.commands.options import WORKSPACE, connection, read_text
from extension.objects import yaml
from extension.objects.codec import decode
from extension.objects.errors import Invalid
from extension.objects.preview import PlanReport, Value
from extension.objects.yaml_dump import dump

CHANGES = 3
"""The exit code of `--exit-code` when there are changes."""
MOST = 20 * 1024 * 1024
"""Bytes of a packed folder: the service takes bodies of 32 MiB, and base64 makes four bytes of three."""
OUTPUT = click.option("-o", "--output", type=click.Choice(["text", "json", "yaml"]), default="text", show_default=True)
KINDS = ("GitRepo", "HelmOp", "ClusterGroup")


@click.command("plan")
@click.argument("gitrepo", required=False)
@WORKSPACE
@click.option("--branch", default="", help="Plan this branch instead of the GitRepo's own.")
@click.option("--revision", default="", help="Plan this tag or commit instead of the GitRepo's own.")
@click.option("--folder", type=click.Path(exists=True, file_okay=False), help="Plan this folder, the root of the repository.")
@click.option(
    "-f", "--file", default="", help="Plan the GitRepo, HelmOp or ClusterGroup of this file (- for standard input) as if it were stored."
)
@click.option("--targets-only", is_flag=True, help="Only tell which clusters the GitRepo's targets select.")
@click.option("--bundle", default="", help="Only this bundle, with more of its groups of clusters.")
@click.option("--no-diff", is_flag=True, help="Without rendering what changes.")
@click.option("--exit-code", is_flag=True, help=f"Exit {CHANGES} when there are changes.")
@OUTPUT
@connection
def command(client: ApiClient, gitrepo: str | None, namespace: str, exit_code: bool, output: str, **asked: Any) -> None:
    """Tell what GITREPO would change at a commit or with a folder, and for which clusters. Nothing is stored."""
    if bool(gitrepo) == bool(asked["file"]):
        raise click.UsageError("name a GitRepo, or a file with --file")
    told = client.request("POST", path("plans"), body=_body(gitrepo, namespace, asked))
    report = decode(PlanReport, told)
    sys.stdout.write(shown(report, told, output))
    if exit_code and report.changes:
        sys.exit(CHANGES)


def _body(gitrepo: str | None, namespace: str, asked: dict[str, Any]) -> dict[str, Any]:
    body: dict[str, Any] = {name: asked[name] for name in ("branch", "revision", "bundle") if asked[name]}
    body |= {"gitrepo": f"{namespace}/{gitrepo}"} if gitrepo else {"object": _object(asked["file"], namespace)}
    body |= {"targetsOnly": True} if asked["targets_only"] else {}
    body |= {"diffs": False} if asked["no_diff"] else {}
    return body | ({"folder": base64.b64encode(packed(Path(asked["folder"]))).decode()} if asked["folder"] else {})


def _object(file: str, namespace: str) -> dict[str, Any]:
    """The one object of a file. Raises Invalid."""
    found = [one for one in yaml.load_all(read_text(file), file) if one is not None]
    if len(found) != 1 or not isinstance(found[0], dict) or found[0].get("kind") not in KINDS:
        raise Invalid(
            f"holds no single {', '.join(KINDS[:-1])} or {KINDS[-1]}", where=file, hint="name a file with the one that is to be planned"
        )
    one = in_workspace(found[0], namespace)
    one.pop("status", None)
    return one


def shown(report: Value, told: dict[str, Any], output: str) -> str:
    """An answer as text, or as it came."""
    if output == "json":
        return orjson.dumps(told, option=orjson.OPT_INDENT_2).decode() + "\n"
    return dump(told) if output == "yaml" else str(report)


def packed(folder: Path) -> bytes:
    """The folder as a gzipped tar: its files and links, without `.git` and what git ignores. Raises Invalid for one that is too big."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.PAX_FORMAT, compresslevel=6) as tar:
        for name in sorted(_files(folder)):
            _add(tar, folder, name)
            if out.tell() > MOST:
                break
    if out.tell() > MOST:
        hint = "plan a commit with --revision, or a folder with less in it"
        raise Invalid(f"the folder has more than {MOST >> 20} MiB when packed", where=str(folder), hint=hint)
    return out.getvalue()


def _add(tar: tarfile.TarFile, folder: Path, name: str) -> None:
    """Adds a file or link; what is neither (a pipe, a submodule's folder) is left out, and so is what went meanwhile."""
    place = folder / name
    try:
        found = place.lstat()
    except FileNotFoundError:
        return
    info = tarfile.TarInfo(name)
    if stat.S_ISLNK(found.st_mode):
        info.type, info.linkname = tarfile.SYMTYPE, os.readlink(place)  # noqa: PTH115 (the text as it stands)
        tar.addfile(info)
    elif stat.S_ISREG(found.st_mode):
        data = place.read_bytes()
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))


def _files(folder: Path) -> set[str]:
    """The paths below the folder: those that git knows or would add, where it is a working copy; else all but `.git`."""
    command = ("git", "-C", str(folder), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    try:
        found = subprocess.run(command, capture_output=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return set(_walked(folder))
    return {os.fsdecode(name) for name in found.split(b"\0") if name}


def _walked(folder: Path) -> Iterator[str]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name != ".git"]
        links = [name for name in folders if (Path(place) / name).is_symlink()]
        yield from (str((Path(place) / name).relative_to(folder)) for name in (*files, *links))
