"""Charts for the CLI: the service's own fetchers, with credentials from files and environment."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from extension.engine.charts import TreeCharts
from extension.objects.kinds import Secret
from extension.rendering.helm import NativeHelm
from extension.settings import Settings
from extension.sources.build import fetcher
from extension.sources.credentials import HelmAccess, helm_credentials, helm_credentials_by_path
from extension.sources.gitrepos import GitRepoCharts
from extension.sources.trust import TLS


def local(options: dict[str, Any]) -> TreeCharts:
    """Charts fetched by this process; what it keeps while it runs is in a folder that goes when it ends."""
    scratch = tempfile.mkdtemp(prefix="rancher-cd-")
    atexit.register(shutil.rmtree, scratch, ignore_errors=True)
    charts = GitRepoCharts(fetcher(Settings(state_dir=Path(scratch)), os.environ), _access(options), TLS())
    return TreeCharts(charts, NativeHelm().update_dependencies)


def _access(options: dict[str, Any]) -> HelmAccess:
    if options["helm_credentials_by_path_file"]:
        data = {"secrets-path.yaml": Path(options["helm_credentials_by_path_file"]).read_bytes()}
        return HelmAccess(by_path=helm_credentials_by_path(Secret(data=data)), url_regex=options["helm_repo_url_regex"])
    data = {}
    for key, option in (("password", "password_file"), ("cacerts", "cacerts_file"), ("ssh-privatekey", "ssh_privatekey_file")):
        if options[option]:
            content = Path(options[option]).read_bytes()
            data[key] = content.strip() if key == "password" else content
    flags = (("insecureSkipVerify", options["helm_insecure_skip_tls"]), ("basicHTTP", options["helm_basic_http"]))
    data |= {key: b"true" for key, on in flags if on}
    if options["username"]:
        data["username"] = options["username"].encode()
    return HelmAccess(default=helm_credentials(Secret(data=data)), url_regex=options["helm_repo_url_regex"])
