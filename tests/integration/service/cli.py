"""`rancher-cd` in this process against a service in another, as its terminal shows it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from extension.cli import main
from extension.objects import yaml


@dataclass(frozen=True)
class Cli:
    """The command with a service's address and a token. `does` is for what must work, `fails` for what must be refused."""

    url: str
    token: str

    def run(self, *arguments: str, text: str | None = None, folder: Path | None = None) -> Any:
        environment = {"RANCHER_CD_URL": self.url, "RANCHER_CD_TOKEN": self.token, "RANCHER_CD_TOKEN_FILE": None, "NAMESPACE": None}
        before = Path.cwd()
        os.chdir(folder or before)
        try:
            return CliRunner().invoke(main, arguments, input=text, env=environment)
        finally:
            os.chdir(before)

    def does(self, *arguments: str, text: str | None = None, folder: Path | None = None) -> str:
        result = self.run(*arguments, text=text, folder=folder)
        assert result.exit_code == 0, result.output
        return str(result.stdout)

    def fails(self, *arguments: str, text: str | None = None, folder: Path | None = None) -> str:
        """The one message of a refusal, which exits 1."""
        result = self.run(*arguments, text=text, folder=folder)
        assert result.exit_code == 1, result.output
        assert result.stderr.startswith("Error: ") and len(result.stderr.splitlines()) == 1, result.stderr
        assert isinstance(result.exception, SystemExit), "a traceback"
        return str(result.stderr.strip())

    def documents(self, *arguments: str, text: str | None = None, folder: Path | None = None) -> list[Any]:
        return list(yaml.load_all(self.does(*arguments, text=text, folder=folder)))

    def cells(self, *arguments: str) -> list[list[str]]:
        """The lines of a table, each as its words."""
        return [line.split() for line in self.does(*arguments).splitlines()]

    def in_a_process(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """As a shell runs it."""
        command = [sys.executable, "-c", "from extension.cli import main; main()", *arguments]
        variables = {**os.environ, "RANCHER_CD_URL": self.url, "RANCHER_CD_TOKEN": self.token, **environment}
        return subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=60)
