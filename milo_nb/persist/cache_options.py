"""What a person can say about the cache of a phase, and how long is "24h"."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from fractions import Fraction
from typing import Any, Literal

from milo_nb.errors import DeclarationError, available

CodeDepth = Literal["deep", "shallow", "off"]
CODE_DEPTHS: tuple[CodeDepth, ...] = ("deep", "shallow", "off")

_TTL = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_ttl(text: str) -> int:
    """Return the milliseconds that ``250ms``, ``30s``, ``15m``, ``24h`` or ``7d`` stand for.

    Raises:
        DeclarationError: (a ``ValueError``) ``Invalid TTL: ...`` for anything else.
    """
    match = _TTL.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise DeclarationError(
            f"Invalid TTL: {text!r}. A TTL is a number and a unit: ms, s, m, h or d, as '250ms', '15m' or '7d'."
        )
    number, unit = match.groups()
    return round(Fraction(number) * _UNIT_MS[unit])


@dataclass(frozen=True, init=False)
class CacheOptions:
    """How the result of a phase is cached.

    Attributes:
        ttl: How old a cached result may be, as ``24h``; any age, if None.
        version: A word of the person's own; another one makes the cached results not count.
        code: Which changes of code make them not count: ``deep`` (the phase, its helpers, globals and classes),
            ``shallow`` (the phase's own function), ``off`` (none).
        files: Files, folders and patterns as ``data/*.csv`` whose content counts.
        env: Names of environment variables whose value counts.
        ignore: Names of inputs, parameters and globals that do not count.

    Raises:
        DeclarationError: (a ``ValueError``) for a wrong value or an option that does not exist.
    """

    ttl: str | None
    version: str
    code: CodeDepth
    files: tuple[str, ...]
    env: tuple[str, ...]
    ignore: tuple[str, ...]

    def __init__(  # noqa: PLR0913, PLR0917 - the options that there are
        self,
        ttl: str | None = None,
        version: object = "",
        code: str = "deep",
        files: object = (),
        env: object = (),
        ignore: object = (),
        **unknown: Any,
    ) -> None:
        """Check the options and bring them into their form; a single name may stand for a tuple of one."""
        for name in unknown:
            raise DeclarationError(
                f"CacheOptions has no option '{name}'. {available('options', name, [f.name for f in fields(self)])}"
            )
        if ttl is not None:
            parse_ttl(ttl)
        if code not in CODE_DEPTHS:
            raise DeclarationError(f"code must be one of {', '.join(CODE_DEPTHS)}; got {code!r}")
        if not isinstance(version, (str, int, float)):
            raise DeclarationError(f"version must be a text or a number; got {version!r}")
        given = {
            "ttl": ttl,
            "version": str(version),
            "code": code,
            "files": _names("files", files),
            "env": _names("env", env),
            "ignore": _names("ignore", ignore),
        }
        for name, value in given.items():
            object.__setattr__(self, name, value)

    @property
    def ttl_ms(self) -> int | None:
        """The TTL in milliseconds, or None for any age."""
        return None if self.ttl is None else parse_ttl(self.ttl)


def cache_options(given: object) -> CacheOptions | None:
    """Return the options that the ``cache=`` of a phase stands for, or None if it is not cached.

    Args:
        given: None or False; True; a TTL; :class:`CacheOptions`; or a dict of their options.

    Raises:
        DeclarationError: (a ``ValueError``) if it is none of these, or holds what is wrong.
    """
    if given is None or given is False:
        return None
    if given is True:
        return CacheOptions()
    if isinstance(given, CacheOptions):
        return given
    if isinstance(given, str):
        return CacheOptions(ttl=given)
    if isinstance(given, Mapping) and all(isinstance(name, str) for name in given):
        return CacheOptions(**given)
    raise DeclarationError(f"cache must be True, False, a TTL as '24h', or CacheOptions(...); got {given!r}")


def _names(option: str, given: object) -> tuple[str, ...]:
    if isinstance(given, (str, os.PathLike)):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, (bytes, Mapping)):
        raise DeclarationError(f"{option} must be names; got {given!r}")
    names = [os.fspath(name) if isinstance(name, os.PathLike) else name for name in given]
    for name in names:
        if not isinstance(name, str) or not name:
            raise DeclarationError(f"{option} must be names; got {name!r}")
    return tuple(dict.fromkeys(names))
