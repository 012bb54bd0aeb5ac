"""The URL of the database may hold a password: it is taken from any place and shown in none."""

from __future__ import annotations

from click.testing import CliRunner

from extension.cli import main
from extension.settings import Settings, load

URL = "postgresql://someone:canary@db.example.org/store"


def test_the_store_is_a_file_until_a_database_is_named(tmp_path):
    assert Settings(state_dir=tmp_path).store == tmp_path / "store.db"
    named = load({"state_dir": tmp_path}, {"RANCHER_CD_DATABASE_URL": URL})
    assert (named.store, named.store_key) == (URL, tmp_path / "store.db.key")


def test_no_help_and_no_printed_settings_show_it(monkeypatch):
    monkeypatch.setenv("RANCHER_CD_DATABASE_URL", URL)
    shown = CliRunner().invoke(main, ["serve", "--help"]).output
    assert "RANCHER_CD_DATABASE_URL" in shown
    assert "canary" not in shown
    assert "canary" not in repr(Settings(database_url=URL))
