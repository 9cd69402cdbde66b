"""One entry of the cache: a folder with the value, the files that belong to it, and ``meta.json``, signed."""

from __future__ import annotations

import hmac
import os
import shutil
from typing import TYPE_CHECKING, Any, NamedTuple

from milo_nb.errors import DeclarationError, ResultRefusedError, SchemaError
from milo_nb.persist.cache_key import SCHEMA
from milo_nb.persist.disk import read_json, say_age, to_json, write_whole
from milo_nb.persist.files import FileRecord, restore_files, store_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from milo_nb.persist.cache_key import CacheKey
    from milo_nb.values.codec import Seal

META, VALUE, FILES = "meta.json", "value", "files"
_NOT_READ: Any = object()


class Facts(NamedTuple):
    """What stands in ``meta.json``.

    Attributes:
        phase: Name of the phase.
        created_at: Seconds since the epoch.
        seal: Size and MAC of the value.
        purpose: What the value was sealed for.
        components: Of the key.
        files: What the phase wrote.
        info: What the one who put it there said.
    """

    phase: str
    created_at: float
    seal: Seal
    purpose: str
    components: dict[str, str]
    files: tuple[FileRecord, ...]
    info: dict[str, Any]


def purpose_of(digest: str) -> str:
    """Return what the value of a key is sealed for."""
    return f"cache/{digest}"


class Content(NamedTuple):
    """What an entry is made of.

    Attributes:
        write: Writes the value to a path and returns its seal.
        purpose: What the value is sealed for.
        info: Further facts that JSON can hold.
        files: What the phase wrote.
        files_root: The directory of the session, where these are.
    """

    write: Callable[[Path], Seal]
    purpose: str
    info: dict[str, Any]
    files: tuple[FileRecord, ...]
    files_root: Path | None


def linker(saved: Path | bytes, seal: Seal) -> Callable[[Path], Seal]:
    """Return what puts a value that is saved already into an entry: by a link, where the file system has them."""

    def write(path: Path) -> Seal:
        if isinstance(saved, bytes):
            write_whole(path, saved)
            return seal
        try:
            os.link(saved, path, follow_symlinks=False)
        except OSError:
            shutil.copyfile(saved, path, follow_symlinks=False)
            path.chmod(0o600)
        return seal

    return write


def fill(folder: Path, key: CacheKey, content: Content, now: float, secret: bytes) -> None:
    """Write all of an entry into a folder that nobody looks into yet.

    Raises:
        NotSavableError: If the value cannot be saved.
        OSError: If there is no space, or writing is not allowed.
        ResultRefusedError: If one of the files has changed since it was recorded.
        TypeError: If ``info`` holds what JSON has no form for; so do ValueErrors.
    """
    if content.files and content.files_root is None:
        raise DeclarationError("files= needs files_root=, the directory that they are in")
    seal = content.write(folder / VALUE)
    if content.files_root is not None:
        store_files(content.files, content.files_root, folder / FILES)
    facts = Facts(key.phase, now, seal, content.purpose, key.components, content.files, content.info)
    write_facts(folder, key, facts, secret)
    os.utime(folder / META, (now, now))


def write_facts(folder: Path, key: CacheKey, facts: Facts, secret: bytes) -> None:
    """Write ``meta.json``.

    Raises:
        OSError: If it could not be written.
        TypeError: If ``info`` holds what JSON has no form for; so do ValueErrors.
    """
    content = {
        "schema": SCHEMA,
        "key": key.digest,
        "phase": facts.phase,
        "created_at": facts.created_at,
        "size_bytes": facts.seal.size_bytes,
        "mac": facts.seal.mac,
        "purpose": facts.purpose,
        "components": facts.components,
        "files": [record._asdict() for record in facts.files],
        "info": facts.info,
    }
    write_whole(folder / META, to_json(content | {"signature": _sign(secret, content)}))


def read_facts(folder: Path, digest: str, secret: bytes) -> Facts:
    """Return what stands in ``meta.json``.

    Raises:
        FileNotFoundError: If there is no such entry.
        ResultRefusedError: If it was damaged, or written by somebody else.
        SchemaError: If a newer version wrote it.
    """
    path = folder / META
    content = read_json(path)
    schema = content.get("schema")
    if isinstance(schema, int) and schema > SCHEMA:
        raise SchemaError(path, schema, SCHEMA)
    signature = content.pop("signature", None)
    if not isinstance(signature, str) or not hmac.compare_digest(_sign(secret, content).encode(), signature.encode()):
        raise ResultRefusedError(path, "foreign or changed: it does not bear your signature")
    if content["key"] != digest:
        raise ResultRefusedError(path, "damaged: it belongs to another key")
    from milo_nb.values.codec import Seal  # noqa: PLC0415 - cloudpickle, which not every session needs

    return Facts(
        content["phase"],
        content["created_at"],
        Seal(content["size_bytes"], content["mac"]),
        content["purpose"],
        content["components"],
        tuple(FileRecord(**record) for record in content["files"]),
        content["info"],
    )


def _sign(secret: bytes, content: Mapping[str, Any]) -> str:
    return hmac.new(secret, b"cache entry\0" + to_json(content), "sha256").hexdigest()


class Hit:
    """A result that is in the cache.

    Attributes:
        key: What it belongs to.
        age_s: Seconds since it was put there.
        created_at: When that was, in seconds since the epoch.
        meta: What the one who put it there said.
        files: What the phase wrote, beside its result.
        path: The file with the value; it may be linked to, and is never changed.
        seal: Its size and MAC.
        purpose: What it was sealed for.
    """

    def __init__(self, key: CacheKey, folder: Path, facts: Facts, age_s: float, secret: bytes) -> None:
        """Make the hit of an entry; reads no value yet."""
        self.key = key
        self.age_s = age_s
        self.created_at = facts.created_at
        self.meta = facts.info
        self.files = facts.files
        self.path = folder / VALUE
        self.seal = facts.seal
        self.purpose = facts.purpose
        self._folder = folder
        self._secret = secret
        self._value: Any = _NOT_READ

    def is_entry_of(self, other: Hit) -> bool:
        """Tell whether both found one and the same entry, not only an equal value that was put there anew."""
        return (self.seal, self.created_at) == (other.seal, other.created_at)

    @property
    def reason(self) -> str:
        """Why the phase need not run, for people."""
        return f"from the cache: made {say_age(self.age_s)} ago"

    def load(self) -> Any:
        """Return the value; read and verified once.

        Raises:
            ResultRefusedError: If the entry was damaged or removed since it was found.
        """
        if self._value is _NOT_READ:
            from milo_nb.values import codec  # noqa: PLC0415 - cloudpickle, which not every session needs

            try:
                with codec.open_own(self.path) as file:
                    self._value = codec.load(file, self._secret, self.purpose, self.seal)
            except FileNotFoundError:
                raise ResultRefusedError(self.path, "was removed") from None
        return self._value

    def restore_files(self, target: Path) -> None:
        """Put the files that the phase wrote below `target`, where they are not there already.

        Raises:
            OSError: If one could not be written.
            ResultRefusedError: If one is damaged, or would lie elsewhere.
        """
        restore_files(self.files, self._folder / FILES, target)


class Miss(NamedTuple):
    """A result that is not in the cache, or not any more.

    Attributes:
        reasons: Why, for people; at least one.
    """

    reasons: list[str]
