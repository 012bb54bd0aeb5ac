"""The extension of Rancher's dashboard as Rancher's server fetches it: which files there are, of which version, and for whom."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from api import ui
from api.app import create_app
from api.services import Services
from extension import __version__
from extension.rancher.doors import Doors
from extension.rancher.reviewing import Reviews

ROOT = Path(__file__).parents[2]
BUILT = ui.PAGES / "rancher"
SCRIPT = f"plugin/continuous-delivery-{__version__}.umd.min.js"


@pytest.fixture
def rancher(services: Services) -> Flask:
    return create_app(dataclasses.replace(services, rancher=Doors(Reviews(lambda _, body: body), lambda _: None)))


@pytest.fixture
def client(rancher: Flask, tmp_path: Path) -> FlaskClient:
    built = tmp_path / "pages" / "rancher"
    (built / "plugin").mkdir(parents=True)
    (built / "files.txt").write_text("plugin/a.js\nplugin/package.json\n")
    (built / "plugin" / "a.js").write_text("let a")
    (built / "plugin" / "package.json").write_text('{"version": "1.2.3"}')
    (tmp_path / "pages" / "index.html").write_text("page")
    rancher.config[ui.FOLDER] = tmp_path / "pages"
    return rancher.test_client()


def test_every_file_that_is_named_is_there_for_whoever_asks(client: FlaskClient) -> None:
    names = client.get("/ui-assets/1.2.3/files.txt").text.split()
    assert {name: client.get(f"/ui-assets/1.2.3/{name}").text for name in names} == {
        "plugin/a.js": "let a",
        "plugin/package.json": '{"version": "1.2.3"}',
    }
    assert client.get("/ui-assets/1.2.3/plugin/a.js").mimetype == "text/javascript"


@pytest.mark.parametrize("path", ["1.2.4/files.txt", "1.2.3/plugin/b.js", "1.2.3/../index.html", "1.2.3/..%2findex.html", "1.2.3/"])
def test_another_version_and_any_other_file_is_not_there(client: FlaskClient, path: str) -> None:
    answer = client.get(f"/ui-assets/{path}")
    assert answer.status_code == 404
    assert answer.json["code"] == "NotFound"


def test_what_was_not_built_is_not_there(rancher: Flask, tmp_path: Path) -> None:
    rancher.config[ui.FOLDER] = tmp_path
    assert rancher.test_client().get(f"/ui-assets/{__version__}/files.txt").status_code == 404


def test_a_service_with_its_own_users_has_no_extension(app: Flask) -> None:
    assert app.test_client().get(f"/ui-assets/{__version__}/files.txt").status_code == 404


def test_the_extension_has_the_version_of_everything_else() -> None:
    assert json.loads((ROOT / "ui-assets" / "package.json").read_text())["version"] == __version__


@pytest.mark.skipif(not BUILT.is_dir(), reason="the extension is not built: make ui")
def test_the_built_extension_is_as_rancher_s_server_and_its_dashboard_want_it() -> None:
    names = (BUILT / "files.txt").read_text().split("\n")
    assert names == [SCRIPT, "plugin/package.json", ""]
    assert not [name for name in names if re.search(r"^[/\\.]|\.\.", name)], "what Rancher refuses in files.txt"
    assert {path.relative_to(BUILT).as_posix() for path in BUILT.rglob("*") if path.is_file()} == {*names[:2], "files.txt"}
    package = json.loads((BUILT / "plugin" / "package.json").read_text())
    assert (package["name"], package["version"]) == ("continuous-delivery", __version__)
    script = (BUILT / SCRIPT).read_text()
    assert f"continuous-delivery-{__version__}" in script, "the global by which the dashboard finds it"
    assert len(script) < 30 * 1024 * 1024
