"""`rancher-cd backup` beside a running service, and `restore` of what it wrote into another one, on either kind of database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from extension.commands import folders
from tests.integration.service.running import Service, start, wait_for
from tests.unit.cli.test_connection import attempt
from tests.unit.store.places import BOTH
from tests.unit.store.places import Place as Looked

pytestmark = pytest.mark.xdist_group("backups")

TABLES_TOLD = "object: "


def created(service: Service, name: str) -> None:
    body = {"metadata": {"name": name, "namespace": "fleet-default"}, "stringData": {"password": "hunter2"}}
    assert service.call("POST", "/v1/secrets", json=body).status_code == 201


@pytest.mark.parametrize("to", BOTH)
def test_a_backup_of_a_running_service_is_restored_into_another_that_knows_its_token_and_secrets(
    tmp_path: Path, to: str, request: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "LOCK_SECONDS", 0.2)
    url = request.getfixturevalue("postgres").empty() if to == "postgresql" else ""
    database = {"RANCHER_CD_DATABASE_URL": url} if url else {}
    file, there = tmp_path / "backup" / "store.db", tmp_path / "there" / "state"
    first = start(tmp_path / "state")
    try:
        created(first, "keys")
        done = attempt("backup", str(file), "--state-dir", str(first.state))
        assert (done.exit_code, TABLES_TOLD in done.stderr) == (0, True), done.output
        created(first, "later")
        refused = attempt("restore", str(file), "--state-dir", str(first.state))
        assert refused.exit_code == 1 and "another service uses this folder" in refused.output
    finally:
        first.stop()
    done = attempt("restore", str(file), "--state-dir", str(there), **database)
    assert done.exit_code == 0, done.output
    assert url == "" or url not in done.output
    token = first.line("token: ")
    assert attempt("doctor", "--audit", "--state-dir", str(there), **database).exit_code == 0
    again = attempt("restore", str(file), "--state-dir", str(there), **database)
    assert again.exit_code == 1 and "something is there already" in again.output
    second = start(there, **database)
    try:
        wait_for(second.ready, "the service")
        assert second.line("token: ").startswith("not made anew")
        names = attempt("get", "secrets", "-o", "name", RANCHER_CD_URL=second.url, RANCHER_CD_TOKEN=token)
        assert names.exit_code == 0 and "keys" in names.output and "later" not in names.output, names.output
    finally:
        second.stop()


def test_a_service_does_not_start_on_a_store_whose_restore_did_not_end(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    Looked(state / "store.db").rows("CREATE TABLE unfinished_copy (mark TEXT NOT NULL)")
    service = start(state)
    assert service.process.wait(60) == 1
    assert "a backup or restore into it did not end" in service.log.read_text()
