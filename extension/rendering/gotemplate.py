"""Fleet's `${ }` templates, evaluated by Go's own template engine (`fleet-semantics.md` 2.7).

Fleet parses values as Go templates with other delimiters and sprig's functions. The engine at hand is Helm's:
the same parser and the same sprig, but with fixed delimiters and more functions. So a text is translated: a small
lexer finds where each action ends (a brace in a string or a comment is not the end), `${` and `}` become double
braces, and literal braces become actions that print one. The context is handed over as data, so nothing in it is
ever parsed. Functions only Helm offers are refused with the words Go uses for an unknown one.

Two traps the translation closes: Helm turns the text `<no value>` into nothing, and sprig's `fromJson` is replaced by
one that only reads objects. The output leaves the engine in base64, and `fromJson` is spelled `mustFromJson`, which
is the same but for invalid JSON, where Fleet's gives null and this one is an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from extension.objects.errors import Invalid

Engine = Callable[[str, Mapping[str, Any], str], str]
"""Evaluates Helm template source with a context under a name; `Helm.evaluate` or the pool's."""

LEFT = "${"
_REFUSED = frozenset(
    (
        *("env", "expandenv", "include", "tpl", "getHostByName", "lookup", "required"),
        *("toYaml", "mustToYaml", "toYamlPretty", "fromYaml", "fromYamlArray"),
        *("toToml", "mustToToml", "fromToml", "mustFromToml", "fromJsonArray"),
    )
)
_RENAMED = {"fromJson": "mustFromJson"}
_TOKEN = re.compile(
    r"""(?P<end>\})
    |(?P<quoted>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)
    |(?P<comment>/\*.*?\*/)
    |(?P<field>[.$][\w.]*)
    |(?P<word>[^\W\d]\w*)
    |(?P<other>\d[\w.]*|.)""",
    re.VERBOSE | re.DOTALL,
)


class GoTemplates:
    """Evaluates `${ }` texts. `engine` may be in this process or in the rendering pool; it must be thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def evaluate(self, text: str, context: Mapping[str, Any], name: str = "values") -> str:
        """`text` with its actions replaced; `.` and `$` are `context` (plain JSON data), a missing key is an error.

        Raises Invalid naming `name`, the line and the cause.
        """
        if LEFT not in text:
            return text
        return self._engine(translate(text, name), context, name)


def translate(text: str, name: str = "values") -> str:
    """A `${ }` template as source for Helm's engine. Raises Invalid for a function that Fleet doesn't offer."""
    out: list[str] = []
    at = 0
    while (start := text.find(LEFT, at)) >= 0:
        out.append(_literal(text[at:start]))
        at = start + len(LEFT)
        out.append("{{")
        pieces = list(_action(text, at, name))
        out.extend(piece for piece, _ in pieces)
        at = pieces[-1][1] if pieces else at
    out.append(_literal(text[at:]))
    return "".join(out)


def _literal(text: str) -> str:
    return text.replace("{", '{{"{"}}')


def _action(text: str, at: int, name: str) -> Iterator[tuple[str, int]]:
    """The pieces of one action, its end included, each with the position behind it. An unclosed one is left to Go."""
    while found := _TOKEN.match(text, at):
        at = found.end()
        kind, piece = found.lastgroup, found[0]
        if kind == "end":
            yield "}}", at
            return
        if kind == "word":
            if piece in _REFUSED:
                line = text.count("\n", 0, at) + 1
                raise Invalid(f'template: {name}:{line}: function "{piece}" not defined', hint="Fleet offers sprig's text functions only")
            piece = _RENAMED.get(piece, piece)
        yield piece, at
