"""Numbers and booleans where text is wanted, turned into text as Fleet's reader of fleet.yaml does.

It does so for the fields fleet.yaml has itself, and not for those it shares with a Bundle: the label `gpu: true` in the
selector of a customization is the text `true`, while `namespace: 1` is an error.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec

from extension.objects.codec import go_general
from extension.objects.kinds import GitTarget

_TARGETS = frozenset(("targetcustomizations", "overridetargets"))
IN_TARGETS_FILE = frozenset(("targets", "targetrestrictions"))
_OWN = frozenset((*(field.encode_name.lower() for field in msgspec.structs.fields(GitTarget)), "namespacelabels", "namespaceannotations"))


def with_texts(options: dict[str, Any], fields: frozenset[str] = _TARGETS) -> dict[str, Any]:
    """The top level of a fleet.yaml, or of a file of targets, with text wherever its targets want text. `fields` hold them."""
    return {
        key: [_target(entry) for entry in value] if key.lower() in fields and isinstance(value, list) else value
        for key, value in options.items()
    }


def _target(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    return {key: _text(value) if key.lower() in _OWN else value for key, value in entry.items()}


def _text(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _text(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_text(inner) for inner in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return go_general(Decimal(repr(value))) if isinstance(value, float) else value
