# Every target makes the .venv that it needs, from the tested versions in constraints.txt.
# PYTHON and VENV may be set: PYTHON=python3.12 make test
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
MINIMUM ?= .venv-minimum

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
.PHONY: help reproduce reproduce-table2 reproduce-all tables sweep data docs reference \
	lint test test-minimum coverage browser fuzz bench clean

help: ## Show this help.
	@awk -F ':.*## ' '/^##@/ {printf "\n%s\n", substr($$0, 5)} \
		/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo 'Choosing data'
	@echo '  DATA=synthetic                   generated motion, nothing to download; the default'
	@echo '  DATA=cmu CMU=folder              the CMU motions, as ASF and AMC files'
	@echo '  DATA=npz NPZ=folder NAME=cmu17   a 17-joint data set in the public Human3.6M layout'
	@echo '  DATA=h36m H36M=folder            Human3.6M; add IMAGES=folder for tables from images'
	@echo '  DATA=humaneva HUMANEVA=folder    HumanEva-I'
	@echo '  DATA=file.yaml                   a source of your own'
	@echo '  TEST=3dhp MPI3DHP=folder         other data to test on, for tables across data sets'
	@echo
	@echo 'Choosing runs'
	@echo '  TABLE=srnet-table2               a name that make tables lists, or a YAML file of yours'
	@echo '  PRESET=quick                     minutes on two cores; the default'
	@echo '  PRESET=paper                     the schedule of the paper'
	@echo '  PRESET=smoke                     a few steps, to see that everything works'
	@echo '  SEEDS=0,1,2                      the seeds of every row'
	@echo '  JOBS=2                           how many runs are trained at once'
	@echo '  LAUNCH="torchrun …", SHARD=1/8   several GPUs or machines: see docs/scaling.md'

##@ Tables

reproduce-table2: TABLE = srnet-table2
reproduce-table2: reproduce ## Train, measure and judge the six networks of Table 2 of SRNet.

reproduce: $(VENV)/ready ## Make the table TABLE; run it again to go on where it was stopped.
	$(BIN)/python -m experiments.cli.reproduce "$(TABLE)" $(SETTING) $(SCALE)

reproduce-all: $(VENV)/ready ## Make all tables, and one page that sums them up.
	$(BIN)/python -m experiments.cli.reproduce_all $(SETTING) $(SCALE)

tables: $(VENV)/ready ## List all tables: which are done, and how long the others take.
	@$(BIN)/python -m experiments.cli.reproduce --list $(SETTING)

sweep: $(VENV)/ready ## Register the sweep SWEEP with W&B; see docs/sweeps.md.
	$(BIN)/python -m experiments.cli.sweep "$(SWEEP)" $(SETTING) $(ARGS)

##@ Data

data: $(VENV)/ready ## Say which known data sets the folder DIR holds, and what is missing.
	$(BIN)/python -m datamodules "$(DIR)"

##@ Documentation

docs: $(VENV)/ready ## Build the guide, the findings and the reference as a site, in site/.
	$(BIN)/python -m experiments.report.site

reference: $(VENV)/ready ## Build the reference of all classes and configs alone, in reference/.
	$(BIN)/python -m experiments.report.reference

##@ Development

lint: $(VENV)/ready ## Check style, types and imports.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

# tests of pages are skipped where no browser can be installed, but fail in CI
test: lint ## Check style, types and imports, and run all tests.
	$(BIN)/python -m tests.browser || [ -z "$$CI" ]
	$(BIN)/python -m pytest -n auto --dist worksteal

test-minimum: $(MINIMUM)/ready ## Run all tests with the oldest supported dependencies.
	$(MINIMUM)/bin/python -m tests.browser || [ -z "$$CI" ]
	$(MINIMUM)/bin/python -m pytest -n auto --dist worksteal

coverage: $(VENV)/ready ## Run all tests and list the lines that none of them reaches.
	$(BIN)/python -m pytest -n auto --dist worksteal --cov --cov-report=term --cov-report=html

browser: $(VENV)/ready ## Install a browser for the tests of pages, if there is none.
	$(BIN)/python -m tests.browser

fuzz: $(VENV)/ready ## Read 10,000 damaged files of every format, or INPUTS of them.
	$(BIN)/python -m tests.datamodules.fuzz $(if $(INPUTS),--inputs $(INPUTS))

bench: $(VENV)/ready ## Time the suite against plain code, or against released code in REF.
	$(BIN)/python -m benchmarks $(if $(REF),--ref "$(REF)")

clean: ## Remove the environments; results stay.
	rm -rf $(VENV) $(MINIMUM)

$(VENV)/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e ".[test]"
	@touch $@

# uv is the installer that can choose lowest versions
$(MINIMUM)/ready: pyproject.toml
	$(PYTHON) -m venv $(MINIMUM)
	$(MINIMUM)/bin/python -m pip install --quiet uv
	$(MINIMUM)/bin/uv pip install --quiet --python $(MINIMUM)/bin/python \
		--resolution lowest-direct -e ".[test]"
	@touch $@
