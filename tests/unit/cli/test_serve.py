"""`rancher-cd serve`: a flag, a variable and a key for every setting, and addresses of both kinds."""

from __future__ import annotations

import dataclasses
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, get_type_hints

import click
import pytest

from extension.commands.serve import command
from extension.objects.errors import Invalid
from extension.settings import Settings, flag, load, variable
from tests.unit.cli.test_offline import attempt, run

FIELDS = {field.name: field for field in dataclasses.fields(Settings)}
HINTS = get_type_hints(Settings)
OTHERS: dict[str, Any] = {"log_level": "debug", "log_format": "json", "engine": "fleet"}
"""Values that are not the default, where not every value of the type will do."""


def other(name: str) -> Any:
    """A value of a setting that is not its default."""
    if name in OTHERS or HINTS[name] is bool:
        return OTHERS.get(name, True)
    return Path("/elsewhere") if HINTS[name] is Path else HINTS[name]("7")


@pytest.mark.parametrize("name", FIELDS)
def test_every_setting_has_a_flag_that_tells_its_meaning_its_variable_and_its_default(name: str) -> None:
    option = next(p for p in command.params if p.name == name)
    assert isinstance(option, click.Option) and option.opts == [flag(name)]
    text = option.help or ""
    assert text.startswith(FIELDS[name].metadata["help"]) and f"[env var: {variable(name)}" in text
    default = FIELDS[name].default
    assert default in (dataclasses.MISSING, "", False) or f"; default: {default}]" in text
    assert command.make_context("serve", []).params[name] is None, "a default of the flag would win over the variable"


@pytest.mark.parametrize("name", FIELDS)
def test_a_flag_wins_over_a_variable_and_a_variable_over_the_file(name: str, tmp_path: Path) -> None:
    key = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
    file = tmp_path / "settings.yaml"
    value = other(name)
    file.write_text(f"{key}: {str(value).lower() if value is True else value}\n")
    plain = str(getattr(Settings(), name)).lower() if HINTS[name] is bool else str(getattr(Settings(), name))
    more = {"rancher_url": "https://rancher"} if name == "engine" else {}
    assert getattr(load(more, {}, file), name) == value
    assert getattr(load(more, {variable(name): plain}, file), name) == getattr(Settings(), name)
    assert getattr(load({name: value, **more}, {variable(name): plain}, file), name) == value


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"RANCHER_CD_THREADS": "0"}, "RANCHER_CD_THREADS: 0 is not a number of at least 2"),
        ({"RANCHER_CD_PORT": "-1"}, "RANCHER_CD_PORT: -1 is not a number of at least 0"),
        ({"RANCHER_CD_DRIFT_INTERVAL": "nan"}, "RANCHER_CD_DRIFT_INTERVAL: nan is not a number of at least 0.1"),
        ({"RANCHER_CD_POLLING_INTERVAL": "inf"}, "RANCHER_CD_POLLING_INTERVAL: inf is not a number of at least 0.1"),
        ({"RANCHER_CD_LOG_LEVEL": "loud"}, "RANCHER_CD_LOG_LEVEL: 'loud' is not one of debug, info, warning, error"),
        ({"RANCHER_CD_WORKERS": "many"}, "RANCHER_CD_WORKERS: 'many' is not a int"),
    ],
)
def test_a_value_that_can_not_be_is_refused_by_its_place(environ: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        load({}, environ)
    assert str(caught.value) == said


def test_the_local_cluster_is_named_once() -> None:
    with pytest.raises(Invalid) as caught:
        load({"kubeconfig": "k"}, {"RANCHER_CD_SERVICE_ACCOUNT_DIR": "d"})
    assert str(caught.value).startswith("--kubeconfig, --service-account-dir: both name the cluster fleet-local/local")


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({}, "--engine: the engine fleet has no users of its own"),
        ({"api_service": "a/b", "database_url": "postgresql://db/x"}, "--database-url: the engine fleet keeps everything"),
    ],
)
def test_the_engine_of_a_rancher_server_has_its_users_and_no_database(flags: dict[str, str], said: str) -> None:
    with pytest.raises(Invalid) as caught:
        load({"engine": "fleet", **flags}, {})
    assert str(caught.value).startswith(said)


def test_a_flag_that_can_not_be_is_refused_before_anything_starts(tmp_path: Path) -> None:
    result = attempt("serve", "--threads", "1", "--state-dir", str(tmp_path / "state"))
    assert (result.exit_code, result.stderr) == (1, "Error: --threads: 1 is not a number of at least 2\n")
    assert not (tmp_path / "state").exists()


def test_the_manual_has_every_setting() -> None:
    text = (Path(__file__).parents[3] / "docs" / "cli.md").read_text()
    rows = dict(re.findall(r"^\| `--([\w-]+)` \|(.*) \|$", text, re.MULTILINE))
    wanted = {name.replace("_", "-"): FIELDS[name] for name in FIELDS}
    assert wanted.keys() <= rows.keys()
    for name, field in wanted.items():
        assert rows[name].endswith(field.metadata["help"]), name


def test_help_needs_no_service() -> None:
    assert "RANCHER_CD_GIT_CLIENT_TIMEOUT" in run("serve", "--help")


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("::", "[::]:80"), ("localhost", "localhost:80")],
)
def test_an_address_is_written_as_in_a_url(host: str, address: str) -> None:
    settings = Settings(host=host, port=80)
    assert (settings.address, settings.url) == (address, f"http://{address}")


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no ::1")


@ipv6
def test_a_taken_port_of_an_ipv6_address_is_told_before_anything_starts(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET6) as taken:
        taken.bind(("::1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = attempt("serve", "--host", "::1", "--port", str(port), "--state-dir", str(tmp_path / "state"))
    assert result.exit_code == 1
    assert f"Error: can't listen on [::1]:{port}: Address already in use" in result.stderr


@ipv6
@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_the_service_listens_on_an_ipv6_address_and_says_so_in_a_url(host: str, tmp_path: Path) -> None:
    with served(tmp_path, "--host", host) as line:
        found = re.fullmatch(r"url: (http://\[::1\]:\d+)\n", line)
        assert found, line
        assert _status(f"{found[1]}/healthz") == 200


def test_a_proxy_that_is_believed_says_nothing_of_the_path(tmp_path: Path) -> None:
    with served(tmp_path, FORWARDED_ALLOW_IPS="*") as line:
        url = line.removeprefix("url: ").strip()
        assert _status(f"{url}/healthz") == 200
        assert _status(f"{url}/nowhere/healthz", {"SCRIPT_NAME": "/nowhere"}) == 404


@contextmanager
def served(folder: Path, *flags: str, **environ: str) -> Iterator[str]:
    """The line in which a service that answers tells its address."""
    start = [sys.executable, "-c", "from extension.cli import main; main()", "serve", "--port", "0", "--state-dir", str(folder), *flags]
    ours = {**os.environ, **environ}
    with subprocess.Popen(start, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ours) as service:
        assert service.stdout is not None
        try:
            line = service.stdout.readline()
            service.stdout.readline()  # the token comes when the service is about to answer
            yield line
        finally:
            service.send_signal(signal.SIGTERM)
            service.stdout.read()


def _status(url: str, headers: Mapping[str, str] | None = None) -> int:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers=dict(headers or {})), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
