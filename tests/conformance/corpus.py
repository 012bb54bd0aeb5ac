"""The recorded cases: what is asked, the tree it is asked of, and what the real Fleet answered (README.md)."""

from __future__ import annotations

import base64
import gzip
import io
import json
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from extension.objects import yaml
from extension.objects.base import ObjectMeta
from extension.objects.codec import decode
from extension.objects.kinds import GitRepo, GitRepoSpec

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    name: str
    given: dict[str, Any]

    @property
    def gitrepo(self) -> GitRepo:
        repo = self.given["gitrepo"]
        meta = ObjectMeta(name=repo["name"], namespace=self.given["workspace"], labels=repo.get("labels", {}))
        return GitRepo(metadata=meta, spec=decode(GitRepoSpec, repo.get("spec", {})))

    def recorded(self, file: str) -> Any:
        """The content of a recorded JSON file, None when there is none."""
        path = CASES / self.name / file
        return json.loads(path.read_bytes()) if path.exists() else None

    def errors(self, step: str) -> str:
        path = CASES / self.name / "error.txt"
        blocks = path.read_text().split("step: ") if path.exists() else []
        return "".join(block.partition("\n")[2] for block in blocks if block.startswith(step))

    def prepare(self, tmp_path: Path) -> Path:
        """A copy of the case's tree with everything it generates."""
        source = CASES / self.name
        root = tmp_path / "repo"
        root.mkdir()
        for part in ("repo", "outside"):
            if (source / part).exists():
                shutil.copytree(source / part, tmp_path / part, symlinks=True, dirs_exist_ok=True)
        for wanted in self.given.get("generate", ()):
            _generate(root, wanted)
        if "symlinks" in self.given["features"]:
            _relink(root)
        return root


def _relink(root: Path) -> None:
    """Links are kept in the corpus as git keeps them without link support: a file that holds the target."""
    for path in [p for p in root.rglob("*") if p.is_file() and p.stat().st_size < 200]:
        text = path.read_text()
        if "\n" not in text and (path.parent / text).exists():
            path.unlink()
            path.symlink_to(text)


def _generate(root: Path, wanted: dict[str, Any]) -> None:
    if "mkdir" in wanted:
        (root / wanted["mkdir"]).mkdir(parents=True, exist_ok=True)
        return
    path = root / wanted["path"]
    path.parent.mkdir(parents=True, exist_ok=True)
    if "base64" in wanted:
        path.write_bytes(base64.b64decode(wanted["base64"]))
    elif "tgzOf" in wanted:
        path.write_bytes(_packed(root / wanted["tgzOf"]))
        if wanted.get("removeSource"):
            shutil.rmtree(root / wanted["tgzOf"])
    else:
        count = wanted["size"] // len(wanted["line"].encode()) + 1
        path.write_text(wanted["head"] + "".join(wanted["line"].replace("%d", str(i)) for i in range(count)))


def _packed(folder: Path) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for file in sorted(p for p in folder.rglob("*") if p.is_file()):
            info = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder)}")
            info.size = file.stat().st_size
            tar.addfile(info, io.BytesIO(file.read_bytes()))
    return gzip.compress(packed.getvalue(), mtime=0)


def cases() -> list[Case]:
    found = [Case(path.parent.name, yaml.load(path.read_bytes())) for path in sorted(CASES.glob("*/case.yaml"))]
    assert found, "the recorded cases are missing"
    return found
