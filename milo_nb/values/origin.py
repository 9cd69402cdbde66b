"""Whose code a module is: a person's own, an installed package's, or Python's."""

from __future__ import annotations

import importlib.util
import os
import site
import sys
import sysconfig
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from milo_nb.values.bytecode import Facts, look_at

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import ModuleType

Origin = Literal["own", "package", "python"]

TOOLS = frozenset(("milo_nb", "IPython", "ipykernel"))
"""What runs people's code; it is as little part of it as Python is."""
_PACKAGE_FOLDERS = frozenset(("site-packages", "dist-packages"))


def origin_of(module_name: str | None) -> Origin:
    """Return whose a module is; the notebook's is the person's own."""
    if not module_name or module_name == "__main__":
        return "own"
    top = module_name.partition(".")[0]
    if top in sys.stdlib_module_names or top in TOOLS:
        return "python"
    return _origin_of_file(_file_of(module_name))


def package_of(module_name: str) -> tuple[str, str]:
    """Return name and version of the distribution that a module was installed with."""
    return _package_of(module_name.partition(".")[0])


def own_source(module_name: str) -> str | None:
    """Return a digest of a module's source without comments and docstrings; None if there is none."""
    file = _file_of(module_name)
    if file is None or not file.endswith(".py"):
        return None
    try:
        found = os.stat(file)  # noqa: PTH116 - a text, as everywhere here
        return _digest_source(file, found.st_mtime_ns, found.st_size)
    except (OSError, SyntaxError, ValueError):
        return None


def imported_by(module_name: str) -> tuple[str, ...]:
    """Return the modules that a module's source names in imports, anywhere in it."""
    file = _file_of(module_name)
    if file is None or not file.endswith(".py"):
        return ()
    try:
        facts = _look_at_file(file)
    except (OSError, SyntaxError, ValueError):
        return ()
    package = module_name if Path(file).name == "__init__.py" else module_name.rpartition(".")[0]
    names: set[str] = set()
    for found in facts.imports:
        start = resolve(found.module, found.level, package)
        names |= {start, *(f"{start}.{name}" for name in found.names)} if start else set()
    return tuple(sorted(names))


def resolve(name: str, level: int, package: str) -> str:
    """Return the full name of an import with dots before it; empty if it leads out of its package."""
    if not level:
        return name
    try:
        return importlib.util.resolve_name("." * level + name, package)
    except ImportError:
        return ""


def is_module(name: str) -> bool:
    """Tell whether there is a file for a module of this name."""
    return _file_of(name) is not None


def _file_of(module_name: str) -> str | None:
    module: ModuleType | None = sys.modules.get(module_name)
    if module is not None:
        file = getattr(module, "__file__", None)
        folders = getattr(module, "__path__", None)
        return file or next(iter(folders or ()), None)
    spec = _find(module_name)
    return None if spec is None else spec.origin or next(iter(spec.submodule_search_locations or ()), None)


def _find(module_name: str) -> ModuleSpec | None:
    """Find a module without running it or the packages that it lies in."""
    parent = module_name.rpartition(".")[0]
    try:
        if not parent:
            return importlib.util.find_spec(module_name)
        package = _find(parent)
        folders = package.submodule_search_locations if package is not None else None
        return PathFinder.find_spec(module_name, folders) if folders else None
    except (ImportError, ValueError, AttributeError):  # as of a module that was put together by hand
        return None


@cache
def _origin_of_file(file: str | None) -> Origin:
    if file is None:
        return "own"  # made by hand: nobody installed it
    path = Path(os.path.realpath(file))
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    folders |= {*site.getsitepackages(), site.getusersitepackages()}
    if _PACKAGE_FOLDERS.intersection(path.parts) or any(_is_below(path, folder) for folder in folders):
        return "package"
    if any(_is_below(path, sysconfig.get_path(name)) for name in ("stdlib", "platstdlib")):
        return "python"
    return "own"


def _is_below(path: Path, folder: str | None) -> bool:
    return folder is not None and path.is_relative_to(os.path.realpath(folder))


@cache
def _package_of(top: str) -> tuple[str, str]:
    from importlib import metadata  # noqa: PLC0415 - slow, and not needed by every phase

    try:
        return top, metadata.version(top)
    except metadata.PackageNotFoundError:
        pass
    for name in _distributions().get(top, ()):
        return name, metadata.version(name)
    return top, str(getattr(sys.modules.get(top), "__version__", "unknown"))


@cache
def _distributions() -> dict[str, list[str]]:
    from importlib import metadata  # noqa: PLC0415 - as above

    return {top: list(names) for top, names in metadata.packages_distributions().items()}


@cache
def _digest_source(file: str, mtime_ns: int, size: int) -> str:  # noqa: ARG001 - with them it is read again when written
    return _look_at_file(file).digest


def _look_at_file(file: str) -> Facts:
    # Compiled, not parsed to a tree: making trees in two threads at once fails in CPython (until 3.13), for either.
    return look_at(compile(Path(file).read_bytes(), file, "exec", dont_inherit=True))
