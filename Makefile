# Two commands: `make score` (see real posts labelled) and `make test` (the whole suite). Both make .venv if it is absent.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

.PHONY: score test lint clean

score: $(VENV)/.core
	@mkdir -p runs
	$(BIN)/netral score data/samples/posts.csv -o runs/samples.csv --overwrite --show 12

test: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python -m pytest

lint: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) runs dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "netral-nlp needs Python 3.11 or newer: make PYTHON=python3.11 ...")'
	$(PYTHON) -m venv $(VENV)

# The light core: no torch, no transformers. Without the byte code of modules that are never imported it is 80 MB smaller.
$(VENV)/.core: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile -c constraints.txt -e .
	@touch $@

# constraints.txt pins torch first: a bare `pip install torch` may bring gigabytes of CUDA libraries.
$(VENV)/.dev: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.core
