# Everything a newcomer needs: python3.11, pip and make.
PY ?= python3
V := .venv
BIN := $(V)/bin
ARGS ?=
.DEFAULT_GOAL := help
.PHONY: help install demo explorer screenshots check test soak bench lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

PIP := $(PY) -m pip --python $(BIN)/python install -q --disable-pip-version-check --no-warn-script-location

install: $(V)/.dev ## a virtual environment with everything, from hashed requirements

# The hub alone: all that `make demo` needs.
$(V)/.hub: pyproject.toml requirements.lock
	@$(PY) -c 'import sys; sys.exit("Simpul needs Python 3.11 or newer") if sys.version_info < (3, 11) else None'
	@test -x $(BIN)/python || $(PY) -m venv --without-pip $(V)
	$(PIP) --require-hashes -r requirements.lock
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(V)/.dev: $(V)/.hub requirements-dev.lock
	$(PIP) --require-hashes -r requirements-dev.lock
	-@$(BIN)/python hatch_build.py
	@touch $@

demo: $(V)/.hub ## seven simulated agencies, the hub and one graph over them (make demo ARGS="--port 8001")
	@exec $(BIN)/simpul demo $(ARGS)

explorer: install ## the explorer's files from npm, into this checkout
	$(BIN)/python hatch_build.py

screenshots: install ## pictures of the dashboard over a demo of its own, into docs/images (needs Debian's chromium)
	$(BIN)/python -m tests.live.screenshots

check: install ## formatting, lint, types, layers, Dockerfile, lock file
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile
	@! grep -nE 'https?://' requirements*.lock

test: install ## every test but the full-size ones
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder -m "not soak" $(ARGS)

soak: install ## full-size proofs: minutes, not seconds
	$(BIN)/pytest -m soak -s $(ARGS)

bench: install ## speed, as ratios taken side by side in one run
	$(BIN)/python -m bench $(ARGS)

UV := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate --no-emit-index-url --generate-hashes

lock: ## the two lock files again, from pyproject.toml
	$(UV) --group build pyproject.toml -o requirements.lock
	$(UV) --group dev pyproject.toml -o requirements-dev.lock

clean: ## everything that was made here
	rm -rf $(V) .demo .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist build bench/results.json gateway/pages/explorer/npm
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
