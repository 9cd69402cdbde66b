"""What a cached result belongs to: the key, its components, and in words how two of them differ."""

from __future__ import annotations

import glob
import hashlib
import hmac
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.values.filehash import hash_tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from milo_nb.persist.cache_options import CacheOptions
    from milo_nb.values.fingerprint import Fingerprint

SCHEMA = 1
"""Of keys and entries. A change of either, or of how values are digested, takes the next number."""
CODE = "code: "
"""How the names of components begin that are parts of the code's fingerprint."""
_ABSENT = "absent"
_IGNORABLE = ("global ", "captured ", "default of ")


class CacheKey(NamedTuple):
    """What a cached result belongs to.

    Attributes:
        phase: Name of the phase.
        digest: SHA-256 of all of it, in hex.
        components: What went into it: a name for people and a digest or word each.
    """

    phase: str
    digest: str
    components: dict[str, str]


def make_key(  # noqa: PLR0913 - what a key is made of
    phase: str,
    inputs: Mapping[str, str],
    fingerprint: Fingerprint | None,
    params: Mapping[str, Any],
    options: CacheOptions,
    *,
    secret: bytes,
) -> CacheKey:
    """Return the key of a phase's result.

    Args:
        phase: Name of the phase.
        inputs: Digest of each result that the phase takes, by the name of the phase it comes from.
        fingerprint: Of the phase's code, taken with ``options.code``; None counts as code that never changes.
        params: The parameters that the phase takes, with their values.
        options: The person's.
        secret: The user's key. Values of environment variables leave only a mark made with it, as short passwords
            could be guessed from a plain hash.

    Raises:
        Undigestable: If a parameter has no content that could be compared.
    """
    from milo_nb.values.digest import digest  # noqa: PLC0415 - not before something is cached

    ignored = frozenset(options.ignore)
    parts: dict[str, str] = {
        "schema": str(SCHEMA),
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        "version": options.version,
        "code depth": options.code,
    }
    parts |= {f"input {name}": of for name, of in inputs.items() if name not in ignored}
    for name, value in params.items():
        if name not in ignored:
            parts[f"parameter {name}"] = digest(value, f"parameter {name}")
    for pattern in options.files:
        parts |= {f"file {name}": of for name, of in _content(pattern)}
    for name in options.env:
        parts[f"variable {name}"] = _mark(secret, os.environ.get(name))
    if fingerprint is not None and options.code != "off":
        parts |= {CODE + name: of for name, of in fingerprint.parts.items() if _counts(name, ignored)}
    return CacheKey(phase, _sum(phase, parts), parts)


def _counts(part: str, ignored: frozenset[str]) -> bool:
    """Tell whether a part of the fingerprint counts; the Python version is in the key anyhow."""
    return part != "Python" and not any(part == kind + name for kind in _IGNORABLE for name in ignored)


def _sum(phase: str, parts: Mapping[str, str]) -> str:
    total = hashlib.sha256()
    for text in (phase, *(half for name in sorted(parts) for half in (name, parts[name]))):
        content = text.encode("utf-8", "surrogatepass")
        total.update(len(content).to_bytes(8, "little"))
        total.update(content)
    return total.hexdigest()


def _content(pattern: str) -> Iterator[tuple[str, str]]:
    """Yield what a file, folder or pattern names, and a digest of what is in it."""
    found = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]  # noqa: PTH207 - it may be absolute
    if not found:
        yield pattern, _ABSENT
    for name in found:
        try:
            yield name, hash_tree(name)
        except FileNotFoundError:
            yield name, _ABSENT


def _mark(secret: bytes, value: str | None) -> str:
    if value is None:
        return _ABSENT
    return hmac.new(secret, b"environment\0" + os.fsencode(value), "sha256").hexdigest()


# ---------------------------------------------------------------------- in words

_KINDS = {
    "input": ("result of `{}` changed", "takes the result of `{}` now", "does not take the result of `{}` any more"),
    "parameter": ("parameter `{}` changed", "has parameter `{}` now", "has no parameter `{}` any more"),
    "file": ("file `{}` changed", "file `{}` is new", "file `{}` is gone"),
    "variable": (
        "environment variable `{}` changed",
        "environment variable `{}` counts now",
        "environment variable `{}` does not count any more",
    ),
}
_SETTINGS = {
    "schema": "milo_nb keeps its cache in another way now",
    "python": "Python {} became {}",
    "version": "version {!r} became {!r}",
    "code depth": "code={!r} became code={!r}",
}


def explain(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return in words what changed from the components of one key to those of another; what weighs most comes first."""
    said = [
        words.format(before[name], after[name])
        for name, words in _SETTINGS.items()
        if name in before and name in after and before[name] != after[name]
    ]
    if before.get("code depth") == after.get("code depth"):
        said += _explain_code(before, after)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            kind, _, what = name.partition(" ")
            if kind in _KINDS:
                said.append(_KINDS[kind][_which(before.get(name), after.get(name))].format(what))
    return said


def _which(before: str | None, after: str | None) -> int:
    """Return 0 for changed, 1 for new, 2 for gone."""
    if before in (None, _ABSENT):
        return 1
    return 2 if after in (None, _ABSENT) else 0


def _explain_code(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    old, new = ({k.removeprefix(CODE): v for k, v in side.items() if k.startswith(CODE)} for side in (before, after))
    if old == new:
        return []
    from milo_nb.values.fingerprint import differs  # noqa: PLC0415 - not before something is cached

    return list(differs(old, new))
