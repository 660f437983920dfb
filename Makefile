# Each target works alone on a fresh machine: it makes the environment it needs.
VENV ?= .venv
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
BIN := $(VENV)/bin
JOBS ?= 2

.PHONY: demo test test-neural test-oldest check docs format clean

demo: $(VENV)/.demo
	$(BIN)/deepforest demo

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n $(JOBS)

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The examples once more, with their networks in PyTorch instead of scikit-learn.
test-neural: $(VENV)/.neural
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) tests/test_examples.py tests/test_networks.py

# The scikit-learn contract once more, with the oldest versions that pyproject.toml allows.
test-oldest: $(VENV)-oldest/.dev
	$(VENV)-oldest/bin/python -m pytest -n $(JOBS) tests/test_sklearn_contract.py tests/test_forest.py

# The site, into docs/_build/html: no network, warnings are errors, examples on small data.
docs: $(VENV)/.dev
	$(BIN)/python -m sphinx -W --keep-going -b html docs docs/_build/html

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) $(VENV)-oldest .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -rf docs/_build docs/gallery docs/generated
	find deepforest -name '*.nb[ic]' -delete

$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "deepforest needs Python 3.11 or newer: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[cli,plot]'
	touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@ $(VENV)/.demo

# A fixed version: PyTorch's builds differ by gigabytes.
$(VENV)/.neural: $(VENV)/.dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	touch $@

$(VENV)-oldest/.dev: pyproject.toml tests/oldest.txt
	$(PYTHON) -m venv $(VENV)-oldest
	$(VENV)-oldest/bin/python -m pip install --quiet --disable-pip-version-check -c tests/oldest.txt -e . pytest pytest-xdist pandas hypothesis
	touch $@
