# Every target makes the virtual environment that it needs: the newest Python from 3.11 on, or PYTHON=…, in VENV=….

PYTHON ?= $(shell .ci/python 3.14 3.13 3.12 3.11)
VENV   ?= .venv
BIN    := $(VENV)/bin
PARTS  ?= 1
LONG   := examples/fashion_mnist.py examples/shakespeare.py examples/spelling_to_sound.py
PYTEST := $(BIN)/pytest -n auto --dist worksteal
SAY    := $(BIN)/python -c 'import sys, jax; print("Python", sys.version.split()[0], "with JAX", jax.__version__)'

.DEFAULT_GOAL := help
.PHONY: help demo quick test test-all test-oldest test-flags test-torch rule format lint types examples fashion shakespeare spelling bench faults exhaustive clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' Makefile

demo: $(VENV)/installed  ## train on XOR and on handwritten digits, then compare every rule with autodiff
	@$(SAY)
	$(BIN)/python examples/xor.py
	$(BIN)/python examples/digits.py
	$(BIN)/python -m funcnn.verify

quick: $(VENV)/installed  ## the tests to run after each change: a minute and a half on two cores
	@$(SAY)
	$(PYTEST) --parts 0

test: $(VENV)/installed  ## every test, but of the slow ones PARTS=1 part of a hundred, which this commit draws
	@$(SAY)
	$(PYTEST) --parts $(PARTS)

test-all:  ## every test
	$(MAKE) test PARTS=100

test-oldest:  ## make test on Python 3.11, for which the newest JAX is 0.10.2
	$(MAKE) test PYTHON=$(shell .ci/python 3.11) VENV=.venv-oldest

test-flags: $(VENV)/installed  ## a third of the promises and of the checker's tests, with JAX's coming custom_vjp and remat
	@$(SAY)
	JAX_CUSTOM_VJP3=1 JAX_REMAT3=1 $(PYTEST) --third --parts $(PARTS) tests/rules/test_promises.py tests/rules/test_forward_mode.py \
		tests/test_forward.py tests/verify/audit tests/verify/stages tests/verify/test_compare.py tests/verify/test_without_rules.py

test-torch: $(VENV)/installed  ## compare the rules with PyTorch's
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[torch]'
	$(PYTEST) --parts 100 tests/rules/*/test_against_torch.py tests/interop/test_torch.py tests/interop/test_recurrent.py tests/test_docs.py \
		'tests/test_pages.py::test_a_section_prints_what_it_says[interop-PyTorch]'

rule:  ## write the skeleton of a rule: make rule NAME=relu_squared ROOM=activations
	@$(PYTHON) tools/new_rule.py $(NAME) $(ROOM)

format: $(VENV)/installed  ## sort the imports, mend what ruff can, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lint: $(VENV)/installed  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/installed  ## pyright
	$(BIN)/pyright

examples: $(VENV)/installed  ## run every example but Fashion-MNIST, and the two long ones for half a minute each
	for example in $(filter-out $(LONG), $(wildcard examples/*.py)); do $(BIN)/python $$example || exit 1; done
	$(BIN)/python examples/shakespeare.py --minutes 0.5
	$(BIN)/python examples/spelling_to_sound.py --minutes 0.5

fashion: $(VENV)/installed  ## train on Fashion-MNIST: minutes, and it needs the data
	$(BIN)/python examples/fashion_mnist.py

shakespeare: $(VENV)/installed  ## train a model of Shakespeare's plays: 25 minutes, and it can be stopped
	$(BIN)/python examples/shakespeare.py --run examples/runs/shakespeare

spelling: $(VENV)/installed  ## train a network to say English words: half an hour, and it can be stopped
	$(BIN)/python examples/spelling_to_sound.py --run examples/runs/spelling_to_sound

bench: $(VENV)/installed  ## measure every claim about speed and about the checker
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks

faults: $(VENV)/installed  ## kill, signal and damage runs that have checkpoints, by the hundred: under half an hour
	$(BIN)/python -m benchmarks.faults

exhaustive: $(VENV)/installed  ## measure accuracy at adversarial points, then over every number there is: hours, and it can be stopped
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[bench]'
	$(BIN)/python -m benchmarks.many_points
	$(BIN)/python -m benchmarks.every_number

clean:  ## remove the virtual environments
	rm -rf .venv .venv-*

$(VENV)/installed: pyproject.toml .ci/python
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@
