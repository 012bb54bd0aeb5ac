"""The extension of Rancher's dashboard, for Rancher to fetch: what `ui-assets/rancher` was built into (`rancher-integration.md` 5).

Rancher's server reads `files.txt` and each file that it names, once a version, and serves those to browsers itself. So the version is
in the path, and what was built for another version is not there: during an upgrade Rancher asks again until the newer process
answers. Anybody may read it, as anybody may read the extension's source; it holds no data.
"""

from __future__ import annotations

import json
from pathlib import Path

from flask import Blueprint, Response, current_app

from api.ui import FOLDER, PAGES, built
from extension.objects.errors import NotFound

blueprint = Blueprint("plugin", __name__)

PACKAGE = "plugin/package.json"


@blueprint.get("/ui-assets/<version>/<path:name>")
def file(version: str, name: str) -> Response:
    if version != _version():
        raise NotFound(f"there is no extension of version {version[:40]}", hint="see `catalog.cattle.io/v1 UIPlugin`, spec.plugin.version")
    return built("no-cache", "rancher", name)


def _version() -> str:
    """Of the extension that was built; empty when none was."""
    path = Path(current_app.config.get(FOLDER, PAGES)) / "rancher" / PACKAGE
    return str(json.loads(path.read_bytes())["version"]) if path.is_file() else ""
