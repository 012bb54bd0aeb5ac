"""The Git repository of the demonstration, made of examples/: what it deploys, and what a person commits to."""

from __future__ import annotations

import shutil
from pathlib import Path

from extension.objects.errors import Unavailable

EXAMPLES = Path(__file__).parents[2] / "examples"


def repository(state_dir: Path) -> Path:
    """Where the demonstration of a service with this state keeps its repository."""
    return state_dir / "demo" / "repo"


def make_repository(folder: Path) -> Path:
    """A Git repository of the examples. Raises Unavailable when they are not there (they come with a checkout)."""
    if (folder / ".git").exists():
        return folder
    if not EXAMPLES.is_dir():
        raise Unavailable("the examples are missing", where=str(EXAMPLES), hint="run it from a checkout, or without --demo")
    shutil.copytree(EXAMPLES, folder, dirs_exist_ok=True)
    import git  # noqa: PLC0415 (takes 0.15 s, for a demonstration's first start only)

    author = git.Actor("Demo", "demo@example.org")
    with git.Repo.init(folder, initial_branch="main") as made:
        with made.config_writer() as config:
            config.set_value("user", "name", author.name).set_value("user", "email", author.email)
        made.index.add("*")
        made.index.commit("The examples", author=author, committer=author)
    return folder
