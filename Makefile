# `make run` and `make test` set up all they need: uv, the locked environment, the pages. Needs Python >= 3.11, Node >= 18.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: run test test-wheel wheel-demo lint bench acceptance ui setup lock wheel clean

PYTHON ?= python3
PORT ?= 8600
VENV := .venv
BIN := $(VENV)/bin
# uv from PATH, else our own copy; `2>/dev/null` also makes GNU make use a shell, which `command` needs
UV := $(or $(shell command -v uv 2>/dev/null),.tools/uv/bin/uv)
STATIC := src/interferon/web/static
LOCK := $(UV) pip compile -q --universal --generate-hashes --no-emit-index-url --no-annotate --custom-compile-command 'make lock'
PYTEST_ARGS := -n 2 --dist loadfile -rs
export UV_PYTHON_DOWNLOADS := never
# the tests start hundreds of processes; without this, where it is set, each would compile all that it imports anew
export PYTHONDONTWRITEBYTECODE :=

run: setup
	$(BIN)/interferon demo --port $(PORT)

# what takes longest comes first, so that the cores end together
SUITE := --no-loadscope-reorder tests/browser tests/integration tests/unit
# the demo and its replay run from the wheel in `wheel-demo` and in the browser
WHEEL_SUITE := tests/browser/test_real.py tests/integration/test_up.py \
  $(filter-out %/test_demo_cli.py %/test_replay_cli.py,$(wildcard tests/integration/test_*_cli.py))

test: setup tests/oidc/node_modules/.ready
	$(BIN)/pytest $(PYTEST_ARGS) $(SUITE) $(ARGS)

# the long proofs: crash walks, seeds, replays over many batch borders; see docs/testing.md. Three at once, for some wait for outages.
# -rsP: shows what was measured, also where it passed
acceptance: setup
	$(BIN)/pytest $(PYTEST_ARGS) -n 3 -rsP tests/acceptance $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	cd ui && npm run -s check

# with the opponents of `bench detect`, which drag in much that the product does not need
bench: ui .venv-bench/.ready
	.venv-bench/bin/interferon bench $(ARGS)

setup: $(VENV)/.ready ui
ui: $(STATIC)/app.js

# a bare Debian python3 has neither pip nor venv; either will do
.tools/uv/bin/uv:
	@command -v $(PYTHON) >/dev/null || { echo 'needs Python 3.11 or newer (Debian: apt-get install python3-venv)' >&2; exit 2; }
	@if $(PYTHON) -m pip --version >/dev/null 2>&1; then \
	  $(PYTHON) -m pip install -q --disable-pip-version-check --root-user-action ignore --target .tools/uv --upgrade 'uv>=0.9'; \
	elif $(PYTHON) -c 'import ensurepip' 2>/dev/null; then \
	  $(PYTHON) -m venv .tools/uv && .tools/uv/bin/pip install -q --disable-pip-version-check 'uv>=0.9'; \
	else echo 'needs uv, or Python with venv to fetch it (Debian: apt-get install python3-venv)' >&2; exit 2; fi

# --python: without it uv follows VIRTUAL_ENV of whoever calls make; hatchling is in the lock, so the build needs no network
$(VENV)/.ready: requirements.lock pyproject.toml | $(UV)
	$(UV) venv -q --allow-existing --no-project --python '>=3.11' $(VENV)
	$(UV) pip sync -q --python $(BIN)/python --require-hashes requirements.lock
	$(UV) pip install -q --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

.venv-bench/.ready: requirements-bench.lock pyproject.toml | $(UV)
	$(UV) venv -q --allow-existing --no-project --python '>=3.11' .venv-bench
	$(UV) pip sync -q --python .venv-bench/bin/python --require-hashes requirements-bench.lock
	$(UV) pip install -q --python .venv-bench/bin/python --no-deps --no-build-isolation --editable .
	touch $@

%/node_modules/.ready: %/package-lock.json %/package.json %/.npmrc
	@command -v npm >/dev/null || { echo 'needs Node 18 or newer with npm (Debian: apt-get install nodejs npm)' >&2; exit 2; }
	cd $* && npm ci --prefer-offline --no-progress --loglevel=error
	touch $@

$(STATIC)/app.js: ui/node_modules/.ready ui/build.mjs $(shell find ui/src -type f)
	cd ui && npm run -s build

lock: | $(UV)
	$(LOCK) --group dev $(ARGS) -o requirements.lock pyproject.toml
	$(LOCK) --group bench -c requirements.lock $(ARGS) -o requirements-bench.lock pyproject.toml
	cd ui && npm install --package-lock-only
	cd tests/oidc && npm install --package-lock-only
	! grep -n '://' requirements.lock requirements-bench.lock
	! grep -n '"resolved"' ui/package-lock.json tests/oidc/package-lock.json

wheel: setup
	rm -rf dist
	$(UV) build -q --python $(BIN)/python --no-build-isolation --wheel --out-dir dist

# the wheel alone, with nothing but what it asks for, runs the demo
wheel-demo: wheel
	$(UV) venv -q --clear --no-project --python $(BIN)/python .venv-alone
	sed 's/ *\\$$//; /^ *--hash/d' requirements.lock > .venv-alone/constraints.txt
	$(UV) pip install -q --python .venv-alone/bin/python -c .venv-alone/constraints.txt dist/*.whl
	.venv-alone/bin/interferon init .venv-alone/network
	.venv-alone/bin/interferon demo .venv-alone/network --headless

# what starts the command, against what is shipped instead of the checkout; `make test-wheel WHEEL_SUITE=tests` runs all unit tests too
test-wheel: wheel
	$(UV) venv -q --clear --no-project --python $(BIN)/python .venv-wheel
	$(UV) pip sync -q --python .venv-wheel/bin/python --require-hashes requirements.lock
	$(UV) pip install -q --python .venv-wheel/bin/python --no-deps dist/*.whl
	.venv-wheel/bin/pytest $(PYTEST_ARGS) $(WHEEL_SUITE) $(ARGS)

clean:
	rm -rf $(VENV) .venv-wheel .venv-alone .venv-bench .tools dist $(STATIC) ui/node_modules tests/oidc/node_modules
