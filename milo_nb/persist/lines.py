"""Lines of the journal: facts as strict JSON in ASCII that ends in a checksum of itself."""

from __future__ import annotations

import json
from json.encoder import encode_basestring_ascii as quote
from math import isfinite
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID
from zlib import crc32

from milo_nb.state import actions as a

if TYPE_CHECKING:
    from collections.abc import Mapping

    from milo_nb.state.actions import Action

_BRACE: Final = ord("}")
_scan: Final = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # not in the stubs, in all Pythons


def parse_line(line: bytes) -> dict[str, Any] | None:
    """Return the facts of a line without its newline; None if it is damaged."""
    cut = line.rfind(b',"crc":')
    number = line[cut + 7 : -1]
    if cut < 0 or line[-1] != _BRACE or not number.isdigit() or crc32(line[:cut]) != int(number):
        return None
    try:
        text = line[:cut].decode("utf-8", "surrogatepass") + "}"
        found, end = _scan(text, 0)  # what json.loads does, without what it does around it for each line
    except (ValueError, RecursionError, StopIteration):
        return None
    return found if type(found) is dict and end == len(text) else None


def to_line(facts: Mapping[str, Any]) -> bytes:
    """Return facts as a line with its checksum; what JSON has no form for is told in words."""
    try:
        text = _encode(facts)
    except (ValueError, TypeError, RecursionError):
        text = _encode(_plain(facts))
    body = text[:-1].encode("ascii")
    return b'%b,"crc":%d}\n' % (body, crc32(body))


def quick_line(n: int, action: Action, saved: Mapping[str, Any] | None) -> bytes | None:
    """Return what :func:`to_line` would for the actions that every phase brings, at a third of the cost; None for others."""
    kind, fields, t = action.type, action.payload, action.timestamp
    if type(fields) is not dict or type(t) is not float or not isfinite(t):
        return None
    name, attempt = fields.get("name"), fields.get("attempt")
    if type(name) is not str or type(attempt) is not int:
        return None
    head = f'{{"n":{n},"type":"{kind}","t":{t!r},"payload":{{"name":{quote(name)},"attempt":{attempt}'
    if kind == a.PHASE_START and len(fields) == 2:  # noqa: PLR2004 - these two
        body = f"{head}}}".encode("ascii")
    elif kind == a.PHASE_COMPLETE and len(fields) == 3 and type(result := fields.get("result")) is str:  # noqa: PLR2004
        if saved is None:
            body = f'{head},"result":{quote(result)}}}'.encode("ascii")
        elif (more := _quick_fields(saved)) is not None:
            body = f'{head},"result":{quote(result)}}},"saved":{more}'.encode("ascii")
        else:
            return None
    else:
        return None
    return b'%b,"crc":%d}\n' % (body, crc32(body))


def _quick_fields(fields: Mapping[str, Any], depth: int = 3) -> str | None:
    """Return fields of text, whole numbers, None and such fields as JSON; None if there are others."""
    told = []
    for name, value in fields.items():
        kind = type(value)
        if kind is str:
            told.append(f"{quote(name)}:{quote(value)}")
        elif kind is int:
            told.append(f"{quote(name)}:{value}")
        elif value is None:
            told.append(f"{quote(name)}:null")
        elif kind is dict and depth and (inner := _quick_fields(value, depth - 1)) is not None:
            told.append(f"{quote(name)}:{inner}")
        else:
            return None
    return f"{{{','.join(told)}}}"


def _in_words(value: object) -> str:
    return str(value) if isinstance(value, (PurePath, UUID)) else f"<{type(value).__name__}>"


_encode = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_in_words).encode


def _plain(value: Any) -> Any:
    """Return facts with whatever strict JSON cannot hold told in words: infinite numbers, circles, odd keys."""
    try:
        return json.loads(json.dumps(value, default=_in_words, skipkeys=True), parse_constant=str)
    except (ValueError, RecursionError):
        return {name: one if isinstance(one, (str, int, float)) else _in_words(one) for name, one in value.items()}
