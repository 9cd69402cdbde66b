"""What the phases of a session are made of: fingerprints of code and parameters, sources, keys of the cache."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from milo_nb.declare.phase import Phase
    from milo_nb.execute.session import Session
    from milo_nb.persist.cache import Cache, CacheKey, CacheOptions
    from milo_nb.values.fingerprint import Fingerprint, Mode

from milo_nb.execute.phase_view import PhaseView
from milo_nb.persist.workdir import file_name

LOG = logging.getLogger("milo_nb")
_CONSTANT = (bool, int, float, complex, str, bytes, frozenset, type(None))
MOST_PARTS = 200
"""Most parts of a fingerprint that are kept, so that a change can be named."""


class Code:
    """Knows what phases are made of. Any thread."""

    def __init__(self, session: Session) -> None:
        """Know the phases of `session`."""
        self._session = session
        self._lock = threading.Lock()
        self._plain: dict[Any, Fingerprint] = {}  # of functions that nothing but their own code decides
        self._files: dict[Any, str] = {}
        self._files_of_texts: dict[str, str] = {"": ""}
        self._versions: dict[str, list[tuple[int, Phase]]] = {}

    def of(self, phase: Phase, mode: Mode = "deep") -> Fingerprint | None:
        """Return the fingerprint of a phase's code as it is now, or None if it cannot be taken."""
        from milo_nb.values.fingerprint import fingerprint  # noqa: PLC0415 - a session in memory needs none

        handler = phase.handler
        key = (getattr(handler, "__code__", None), mode)
        may_be_known = phase.validate is None and key[0] is not None
        if may_be_known and (known := self._plain.get(key)) is not None:
            return known
        try:
            made = fingerprint(handler, mode, given=self._session.params)
            if phase.validate is not None:
                made = _joined(made, fingerprint(phase.validate, mode))
        except Exception as e:
            LOG.debug("no fingerprint of '%s'", phase.name, exc_info=e)
            return None
        if may_be_known and len(made.parts.keys() - {"Python"}) == 1 and not made.untracked:
            self._plain[key] = made
        return made

    def facts(self, phase: Phase, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a checkpoint says of the code and the parameters that a result was made with."""
        found: dict[str, Any] = {}
        print_ = self.of(phase)
        if print_ is not None:
            parts = dict(print_.parts) if len(print_.parts) <= MOST_PARTS else {}
            found["code"] = {"digest": print_.digest, "parts": parts}
        if params:
            found["params"] = {name: _digest(value) for name, value in params.items()}
        return found

    def changes(self, phase: Phase, params: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
        """Say in words how code or parameters differ from what `facts` say; "" if they do not, None if nobody knows."""
        said: list[str] = []
        before, now = facts.get("code"), self.of(phase)
        if before is not None and now is not None and before.get("digest") != now.digest:
            from milo_nb.values.fingerprint import differs  # noqa: PLC0415 - as above

            were, are = before.get("parts") or {}, now.parts
            if not self._session.was_taken_up:
                were, are = _without_mutable(were, phase), _without_mutable(are, phase)
            if were != are:
                said += differs(were, are) or ["its code changed"]
        were = facts.get("params") or {}
        is_ = {name: _digest(value) for name, value in params.items()}
        said += [f"parameter `{name}` changed" for name in sorted({*were, *is_}) if were.get(name) != is_.get(name)]
        if before is None or now is None:
            return ", ".join(said) or None
        return ", ".join(said[:3])

    def source(self, phase: Phase, attempt: int) -> tuple[str, str]:
        """Return in which file the code of an attempt is, and the code itself if the file is still to be written.

        Attempts and phases with the same code share a file, as those that a loop makes do.
        """
        code = getattr(phase.handler, "__code__", None)
        if code is not None and (file := self._files.get(code)) is not None:
            return file, ""
        from milo_nb.values.fingerprint import source_of  # noqa: PLC0415 - as above

        text = source_of(phase.handler)
        with self._lock:
            new = f"{file_name(phase.name)}.{attempt}.py"
            file = self._files_of_texts.setdefault(text, new)
            if code is not None:
                self._files[code] = file
        return file, text if file is new else ""

    def remember(self, names: Iterable[str]) -> None:
        """Remember what the attempts so far were made of: these phases are about to be replaced by others."""
        graph = self._session.graph
        for name in names:
            attempts = PhaseView(self._session, name).attempts
            if attempts:
                self._versions.setdefault(name, []).append((attempts[-1].attempt, graph.phases[graph.index[name]]))

    def versions(self, name: str) -> list[tuple[int, Phase]]:
        """Return what a phase was and is in this kernel, each with the last attempt that was made of it; 0: still so."""
        graph = self._session.graph
        return [*self._versions.get(name, ()), (0, graph.phases[graph.index[name]])]

    def cache_key(self, cache: Cache, i: int, options: CacheOptions) -> CacheKey:
        """Return what the result of the phase at position `i` would be found by, with the inputs as they are now.

        Raises:
            Exception: If an input or parameter has no content that could be compared; says which.
        """
        from milo_nb.values.digest import digest  # noqa: PLC0415 - not before something is cached

        session = self._session
        graph, phase = session.graph, session.graph.phases[i]
        inputs: dict[str, str] = {}
        taken = session.binder.taken(i)
        for d in graph.depends_on[i]:
            name = graph.names[d]
            if name in options.ignore:
                continue
            parts = [digest(session.results.get(name))] if taken is None or name in taken else []
            parts += session.results.files(name)
            if parts:
                inputs[name] = ".".join(parts)
        return cache.key_for(phase.name, inputs, self.of(phase, options.code), session.binder.given(i), options)


def _without_mutable(parts: Mapping[str, str], phase: Phase) -> dict[str, str]:
    """Leave out the values that phases may have changed themselves since, in the kernel that still has them."""
    names = getattr(phase.handler, "__globals__", {})
    return {
        part: of
        for part, of in parts.items()
        if not part.startswith(("captured ", "global "))
        or (part.startswith("global ") and isinstance(names.get(part.removeprefix("global ")), _CONSTANT))
    }


def _joined(code: Fingerprint, validate: Fingerprint) -> Fingerprint:
    parts = code.parts | {f"validate: {name}": of for name, of in validate.parts.items()}
    both = sha256(f"{code.digest}{validate.digest}".encode()).hexdigest()
    return replace(code, digest=both, parts=parts, untracked=(*code.untracked, *validate.untracked))


def _digest(value: Any) -> str:
    from milo_nb.values.digest import digest  # noqa: PLC0415 - as above

    try:
        return digest(value)
    except Exception:  # noqa: BLE001 - what cannot be compared counts as the same: it is said where it costs something
        return ""
