"""A pod of an installed Deployment where there is no kubelet: its container's arguments, variables and volumes, as the API server
holds them, make a process in a root of its own. That root is read-only, the process is no root and has no capability, so
what the manifests leave out is missing here too.
"""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from extension.delivery.client import Client, Kind
from tests.integration.service.running import Service

ROOT = Path(__file__).parents[3]
ENTRY_POINT = [sys.executable, "-c", "from extension.cli import main; main()"]
"""What the image's `rancher-cd` is."""
CA = "kube-root-ca.crt"

SECRETS = Kind("v1", "Secret", "secrets", True)
CONFIG_MAPS = Kind("v1", "ConfigMap", "configmaps", True)


def missing() -> str:
    """What keeps a pod from being made, empty when nothing does."""
    if os.geteuid() != 0:
        return "mounting needs root"
    tried = subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False)
    return "" if tried.returncode == 0 else "this machine lets nobody make mount namespaces"


def image_environment() -> dict[str, str]:
    """The variables of the image."""
    (line,) = re.findall(r"^ENV (.*)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    return dict(word.split("=", 1) for word in line.split())


class Pod:
    """One pod of the Deployment, with volumes in `folder`. One that is not `contained` has no root of its own, for tests that are not of
    that: the volumes' folders take the place of where they would be mounted."""

    def __init__(
        self, client: Client, deployment: Mapping[str, Any], folder: Path, reach: Path | None = None, *, contained: bool = True
    ) -> None:
        self._client = client
        self._namespace = deployment["metadata"]["namespace"]
        self._spec = deployment["spec"]["template"]["spec"]
        (self._container,) = self._spec["containers"]
        self._folder, self._contained = folder, contained
        folder.mkdir()
        folder.chmod(0o755)
        self._user = self._spec["securityContext"]["runAsUser"]
        assert self._spec["securityContext"]["runAsNonRoot"] and self._container["securityContext"]["readOnlyRootFilesystem"]
        self.environment = self._environment()
        if not contained:
            self.environment = {name: self._outside(value) for name, value in self.environment.items()}
        self._mounts = folder / "mounts"
        lines = [self._mount(mount) for mount in self._container["volumeMounts"]]
        if reach:  # a socket's folder of this machine, for what a pod reaches over the network
            lines.append(f"{reach}\t{reach}\trw")
        self._mounts.write_text("".join(f"{line}\n" for line in lines))

    @property
    def state(self) -> Path:
        return self._folder / "state"

    @property
    def token(self) -> str:
        """The service account's, as the pod sees it."""
        return (self._folder / "service-account" / "token").read_text()

    def start(self) -> Service:
        log = self._folder / "log"
        with log.open("w") as output:
            command = self.command(*self._container["args"])
            process = subprocess.Popen(command, env=self.environment, stdout=output, stderr=subprocess.STDOUT, text=True)
        return Service(process, self.state, log)

    def execute(self, command: str) -> str:
        """What `kubectl exec ... -- COMMAND` prints."""
        program, *arguments = command.split()
        assert program == "rancher-cd"
        done = subprocess.run(self.command(*arguments), env=self.environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def command(self, *arguments: str) -> list[str]:
        """The program of the image with these arguments, in the pod."""
        return self.inside(*ENTRY_POINT, *arguments)

    def inside(self, *program: str) -> list[str]:
        """The command that starts a program in a root like that of the pod, made anew each time around the same volumes."""
        if not self._contained:
            return [self._outside(word) for word in program]
        root = self._folder / "root"
        root.mkdir(exist_ok=True)
        python = {sys.base_prefix, sys.prefix, str(ROOT)}
        kept = sorted(one for one in python if not any(one.startswith(f"{other}/") for other in (*python, "/usr")))
        script = [str(Path(__file__).with_name("rootfs.sh")), str(root), str(self._user), str(self._mounts), *kept]
        return ["unshare", "--mount", "--propagation", "private", "sh", *script, "--", *program]

    def renew_token(self) -> None:
        """Writes another token, as the kubelet does before one ends."""
        self.write_token(self._token(600))

    def write_token(self, token: str) -> None:
        """The file of the token, as the pod sees it from now on."""
        self._write(self._folder / "service-account", {"token": token.encode()})

    def _outside(self, text: str) -> str:
        """The same, with the place of a volume that it begins with replaced by the volume's folder; Python and this code stay."""
        if text.startswith((str(ROOT), sys.prefix, sys.base_prefix)):
            return text
        for mount in sorted(self._container["volumeMounts"], key=lambda mount: len(mount["mountPath"]), reverse=True):
            place = mount["mountPath"]
            if text == place or text.startswith(f"{place}/"):
                return str(self._folder / mount["name"] / mount.get("subPath", "")) + text.removeprefix(place)
        return text

    def _environment(self) -> dict[str, str]:
        server = urlsplit(self._client.server)
        service = {"KUBERNETES_SERVICE_HOST": server.hostname or "", "KUBERNETES_SERVICE_PORT": str(server.port)}
        known = {**image_environment(), "PYTHONPATH": str(ROOT), **service}
        known["PATH"] = known["PATH"].replace("$PATH", "/usr/local/bin:/usr/bin:/bin")
        for one in self._container["env"]:
            if "valueFrom" in one:
                reference = one["valueFrom"]["secretKeyRef"]
                known[one["name"]] = self._data(SECRETS, reference["name"])[reference["key"]].decode()
            else:
                known[one["name"]] = re.sub(r"\$\((\w+)\)", lambda found: known[found[1]], one["value"])
        return known

    def _mount(self, mount: Mapping[str, Any]) -> str:
        volume = next(volume for volume in self._spec["volumes"] if volume["name"] == mount["name"])
        source = self._folder / mount["name"]
        if not source.exists():
            source.mkdir()
            self._fill(source, volume)
            for path in (source, *source.rglob("*")) if self._contained else ():
                shutil.chown(path, self._user, self._spec["securityContext"]["fsGroup"])
        mode = "ro" if mount.get("readOnly") else "rw"
        return f"{source / mount.get('subPath', '')}\t{mount['mountPath']}\t{mode}"

    def _fill(self, folder: Path, volume: Mapping[str, Any]) -> None:
        if "secret" in volume:
            self._write(folder, self._data(SECRETS, volume["secret"]["secretName"]))
        elif "configMap" in volume:
            self._write(folder, self._data(CONFIG_MAPS, volume["configMap"]["name"]))
        elif "projected" in volume:
            self._projected(folder, volume["projected"])
        else:
            assert "emptyDir" in volume or "persistentVolumeClaim" in volume, volume

    def _projected(self, folder: Path, projected: Mapping[str, Any]) -> None:
        for source in projected["sources"]:
            if "serviceAccountToken" in source:
                wanted = source["serviceAccountToken"]
                self._write(folder, {wanted["path"]: self._token(wanted["expirationSeconds"]).encode()})
            else:
                data = self._data(CONFIG_MAPS, source["configMap"]["name"])
                self._write(folder, {item["path"]: data[item["key"]] for item in source["configMap"]["items"]})

    def _token(self, seconds: int) -> str:
        account = self._spec["serviceAccountName"]
        path = f"/api/v1/namespaces/{self._namespace}/serviceaccounts/{account}/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": seconds}}
        return str(self._client.request("POST", path, body=wanted)["status"]["token"])

    def _data(self, kind: Kind, name: str) -> dict[str, bytes]:
        found = self._client.get(kind, self._namespace, name)
        assert found is not None, f"{kind.kind} {name} is not there"
        if kind is SECRETS:
            return {key: base64.b64decode(value) for key, value in found["data"].items()}
        return {key: value.encode() for key, value in found["data"].items()}

    @staticmethod
    def _write(folder: Path, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o440)
