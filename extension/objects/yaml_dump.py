"""Fleet documents as block-style YAML, fast: a commit of 300 bundles is a megabyte of it.

PyYAML's emitter takes a second for what this writes in hundredths. It knows only what JSON knows: maps with text
keys, lists, text, numbers, booleans, null. Text that any YAML reader (1.1 or 1.2) could take for something else is quoted;
text of several lines is a literal block where that keeps it to the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from extension.objects.codec import go_float
from extension.objects.yaml import plain

_SAFE = re.compile(r"[A-Za-z_./][A-Za-z0-9_./@+%=,()\- ]*(?::[A-Za-z0-9_./@+%=,()\-]+)*")
_NOT_LITERAL = re.compile(
    "[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"  # what a literal may not hold
    "|\\A[ \t\n]|^[ \t]+$",  # the first line tells the indentation, and blank lines may not be taken for it
    re.MULTILINE,
)
_WORDS_OF_1_2 = re.compile(
    r"[-+]?(\.inf|\.nan|0o?[0-7]+|0x[0-9a-fA-F]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?)|\d{4}-\d\d?-\d\d?.*|=|<<", re.IGNORECASE
)
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def dump(data: Any) -> str:
    """One document. Keys stay in their order."""
    out: list[str] = []
    _value(data, "", "", out)
    text = "".join(out)
    return text.removeprefix("\n") if text.startswith("\n") else text.lstrip(" ")


def dump_all(documents: Iterable[Any]) -> str:
    """The documents as one stream."""
    return "---\n".join(dump(document) for document in documents)


def _value(data: Any, indent: str, lead: str, out: list[str]) -> None:
    """Appends a value behind a key or dash; `lead` is what stands before a scalar on the same line."""
    if isinstance(data, dict) and data:
        out.append("\n")
        _entries(data, indent, out)
    elif isinstance(data, list | tuple) and data:
        out.append("\n")
        _items(data, indent, out)
    else:
        out.append(f" {_scalar(data, lead)}\n")


def _entries(data: dict[str, Any], indent: str, out: list[str]) -> None:
    for key, value in data.items():
        out.append(f"{indent}{_key(key)}:")
        if isinstance(value, list | tuple) and value:
            out.append("\n")
            _items(value, indent, out)
        else:
            _value(value, f"{indent}  ", indent, out)


def _items(data: Iterable[Any], indent: str, out: list[str]) -> None:
    for item in data:
        if isinstance(item, dict) and item:
            at = len(out)
            _entries(item, f"{indent}  ", out)
            out[at] = f"{indent}- {out[at][len(indent) + 2 :]}"
        elif isinstance(item, list | tuple) and item:
            at = len(out)
            _items(item, f"{indent}  ", out)
            out[at] = f"{indent}- {out[at][len(indent) + 2 :]}"
        else:
            out.append(f"{indent}- {_scalar(item, f'{indent}  ')}\n")


def _key(key: str) -> str:
    return key if _is_plain(key) else _quoted(key)


def _scalar(data: Any, indent: str) -> str:
    if isinstance(data, str):
        return _text(data, indent)
    if data is None:
        return "null"
    if isinstance(data, bool):
        return "true" if data else "false"
    if isinstance(data, float):
        return _float(go_float(data))
    return str(data) if isinstance(data, int) else ("{}" if isinstance(data, dict) else "[]")


def _float(text: str) -> str:
    """A number with an exponent always has a point too: without one, YAML 1.1 to the letter (PyYAML's) takes it for text."""
    mantissa, mark, exponent = text.partition("e")
    return f"{mantissa}.0e{exponent}" if mark and "." not in mantissa else text


def _text(text: str, indent: str) -> str:
    if _is_plain(text):
        return text
    if "\n" in text and not _NOT_LITERAL.search(text):
        body = text.rstrip("\n")
        trailing = len(text) - len(body)
        chomping = "-" if trailing == 0 else "" if trailing == 1 else "+"
        # A literal's lines are deeper than the key they belong to.
        lines = body.replace("\n", f"\n{indent}  ")
        return f"|{chomping}\n{indent}  {lines}" + "\n" * max(0, trailing - 1)
    return _quoted(text)


def _is_plain(text: str) -> bool:
    if not _SAFE.fullmatch(text) or text[-1] == " " or text.startswith("...") or _WORDS_OF_1_2.fullmatch(text):
        return False
    try:
        return isinstance(plain(text), str)
    except ValueError:
        return False


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
