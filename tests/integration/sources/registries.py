"""An OCI registry on loopback."""

from __future__ import annotations

import hashlib
import json
import ssl

from tests.integration.sources.servers import Handler, Server, basic


def registry(
    charts: dict[tuple[str, str], bytes],
    *,
    login: str = "",
    token: bool = False,
    tls: ssl.SSLContext | None = None,
    tells_digest: bool = True,
) -> Server:
    """An OCI registry with `charts` by (repository, tag), two tags a page; `token`: logins are exchanged for a bearer token."""
    blobs: dict[str, bytes] = {}
    manifests: dict[tuple[str, str], bytes] = {}
    for (name, tag), data in charts.items():
        digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
        blobs[digest] = data
        layer = {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": digest, "size": len(data)}
        config = {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": digest, "size": len(data)}
        document = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": [layer]}
        manifests[name, tag] = json.dumps(document).encode()

    class Registry(Handler):
        def do_GET(self) -> None:  # noqa: N802
            path, _, query = self.path.partition("?")
            if path == "/token":
                self._token()
                return
            if not self._allowed():
                return
            name, _, rest = path.removeprefix("/v2/").rpartition("/")
            name, _, kind = name.rpartition("/")
            if kind == "tags":
                self._tags(name, query)
            elif kind == "manifests" and (name, rest) in manifests:
                digest = {"Docker-Content-Digest": f"sha256:{hashlib.sha256(manifests[name, rest]).hexdigest()}"} if tells_digest else {}
                self.reply(200, manifests[name, rest], {"Content-Type": "application/vnd.oci.image.manifest.v1+json", **digest})
            elif kind == "blobs" and rest in blobs:
                self.reply(200, blobs[rest])
            else:
                self.reply(404, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}')

        def do_HEAD(self) -> None:  # noqa: N802
            self.do_GET()

        def _allowed(self) -> bool:
            if not login:
                return True
            if not token:
                return self.let_in()
            if self.headers.get("Authorization") == "Bearer good":
                return True
            realm = f"{self.server.url}/token"  # type: ignore[attr-defined]
            self.reply(401, b"", {"WWW-Authenticate": f'Bearer realm="{realm}",service="test",scope="repository:x:pull"'})
            return False

        def _token(self) -> None:
            if self.headers.get("Authorization") == basic(login):
                self.reply(200, b'{"token":"good"}')
            else:
                self.reply(401, b"{}")

        def _tags(self, name: str, query: str) -> None:
            tags = [tag for known, tag in charts if known == name]
            start = int(query.partition("from=")[2] or 0)
            following = {"Link": f'</v2/{name}/tags/list?from={start + 2}>; rel="next"'} if start + 2 < len(tags) else {}
            self.reply(200 if tags else 404, json.dumps({"name": name, "tags": tags[start : start + 2]}).encode(), following)

    Registry.login = login
    return Server(Registry, tls)
