"""What the agent makes of the hub's answers, and of those of others in its place."""

from __future__ import annotations

import pytest
from requests.structures import CaseInsensitiveDict

from extension.agent.link import HttpLink
from extension.objects.agents import RegistrationRequest, ReportBatch
from extension.objects.errors import Busy, NotFound, Unavailable
from extension.sources.http import Response

PAGE = b"<html>Please log in</html>"
OTHER = b'{"items": 7, "accepted": "x", "objects": 1, "key": 1}'
CALLS = {
    "register": lambda link: link.register("secret", RegistrationRequest("one")),
    "check-in": lambda link: link.check_in("key", ""),
    "another key": lambda link: link.renew("key"),
    "copies": lambda link: link.copies("key", 1),
    "report": lambda link: link.report("key", ReportBatch()),
}


class Answering:
    """`sources.http.Http` that answers this."""

    def __init__(self, status: int, body: bytes, **headers: str) -> None:
        self._answer = Response(status, "https://hub.test/agent/v1/x", CaseInsensitiveDict(headers), body)

    def request(self, *_args, **_more):
        return self._answer


def link(*answer, **headers):
    return HttpLink(Answering(*answer, **headers), "https://hub.test")


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("body", [PAGE, b"", OTHER], ids=["a page", "nothing", "another shape"])
def test_what_answers_in_place_of_the_hub_is_named_and_ends_nothing(name, body):
    with pytest.raises(Unavailable, match="not the hub's") as error:
        CALLS[name](link(200, body))
    assert "an ingress" in error.value.hint and error.value.where.startswith("https://hub.test/")


@pytest.mark.parametrize(("status", "error"), [(404, NotFound), (429, Busy), (503, Busy)])
def test_a_page_that_refuses_is_the_refusal_that_its_status_says(status, error):
    with pytest.raises(error, match=str(status)):
        link(status, PAGE).check_in("key", "")
