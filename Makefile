# make setup | run | test [WORKERS=3] | coverage | lint | bench [ONLY=read SIZE=300] | lock | image [IMAGE= TAG=]
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?=
ONLY ?=
SIZE ?=
WORKERS ?= $(shell expr 3 \* `nproc` / 2)
IMAGE ?= rancher/continuous-delivery
TAG ?= $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' extension/__init__.py)

.PHONY: setup run test coverage lint bench lock image clean
.DELETE_ON_ERROR:

setup: $(VENV)/.ready

$(VENV)/.ready: requirements.lock setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed, this is %s" % sys.version.split()[0] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup
	$(BIN)/rancher-cd serve --demo $(if $(PORT),--port $(PORT))

test: setup lint
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
	rm -rf $(VENV) build dist *.egg-info
