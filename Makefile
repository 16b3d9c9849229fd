# make demo    a knock opens a port, in a lab that leaves nothing behind
# make test    everything: lint, types, unit, wheel, end to end, faults, beside knockd 0.8
# make faults  break it for real: kills at every step, full disks, interfaces that go
# make fuzz    attack every parser, a minute each (FUZZ_SECONDS=600: ten; NAME=config: one of them)
# make check   what to run before a commit: lint, types, unit tests
# make coverage  what each file's own unit tests run of it (NAME=leases/table: one file)
# make mutants   plant faults and see whether the file's tests see them (MUTANTS_SECONDS=300, NAME=leases/table)
# make bench   measure beside knockd 0.8 and write docs/benchmarks.md (20 minutes; NAME=flood: one part;
#              NAME='flood --quick': a rough look at it)
# make golden  write the golden cases of the filter anew, to read their diff
# make log-events  print the tables of docs/log-events.md anew from the catalogue of events
# make control-protocol  print what docs/control-protocol.md takes from the interface anew
# make rotating-vectors  print the test vectors of docs/spec anew, to add some;
#                        make signed-vectors those of signed knocks
# make completions  write what shells complete by anew, from the parsers
# make deb     build/deb: the Debian package; make ipk: build/ipk, OpenWrt's; make site: build/site, the pages
# make release build/release/VERSION: wheel, sdist, both packages, checksums and SBOM
# make packages  build every package and look at what is in it
# make deb-systems  install, upgrade and remove the package on Debian 12 and 13 from their boot (root, ten minutes)
# make arm64, armhf, mips, musl, openwrt, container   the same for other processors, C libraries and hosts, in minutes to hours
#              (make arm64 NAME=package, make mips NAME=tests/unit/knocks, make deb-systems NAME=trixie: one part)
# make picture draw docs/architecture.svg anew from docs/architecture.dot (needs graphviz)
# make demo-picture  record make demo as docs/demo.cast, and draw docs/demo.svg
# make clean   back to a clean checkout
#
# The first run makes .venv and installs; PYTHON=/path/to/python3.11 chooses another Python.

# Expanded once, at the start: each look starts a Python.
ifndef PYTHON
PYTHON := $(shell for p in python3 python3.11 python3.12 python3.13 python3.14; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
endif
export PATH := $(PATH):/usr/sbin:/sbin
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export PIP_ROOT_USER_ACTION = ignore

BIN := .venv/bin
STAMP := .venv/installed
FUZZ := .venv/fuzz
COVERAGE := .venv/coverage
SITE := .venv/site
BUILDERS := .venv/builders
FUZZ_SECONDS ?= 60
MUTANTS_SECONDS ?= 300
CORES := $(shell nproc)
PYTEST := $(BIN)/python -m pytest -q
SHARED := -n $(CORES)
# Network tests wait more than they compute; those that run alone (a group) come last.
SIDE_BY_SIDE := -n $(shell expr 2 '*' $(CORES)) --dist loadgroup --no-loadscope-reorder
LAB := $(BIN)/python -m tests.support.lab.enter

# From the command line only: some shells export a NAME.
PART := $(if $(findstring command,$(origin NAME)),$(NAME))
SYSTEMS := deb-systems arm64 armhf mips musl openwrt container
BUILD := PYTHONPATH=.:conf $(BIN)/python -m knockd_packages

.DEFAULT_GOAL := help
.PHONY: completions help demo test check bench golden log-events control-protocol rotating-vectors signed-vectors picture demo-picture \
	lint types unit property parsers fuzz coverage mutants wheel e2e faults \
	differential clean deb ipk site release packages $(SYSTEMS) packages-demo packages-test packages-bench packages-build packages-site packages-judges \
	packages-systems

help:
	@sed -n '/^$$/q; s/^# \{0,1\}//p' Makefile

demo: packages-demo $(STAMP)
	@$(LAB) $(BIN)/python -m tests.demo

# One stage after the other also with -j: the tests of a stage run side by side already.
test: packages-test $(STAMP)
	@$(MAKE) --no-print-directory lint
	@$(MAKE) --no-print-directory types
	@$(MAKE) --no-print-directory unit
	@$(MAKE) --no-print-directory property
	@$(MAKE) --no-print-directory parsers
	@$(MAKE) --no-print-directory wheel
	@$(MAKE) --no-print-directory packages
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
	$(PYTEST) $(SHARED) tests/unit tests/project

golden: $(STAMP)
	PYTHONPATH=bpf:conf $(BIN)/python -m tests.support.oracles.make_golden

log-events: $(STAMP)
	PYTHONPATH=.:conf $(BIN)/python -m tests.support.oracles.make_log_events

control-protocol: $(STAMP)
	PYTHONPATH=.:conf $(BIN)/python -m tests.support.oracles.make_control_protocol

rotating-vectors: $(STAMP)
	$(BIN)/python -m tests.support.oracles.make_rotating_vectors

signed-vectors: $(STAMP)
	$(BIN)/python -m tests.support.oracles.make_signed_vectors

completions: $(STAMP)
	PYTHONPATH=.:conf $(BIN)/python -m knockd_packages.completions

picture:
	@command -v dot >/dev/null || { echo "dot is missing: apt-get install graphviz" >&2; exit 1; }
	dot -Tsvg docs/architecture.dot -o docs/architecture.svg

demo-picture: packages-demo $(STAMP)
	$(LAB) $(BIN)/python -m tests.support.oracles.make_demo_picture

property: $(STAMP)
	$(PYTEST) $(SHARED) tests/property

parsers: $(FUZZ)
	$(PYTEST) $(SHARED) tests/fuzz

fuzz: $(FUZZ)
	@$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(PART)

coverage: $(COVERAGE)
	@$(BIN)/python -m tests.support.measures.coverage_by_file $(PART)

mutants: $(STAMP)
	@$(BIN)/python -m tests.support.measures.mutants --seconds $(MUTANTS_SECONDS) $(PART)

wheel: $(STAMP)
	$(BIN)/python -m tests.support.lab.wheel build/wheel

# One process runs a file, whose tests share what is dear to build.
packages: packages-test packages-build packages-judges $(SITE) $(BUILDERS)
	$(PYTEST) $(SHARED) --dist loadfile tests/packages

site: packages-site $(SITE)
	@$(BUILD).$@

# Without .venv: the standard library and Debian's tools build it.
deb: packages-build
	@PYTHONPATH=.:conf $(PYTHON) -m knockd_packages.deb

ipk release: packages-build $(BUILDERS)
	@$(BUILD).$@

# Apart: each boots or builds a whole system; tests/systems has a module for each.
$(SYSTEMS): packages-build packages-systems $(STAMP)
	@PYTHONPATH=.:conf $(BIN)/python -m tests.systems.$(subst -,_,$@) $(PART)

e2e: packages-test $(STAMP)
	$(LAB) $(PYTEST) $(SIDE_BY_SIDE) tests/e2e

faults: packages-test $(STAMP)
	$(LAB) $(PYTEST) $(SIDE_BY_SIDE) tests/faults

differential: packages-test $(STAMP)
	$(LAB) $(PYTEST) tests/differential

bench: packages-bench $(STAMP)
	$(LAB) $(BIN)/python -m tests.bench $(PART)

packages-demo packages-test packages-bench packages-build packages-site packages-judges packages-systems:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is missing. As root: apt-get install python3" >&2; exit 1; }
	@PYTHONDONTWRITEBYTECODE=1 $(PYTHON) -m tests.support.lab.packages $(@:packages-%=%)

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

$(COVERAGE): $(STAMP)
	@$(BIN)/pip install -qq --editable '.[coverage]'
	@touch $@

# Apart: 75 MB of Sphinx and what it needs.
$(SITE): $(STAMP)
	@$(BIN)/pip install -qq --editable '.[site]'
	@touch $@

# Apart: what builds a release, and judges it.
$(BUILDERS): $(STAMP)
	@$(BIN)/pip install -qq --editable '.[build]'
	@touch $@

clean:
	rm -rf .venv .tox build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} + -o -name '*.egg-info' -prune -exec rm -rf {} +
