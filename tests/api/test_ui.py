"""The pages' door: what is served where, under which policy, and what never is."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import ui


@pytest.fixture
def client(app: Flask, tmp_path: Path) -> FlaskClient:
    pages = tmp_path / "pages"
    (pages / "assets").mkdir(parents=True)
    (pages / "index.html").write_text("<!doctype html><title>pages</title>")
    (pages / "assets" / "index-abc.js").write_text("let a")
    (pages / "assets" / "index-abc.js.gz").write_bytes(gzip.compress(b"let a"))
    (tmp_path / "secret.txt").write_text("secret")
    app.config[ui.FOLDER] = pages
    return app.test_client()


@pytest.mark.parametrize("place", ["/", "/w/", "/w/_/clusters", "/w/fleet-default/gitrepos/web?tab=bundles"])
def test_every_place_of_the_pages_is_the_page_and_runs_only_its_own_files(client: FlaskClient, place: str) -> None:
    answer = client.get(place)
    assert (answer.status_code, answer.mimetype, answer.text) == (200, "text/html", "<!doctype html><title>pages</title>")
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize("place", ["/v1/nothing", "/agent/v1/nothing", "/apis/nothing", "/wherever", "/assets/", "/openapi.json", "/docs"])
def test_no_other_place_is_the_page(client: FlaskClient, place: str) -> None:
    assert "<title>pages</title>" not in client.get(place).text


def test_a_built_file_is_kept_for_ever_and_gzipped_for_who_takes_that(client: FlaskClient) -> None:
    plain = client.get("/assets/index-abc.js")
    assert (plain.text, plain.mimetype, plain.headers["Cache-Control"]) == ("let a", "text/javascript", ui.FOR_EVER)
    packed = client.get("/assets/index-abc.js", headers={"Accept-Encoding": "gzip, br"})
    assert (gzip.decompress(packed.data), packed.mimetype, packed.headers["Content-Encoding"]) == (b"let a", "text/javascript", "gzip")
    assert plain.headers["Vary"] == packed.headers["Vary"] == "Accept-Encoding"


@pytest.mark.parametrize("name", ["../index.html", "..%2fsecret.txt", "%2e%2e/%2e%2e/secret.txt", "../../secret.txt", "none.js"])
def test_nothing_outside_of_the_built_files_is_served(client: FlaskClient, name: str) -> None:
    answer = client.get(f"/assets/{name}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_without_built_pages_the_door_tells_how_to_build_them(app: Flask, tmp_path: Path) -> None:
    app.config[ui.FOLDER] = tmp_path / "none"
    answer = app.test_client().get("/")
    assert answer.status_code == 503
    assert "make ui" in answer.text
