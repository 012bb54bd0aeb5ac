"""Whose fault it is when Helm fails: the cluster's that can't be reached, or the deployment's own."""

from __future__ import annotations

import pytest

from extension.objects.errors import Invalid, Unavailable
from extension.rendering.helm_release import _said

URL = "https://10.0.0.1:6443/api/v1/namespaces/web/secrets/sh.helm.release.v1.web.v2"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f'update: failed to update: Put "{URL}": read tcp 10.0.0.2:5->10.0.0.1:6443: read: connection reset by peer', Unavailable),
        (f'query: failed to query with labels: Get "{URL}": http2: client connection lost', Unavailable),
        (f'create: failed to create: Post "{URL}": unexpected EOF', Unavailable),
        (f'Get "{URL}": net/http: request canceled (Client.Timeout exceeded while awaiting headers)', Unavailable),
        ("kubernetes cluster unreachable: dial tcp 10.0.0.1:6443: connect: connection refused", Unavailable),
        (
            'Internal error occurred: failed calling webhook "x.example.org": failed to call webhook: '
            'Post "https://x.web.svc:443/validate?timeout=10s": dial tcp 10.0.0.3:443: connect: connection refused',
            Invalid,
        ),
        ('conversion webhook for example.org/v1, Kind=A failed: Post "https://x.web.svc:443/convert": EOF', Invalid),
        ('admission webhook "x.example.org" denied the request: no', Invalid),
        ('ConfigMap in version "v1" cannot be handled as a ConfigMap', Invalid),
        ('Secret "sh.helm.release.v1.web.v1" is invalid: data: Too long: may not be more than 1048576 bytes', Invalid),
    ],
)
def test_a_cluster_is_away_only_when_it_gives_no_answer(text, kind):
    error = _said("web", Exception(text))
    assert type(error) is kind and error.where == "release web"
