"""Notes modules as parts of a fingerprint: a person's own by source, installed ones by version, Python's not at all."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from milo_nb.values import origin

if TYPE_CHECKING:
    from milo_nb.values.bytecode import Import


def note_import(found: Import, module: str, parts: dict[str, str], untracked: list[str]) -> None:
    """Note what an import statement in a function of `module` brings."""
    package = module if hasattr(sys.modules.get(module), "__path__") else module.rpartition(".")[0]
    name = origin.resolve(found.module, found.level, package)
    for one in (name, *(f"{name}.{taken}" for taken in found.names)):
        if one and origin.is_module(one):
            _note(one, parts, untracked)


def note_module(name: str, parts: dict[str, str], untracked: list[str]) -> None:
    """Note a module of the person's own, the packages that it lies in, and what it imports in turn."""
    if f"module {name}" in parts or name == "__main__":
        return
    source = origin.own_source(name)
    if source is None:
        untracked.append(f"{name} (module without source)")
        return
    parts[f"module {name}"] = source
    package = name.rpartition(".")[0]
    if package:
        note_module(package, parts, untracked)
    for imported in origin.imported_by(name):
        if origin.is_module(imported):
            _note(imported, parts, untracked)


def note_package(name: str, parts: dict[str, str]) -> None:
    """Note an installed package that a module is of."""
    package, version = origin.package_of(name)
    parts[f"package {package}"] = version


def _note(name: str, parts: dict[str, str], untracked: list[str]) -> None:
    whose = origin.origin_of(name)
    if whose == "own":
        note_module(name, parts, untracked)
    elif whose == "package":
        note_package(name, parts)
