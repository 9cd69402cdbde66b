"""The ipykernels that the tests run on: the environment's own and two older ones, which lie in a folder each below it.

``python tests/kernels.py`` installs the older ones. They take all but `BESIDE` from the environment, so one environment
serves all: who starts a kernel with such a folder first on its path has that ipykernel.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distribution, distributions, version
from pathlib import Path

from packaging.requirements import Requirement

OWN = version("ipykernel")
OLDER = ("7.1.0", "6.31.0")
OLDEST = OLDER[-1]
ALL = (OWN, *OLDER)
BESIDE = ("nest-asyncio==1.6.0",)
"""What older ones ask for and newer ones do not."""

FOLDER = Path(sys.prefix) / "ipykernels"
ROOT = Path(__file__).parents[1]


def environment(kernel: str = OWN) -> dict[str, str]:
    """Return the environment of a process that shall have this ipykernel, and milo_nb as it lies here.

    Raises:
        RuntimeError: If that ipykernel is not installed.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    if kernel != OWN:
        if not _is_installed(kernel):
            raise RuntimeError(f"ipykernel {kernel} is not installed: `make test` or `python {__file__}` does that.")
        paths.insert(0, str(FOLDER / kernel))
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}


def spec(kernel: str) -> str:
    """Return the name of an ipykernel's kernelspec; see `write_spec`."""
    return "python3" if kernel == OWN else f"ipykernel-{kernel}"


def write_spec(folder: Path, kernel: str) -> None:
    """Write the kernelspec of an older ipykernel into a folder that Jupyter looks into.

    Raises:
        RuntimeError: If that ipykernel is not installed.
    """
    text = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": f"ipykernel {kernel}",
        "language": "python",
        "interrupt_mode": "signal",
        "metadata": {"debugger": True},
        "env": {"PYTHONPATH": environment(kernel)["PYTHONPATH"]},
    }
    (folder / spec(kernel)).mkdir(parents=True)
    (folder / spec(kernel) / "kernel.json").write_text(json.dumps(text), encoding="utf-8")


def unmet(kernel: str) -> list[str]:
    """Return what an ipykernel needs and does not get."""
    beside = {} if kernel == OWN else {d.name: d.version for d in distributions(path=[str(FOLDER / kernel)])}
    found = (
        distribution("ipykernel")
        if kernel == OWN
        else next(distributions(name="ipykernel", path=[str(FOLDER / kernel)]))
    )
    needed = [Requirement(text) for text in found.requires or ()]
    return [
        str(need)
        for need in needed
        if (need.marker is None or need.marker.evaluate({"extra": ""}))
        and not need.specifier.contains(beside.get(need.name) or version(need.name))
    ]


def install() -> None:
    """Install the older ones that are missing."""
    for kernel in OLDER:
        if _is_installed(kernel):
            continue
        print(f"installing ipykernel {kernel} into {FOLDER / kernel}")
        pip = [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--upgrade",
        ]
        subprocess.run([*pip, "--target", str(FOLDER / kernel), f"ipykernel=={kernel}", *BESIDE], check=True)
        _mark(kernel).touch()


def _is_installed(kernel: str) -> bool:
    return _mark(kernel).exists()


def _mark(kernel: str) -> Path:
    return FOLDER / kernel / ".ready"


if __name__ == "__main__":
    install()
