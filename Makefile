# Two commands: `make demo` runs the main job, `make test` passes the tests (SLOW=1: with those that take
# minutes, as CI does). Both set up .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Setup re-runs only when this digest changes: versions, packaging, or the list of modules
# (the editable install is a farm of links to files, so a new module needs a new farm).
DIGEST := $(shell { cat constraints.txt pyproject.toml setup.cfg; find probes features studies cache -type f ! -name '*.pyc' | LC_ALL=C sort; } | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.setup-$(DIGEST)

# One thread per process: on busy cores two OpenMP threads were measured 10 times slower than one.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_DISABLE_TELEMETRY ?= 1

.PHONY: demo test lint setup check columns clean

demo: setup
	$(BIN)/unsinter run --demo

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile $(if $(SLOW),,-m "not slow")

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

columns: setup
	$(BIN)/python -m unsinter.studies.tables.page docs/columns.md

setup: $(STAMP)

$(STAMP):
	sh setup.sh $(PYTHON) $(VENV)
	rm -f $(VENV)/.setup-* && touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info
