# Every target makes the .venv that it needs, from the tested versions in constraints.txt.
# PYTHON and VENV may be set: PYTHON=python3.12 make test
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin

TABLE ?= srnet-table2
SWEEP ?= srnet
DATA ?= synthetic
PRESET ?= quick
SEEDS ?= 0,1,2
# where each data set is; TEST names other data to test on, with TESTNAME where DATA has NAME
ROOT_npz = $(NPZ)
ROOT_cmu = $(CMU)
ROOT_h36m = $(H36M)
ROOT_humaneva = $(HUMANEVA)
ROOT_3dhp = $(MPI3DHP)
ROOT = $(ROOT_$(DATA))
TESTROOT = $(ROOT_$(TEST))
SETTING = --data "$(DATA)" --preset $(PRESET) --seeds $(SEEDS) $(if $(JOBS),--jobs $(JOBS)) \
	$(if $(ROOT),--root "$(ROOT)") $(if $(NAME),--name "$(NAME)") $(if $(IMAGES),--images "$(IMAGES)") \
	$(if $(TEST),--test-data "$(TEST)") $(if $(TESTROOT),--test-root "$(TESTROOT)") \
	$(if $(TESTNAME),--test-name "$(TESTNAME)")
# docs/scaling.md
SCALE = $(if $(LAUNCH),--launch '$(LAUNCH)') $(if $(SHARD),--shard $(SHARD))

.DEFAULT_GOAL := help
.PHONY: help reproduce reproduce-table2 reproduce-all sweep tables data docs reference fuzz test coverage browser lint bench clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo '  DATA=synthetic | npz NPZ=dir NAME=cmu17 | cmu CMU=dir | h36m H36M=dir | humaneva HUMANEVA=dir | a YAML of yours'
	@echo '  IMAGES=dir with DATA=h36m, for the tables that are made from images'
	@echo '  TEST=3dhp MPI3DHP=dir, or any of the above: what the tables across data sets test on'
	@echo '  PRESET=quick | paper | smoke   SEEDS=0,1,2   JOBS=runs at once   TABLE=$(TABLE)'
	@echo '  LAUNCH="torchrun … --no-python" | "srun …": each training over its ranks   SHARD=1/8: every eighth run'

reproduce-table2: TABLE = srnet-table2
reproduce-table2: reproduce ## SRNet's Table 2: train, measure and judge its six networks

reproduce: $(VENV)/ready ## any table: TABLE=name, or a YAML of yours; goes on where it was stopped
	$(BIN)/python -m experiments.cli.reproduce "$(TABLE)" $(SETTING) $(SCALE)

reproduce-all: $(VENV)/ready ## all tables, to one page; goes on where it was stopped
	$(BIN)/python -m experiments.cli.reproduce_all $(SETTING) $(SCALE)

sweep: $(VENV)/ready ## register SWEEP=name with W&B: a grid of tables, or a search; docs/sweeps.md
	$(BIN)/python -m experiments.cli.sweep "$(SWEEP)" $(SETTING) $(ARGS)

tables: $(VENV)/ready ## list the tables, what of them is done and what the rest costs
	@$(BIN)/python -m experiments.cli.reproduce --list $(SETTING)

data: $(VENV)/ready ## what of the known data sets lies in DIR, and what is missing
	$(BIN)/python -m datamodules "$(DIR)"

fuzz: $(VENV)/ready ## 10,000 damaged files of every format; INPUTS=…
	$(BIN)/python -m tests.datamodules.fuzz $(if $(INPUTS),--inputs $(INPUTS))

# tests of pages are skipped where no browser can be had, but fail in CI
test: lint ## lint, types and all tests
	$(BIN)/python -m tests.browser || [ -z "$$CI" ]
	$(BIN)/python -m pytest -n auto --dist worksteal

coverage: $(VENV)/ready ## all tests once more, and the lines that none of them runs
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term --cov-report=html

browser: $(VENV)/ready ## the browser for the tests of pages, where the machine has none
	$(BIN)/python -m tests.browser

docs: $(VENV)/ready ## the guide, findings, papers and reference as a site, in site/
	$(BIN)/python -m experiments.report.site

reference: $(VENV)/ready ## pages of all classes, functions and configs, in reference/
	$(BIN)/python -m experiments.report.reference

lint: $(VENV)/ready ## style, types and imports alone
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/ready ## time against plain forms, and REF=clone of an official code
	$(BIN)/python -m benchmarks $(if $(REF),--ref "$(REF)")

clean: ## remove the environment; results stay
	rm -rf $(VENV)

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	@touch $@
