# One environment (.venv), one command for each thing. `make help` lists them.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo demo-headless test stress check fix build bundle bench docs gallery clean

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
ENV := $(VENV)/.ready
NPM := $(PY) js/hatch_build.py npm
NOTEBOOK := notebooks/01-build-a-site.ipynb
PURE_ROOMS := declare state
# A browser needs the machine for itself; most other tests wait for processes, and three files at a time keep two
# processors busy.
ALONE := browser benchmarks
SIDE_BY_SIDE := -n 3 --dist loadfile --no-loadscope-reorder
export PATH := $(CURDIR)/$(BIN):$(PATH)
unexport VIRTUAL_ENV

help: ## list the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F'\t' '{printf "make %-15s %s\n", $$1, $$2}'

$(ENV): pyproject.toml js/hatch_build.py .ci/env
	@sh .ci/env $(VENV)
	@touch $@

bundle: $(ENV) ## build the browser bundle if it is stale
	@$(PY) js/hatch_build.py

demo: bundle ## open JupyterLab on the example
	$(PY) -m jupyterlab $$(test "$$(id -u)" = 0 && echo --allow-root) $(NOTEBOOK)

demo-headless: bundle ## run the same notebook without a browser
	@$(PY) .ci/headless.py $(NOTEBOOK)

test: bundle ## everything: front end, Python, browser, notebooks; installs what is missing
	@sh .ci/chromium
	@$(PY) tests/kernels.py
	$(NPM) run test
	$(NPM) run size
	$(PY) -m pytest $(PURE_ROOMS:%=tests/%) $(PURE_ROOMS:%=--cov=milo_nb.%) --cov-branch --cov-fail-under=100 --cov-report=term-missing:skip-covered
	$(PY) -m pytest $(PURE_ROOMS:%=--ignore=tests/%) $(ALONE:%=--ignore=tests/%) $(SIDE_BY_SIDE)
	$(PY) -m pytest $(ALONE:%=tests/%)
	$(PY) -m pytest --nbval notebooks --nbval-current-env --nbval-cell-timeout=600

stress: $(ENV) ## kill sessions 400 times at the level of executors, and as often below
	MILO_NB_STRESS_KILLS=400 $(PY) -m pytest tests/crash/test_kills.py tests/persist/test_faults.py -k killed --timeout=3000

check: $(ENV) ## linters, formats, types, import rules; changes nothing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(NPM) run check

fix: $(ENV) ## format, and fix what can be fixed
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .
	$(NPM) run fix

build: bundle ## bundle, sdist and wheel (in dist/)
	$(PY) -m build

bench: bundle ## run the benchmarks
	$(PY) tests/benchmarks

docs: bundle ## run the benchmarks and write their table into the docs
	$(PY) tests/benchmarks --write docs/benchmarks.md
	@echo "The docs are README.md, CONTRIBUTING.md, docs/ and notebooks/."

gallery: bundle ## take the pictures of docs/gallery.md and the README anew
	MILO_NB_SCREENSHOTS=1 $(PY) -m pytest -q tests/browser/test_gallery.py tests/browser/test_looks.py tests/browser/test_running.py

clean: ## remove what the other commands made
	rm -rf $(VENV) build dist js/node_modules milo_nb/show/bundle .hypothesis .pytest_cache .mypy_cache .ruff_cache \
		.import_linter_cache .coverage
	find milo_nb tests notebooks js -name __pycache__ -o -name .milo -o -name .ipynb_checkpoints | xargs rm -rf
