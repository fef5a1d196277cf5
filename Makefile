# make report [CONFIG=mine.yaml] [OUT=folder]  set up, run the study, print the summary table and where the report is;
#                                 the results lie in results/ of this folder, or of OUT
# make test | make test-long      set up and run the tests (<= 15 minutes on two cores) | the rest of them
# make slurm                      as root: the study on a SLURM cluster of this machine (docs/slurm.md)
# make bench                      set up and run the benchmarks
# make lint                       formatters, linters, type checker
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
CORES ?= all
BIN := .venv/bin
PROGRAMS := beagle minimac4 bcftools tabix
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: report slurm test test-long bench lint setup programs

report: setup
	$(BIN)/snakemake --cores $(CORES) $(if $(CONFIG),--configfile "$(CONFIG)") $(if $(OUT),--directory "$(OUT)")
	@$(BIN)/python -m ragimpute.reporting.terminal "$(or $(OUT),.)/results/summary.tsv"
	@echo "Report: $$(realpath "$(or $(OUT),.)")/results/report.html"

slurm: setup
	profiles/slurm/one_node.sh run $(if $(CONFIG),--configfile "$(CONFIG)")
	@echo "Report: $(CURDIR)/results/report.html"

test test-long: PROGRAMS += chromium plink2 # they check the report and the VCF of X; users need neither

test-long: PROGRAMS += debootstrap # the image's steps are carried out in a minimal Debian
test: PROGRAMS += $(if $(CI),debootstrap)

test: setup # with CI set: conda and SLURM, too
	$(BIN)/python -m pytest -m "not long$(if $(CI),, and not ci)" -n 2 --dist loadgroup --durations 20

test-long: setup
	$(BIN)/python -m pytest -m "long or ci"

bench: setup
	@for name in kernel vcf impute cohort; do echo "== benchmarks/$$name.py"; $(BIN)/python "benchmarks/$$name.py"; done

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

setup: .venv/.compiled programs

# pip runs again when the lock or the package's metadata change; a set-up that was interrupted starts afresh
.venv/.installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "make: Python 3.11 or newer is needed; name one with PYTHON=python3.11" >&2; exit 1; }
	@[ -x $(BIN)/pip ] || { rm -rf .venv && $(PYTHON) -m venv .venv; } \
	  || { echo "make: no virtual environment could be made; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "Installing requirements.lock into .venv (a few minutes)"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# once, so that the first `ragimpute impute` does not wait for it; what is edited is compiled again where it is used
.venv/.compiled: .venv/.installed
	@echo "Compiling (a minute)"
	$(BIN)/ragimpute compile
	@touch $@

# The programs of the baselines (and of tests), which pip does not have: each one's package has its name.
programs:
	@missing=$$(for name in $(PROGRAMS); do command -v $$name > /dev/null || echo $$name; done | xargs); \
	[ -n "$$missing" ] || exit 0; \
	if command -v apt-get > /dev/null && [ "$$(id -u)" = 0 ]; then \
	  echo "Installing with apt: $$missing"; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing > /dev/null; \
	else \
	  echo "make: programs not found: $$missing" >&2; \
	  echo "  Debian or Ubuntu, as root:  apt-get install $$missing" >&2; \
	  echo "  or with conda:              snakemake --cores all --use-conda (see envs/baselines.yaml)" >&2; \
	  exit 1; \
	fi
