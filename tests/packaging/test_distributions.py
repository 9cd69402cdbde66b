"""sdist and wheel, made from a clean checkout, install where there is no Node."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUNDLE = {f"milo_nb/show/bundle/{name}" for name in ("widget.js", "widget.css", "more.js")}

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


def run(*command, **options):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """What a fresh clone would hold: no bundle, no node_modules."""
    target = tmp_path_factory.mktemp("clean") / "milo_nb"
    listing = run("git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", cwd=ROOT)
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    return target


@pytest.fixture(scope="module")
def distributions(checkout, tmp_path_factory):
    """The sdist, and the wheel that is built from that sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, checkout)
    return out


@pytest.fixture(scope="module")
def wheel(distributions):
    return next(distributions.glob("*.whl"))


@pytest.fixture(scope="module")
def sdist(distributions):
    return next(distributions.glob("*.tar.gz"))


@pytest.fixture(scope="module")
def without_node(tmp_path_factory):
    """An environment whose PATH has a shell but no node and no npm."""
    folder = tmp_path_factory.mktemp("bin")
    for name in ("sh", "env", "uname"):
        (folder / name).symlink_to(shutil.which(name))
    return {**os.environ, "PATH": str(folder)}


@pytest.fixture
def fresh_python(tmp_path):
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    return tmp_path / "venv" / "bin" / "python"


def test_the_wheel_holds_the_bundle_the_types_and_nothing_of_the_workshop(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {*BUNDLE, "milo_nb/py.typed"} <= names
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {"milo_nb"}


def test_the_sdist_holds_the_bundle_and_the_sources_that_it_is_made_from(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {*BUNDLE, "js/package.json", "js/package-lock.json", "js/src/index.ts", "js/hatch_build.py"} <= names
    assert not [name for name in names if "node_modules" in name]


def test_the_wheel_installs_and_finds_its_bundle_without_node(wheel, fresh_python, without_node, tmp_path):
    run(fresh_python, "-m", "pip", "install", "--quiet", wheel, env=without_node)
    code = (
        "import importlib.resources as r, milo_nb; "
        "print(milo_nb.__version__, (r.files('milo_nb') / 'show/bundle/widget.js').is_file())"
    )

    assert run(fresh_python, "-c", code, env=without_node, cwd=tmp_path).split()[1] == "True"


def test_the_sdist_installs_without_node(sdist, fresh_python, without_node, tmp_path):
    run(fresh_python, "-m", "pip", "install", "--quiet", "--no-deps", sdist, env=without_node)
    code = "import importlib.resources as r; print((r.files('milo_nb') / 'show/bundle/widget.js').is_file())"

    assert run(fresh_python, "-c", code, env=without_node, cwd=tmp_path).strip() == "True"


def test_a_checkout_without_node_takes_it_from_pypi(checkout, without_node, tmp_path):
    source = shutil.copytree(checkout, tmp_path / "source", ignore=shutil.ignore_patterns("node_modules", "bundle"))
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, source, env=without_node)

    assert set(zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()) >= BUNDLE
