# make demo    a knock opens a port, in a lab that leaves nothing behind
# make test    everything: lint, types, unit, wheel, end to end, faults, beside knockd 0.8
# make faults  break it for real: kills at every step, full disks, interfaces that go
# make fuzz    attack every parser, a minute each (FUZZ_SECONDS=600: ten; NAME=config: one of them)
# make check   what to run before a commit: lint, types, unit tests
# make bench   measure beside knockd 0.8 and write docs/benchmarks.md (20 minutes; NAME=flood: one part)
# make clean   back to a clean checkout
#
# The first run makes .venv and installs; PYTHON=/path/to/python3.11 chooses another Python.

PYTHON ?= $(firstword $(foreach p,python3 python3.11 python3.12 python3.13 python3.14,\
	$(shell $(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $(p))))
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

BIN := .venv/bin
STAMP := .venv/installed
FUZZ := .venv/fuzz
FUZZ_SECONDS ?= 60
PYTEST := $(BIN)/python -m pytest -q
LAB := $(BIN)/python -m tests.support.enter

.DEFAULT_GOAL := help
.PHONY: help demo test check bench lint types unit property parsers fuzz wheel e2e faults \
	differential clean packages-demo packages-test packages-bench

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

demo: packages-demo $(STAMP)
	@$(LAB) $(BIN)/python -m tests.demo

# One after the other also with -j: two cores are few, and waiting tests are not to wait for compilers.
test: packages-test $(STAMP)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory property
	@$(MAKE) --no-print-directory parsers
	@$(MAKE) --no-print-directory wheel
	@$(MAKE) --no-print-directory e2e
	@$(MAKE) --no-print-directory faults
	@$(MAKE) --no-print-directory differential

check: lint types unit

lint: $(STAMP)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)
	$(BIN)/mypy
	MYPYPATH=.:bpf:conf $(BIN)/mypy --explicit-package-bases tests

unit: $(STAMP)
	$(PYTEST) tests/unit

property: $(STAMP)
	$(PYTEST) tests/property

parsers: $(FUZZ)
	$(PYTEST) tests/fuzz

fuzz: $(FUZZ)
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(NAME)

wheel: $(STAMP)
	$(BIN)/python -m tests.support.wheel build/wheel

e2e: packages-test $(STAMP)
	$(LAB) $(PYTEST) tests/e2e

faults: packages-test $(STAMP)
	$(LAB) $(PYTEST) tests/faults

differential: packages-test $(STAMP)
	$(LAB) $(PYTEST) tests/differential

bench: packages-bench $(STAMP)
	$(LAB) $(BIN)/python -m tests.bench $(NAME)

packages-demo packages-test packages-bench:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing. As root: apt-get install python3" >&2; exit 1; }
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m tests.support.packages $(@:packages-%=%)

$(STAMP): setup.cfg pyproject.toml | packages-demo
	@echo "installing into .venv"
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -qq --editable '.[test,lint]'
	@touch $@

# Apart: 34 MB that nothing else needs, and there is none for every machine.
$(FUZZ): $(STAMP)
	@$(BIN)/pip install -qq --only-binary atheris --editable '.[fuzz]' || \
		echo "no atheris for this machine: what is known is tried again, but nothing new"
	@touch $@

clean:
	rm -rf .venv .tox build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name '*.egg-info' -prune -exec rm -rf {} +
