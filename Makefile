# make demo: the main job.  make test: every test.  Both make the virtual environment first; all they need is Python ≥ 3.11.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
NEWEST := $(shell for p in python3.14 python3.13 python3.12 $$(ls -d $$HOME/.pyenv/versions/3.1[2-9]*/bin/python3 2>/dev/null | sort -rV); \
                  do $$p -c 'import venv' 2>/dev/null && echo $$p && break; done)

.PHONY: demo test test-newest test-torch lint types examples fashion bench clean

demo: $(VENV)/installed
	$(BIN)/python examples/xor.py
	$(BIN)/python examples/digits.py
	$(BIN)/python -m funcnn.verify

test: $(VENV)/installed
	$(BIN)/python -c 'import sys, jax; print("Python", sys.version.split()[0], "with JAX", jax.__version__)'
	$(BIN)/pytest -n auto --dist worksteal -q

test-newest:
ifeq ($(NEWEST),)
	@echo "No Python 3.12 or later was found: the suite did not run on the newest JAX."
else
	$(MAKE) test PYTHON=$(NEWEST) VENV=.venv-newest
endif

test-torch: $(VENV)/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[torch]'
	$(BIN)/pytest -n auto --dist worksteal -q tests/rules/test_against_torch.py tests/test_docs.py

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed
	$(BIN)/pyright

examples: $(VENV)/installed
	for example in $(filter-out examples/fashion_mnist.py, $(wildcard examples/*.py)); do $(BIN)/python $$example || exit 1; done

fashion: $(VENV)/installed  # minutes, and it needs the data
	$(BIN)/python examples/fashion_mnist.py

bench: $(VENV)/installed
	$(BIN)/pip install --quiet --editable '.[bench]'
	$(BIN)/python -m benchmarks

clean:
	rm -rf .venv .venv-newest

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
