# Every target works from a clean clone as one command: it installs what it needs, and that is quick once it is there.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# A Node.js that set-up had to bring is in .venv/bin; tools/solc finds it there.
export PATH := $(CURDIR)/.venv/bin:$(PATH)

# Without compiled files every process that a target starts compiles all of our modules anew.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
# Parallel test workers, each with a test chain of its own.
JOBS ?= 2
TEST_ARGS ?=
DEMO_ARGS ?=
BENCH_ARGS ?=
SOAK_ARGS ?=

.PHONY: help setup demo test soak lint bench prove serve brownie lock clean distclean

help: ## this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

setup: ## everything the other targets install, at once
	@scripts/bootstrap.sh project node peers brownie

demo: ## the main job end to end on a local chain (KEEP=1 leaves it running)
	@scripts/bootstrap.sh project node
	@$(PY) scripts/demo.py $(if $(KEEP),--keep) $(DEMO_ARGS)

test: ## all tests (JOBS=2, TEST_ARGS="-k name" to choose)
	@scripts/bootstrap.sh project node peers brownie hsm browser
	@$(PY) -m pytest -n $(JOBS) --dist loadfile $(TEST_ARGS)

soak: ## what takes minutes: kills at every step, lost servers, full disks, moved clocks; then the long soak (SOAK_ARGS)
	@scripts/bootstrap.sh project node
	@$(PY) -m pytest -m soak $(TEST_ARGS)
	@$(PY) scripts/soak.py $(SOAK_ARGS)

lint: ## style, types and the direction of imports
	@scripts/bootstrap.sh project
	@.venv/bin/ruff check
	@.venv/bin/ruff format --check
	@.venv/bin/mypy
	@.venv/bin/lint-imports --no-logo

bench: ## measurements, as JSON in bench/results/ (BENCH_ARGS='sign gas audit http growth' to choose)
	@test -f scripts/bench.py || { echo 'make bench: scripts/bench.py is missing from this tree' >&2; exit 1; }
	@scripts/bootstrap.sh project node
	@tests/contracts/adapters/install.sh
	@bench/peers/install.sh
	@$(PY) scripts/bench.py $(BENCH_ARGS)

prove: ## the contracts' proofs that take long (STEPS="forge coverage mutation" to choose)
	@scripts/bootstrap.sh project node
	@scripts/prove.sh $(STEPS)

serve: ## one oracle node (CONFIG=path/to/node.toml)
ifndef CONFIG
	@echo 'make serve: which node? Name its configuration: make serve CONFIG=path/to/node.toml' >&2
	@echo '  A new node (key store, configuration, database): .venv/bin/filing-gate operator init DIR' >&2
	@exit 2
else
	@scripts/bootstrap.sh project
	@.venv/bin/filing-gate serve --config '$(CONFIG)'
endif

brownie: ## Brownie in its own environment (ARGS="console --network anvil")
	@scripts/bootstrap.sh node brownie
	@HOME='$(CURDIR)/build/brownie-home' PYTHONWARNINGS=ignore SOLCX_BINARY_PATH='$(CURDIR)/.solcx' \
	  PATH="$(CURDIR)/.venv-brownie/bin:$(CURDIR)/node_modules/.bin:$$PATH" .venv-brownie/bin/brownie $(or $(ARGS),--help)

lock: ## the Python locks, from pyproject.toml and requirements/*.in (UPGRADE=1 for the newest)
	@scripts/lock.sh $(if $(UPGRADE),--upgrade)

clean: ## removes what was built and cached, keeps the environments
	@rm -rf build dist reports .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find oracle scripts tests -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

distclean: clean ## removes the environments too
	@rm -rf .venv .venv-brownie .venv-proof node_modules tests/contracts/adapters/node_modules bench/peers/node_modules .solcx
