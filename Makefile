# Everything a developer does, by name. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

VENV := .venv
PY := $(VENV)/bin/python
# The first Python from 3.11 on; the newest are tried last, as wheels appear for them last.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11 python3.14,$(shell \
	$(p) -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo $(p))))
# Folders named in lint, as far as they exist.
CODE := $(wildcard leadloop services deploy bench tests)
SIZE ?= full
ARGS ?=
# Tests run side by side, unless some are chosen: those are looked at, one after another.
WORKERS ?= $(if $(ARGS),0,auto)
PYTEST = $(PY) -m pytest --numprocesses $(WORKERS)

# Most of what is started is short-lived; without kept bytecode all of it compiles everything anew.
unexport PYTHONDONTWRITEBYTECODE

export PATH := $(abspath $(VENV)/bin):$(PATH)

##@ Start here
.PHONY: help
help: ## List these targets
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@/ { printf "\n\033[1m%s\033[0m\n", substr($$0, 5) } \
		/^[a-z][a-z0-9-]*:.*## / { printf "  \033[36m%-18s\033[0m %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: setup
setup: $(VENV)/.setup ## Install everything into .venv, hash-checked (fast when nothing changed)

.PHONY: demo
demo: setup ## A quarter in the life of a made-up company (SIZE=small for a short one)
	@leadloop demo --size $(SIZE) $(ARGS)

.PHONY: up
up: setup ## Serve the whole loop in one process on port 8000
	@leadloop up $(ARGS)

.PHONY: stack
stack: setup kafka ## Four processes, a real Kafka and PostgreSQL, no containers
	@$(PY) -m deploy.terminal $(ARGS)

##@ While changing code
.PHONY: lint
lint: setup ## Format, lint, types, import arrows, contract, generated code
	ruff format --check $(CODE)
	ruff check $(CODE)
	mypy --strict $(CODE)
	lint-imports
	buf lint
	deploy/breaking
	deploy/verify

.PHONY: format
format: setup ## Format the code and fix what ruff can fix
	@ruff format $(CODE)
	@ruff check --fix $(CODE)

.PHONY: test
test: setup kafka ## All tests, side by side; starts the PostgreSQL and the Kafka they need
	@$(PYTEST) $(ARGS)

.PHONY: test-unit
test-unit: setup ## Tests that need only Python
	@$(PYTEST) $(wildcard tests/unit tests/property tests/contract) $(ARGS)

.PHONY: test-integration
test-integration: setup kafka ## Tests against a real PostgreSQL and a real Kafka
	@$(PYTEST) tests/integration $(ARGS)

.PHONY: e2e
e2e: setup kafka ## The four processes, from a webhook to a signed delivery
	@$(PYTEST) tests/e2e $(ARGS)

##@ The contract
.PHONY: proto
proto: setup ## Generate leadloop/v1 and docs/asyncapi.yaml from proto/
	@deploy/proto .
	@$(PY) -m deploy.asyncapi > docs/asyncapi.yaml.new && mv docs/asyncapi.yaml.new docs/asyncapi.yaml

.PHONY: schema
schema: setup ## Write docs/agreement.schema.json, which editors read
	@$(PY) -m leadloop.agreement.schema > docs/agreement.schema.json.new && mv docs/agreement.schema.json.new docs/agreement.schema.json

.PHONY: verify
verify: setup ## Fail when generated code or the lock is stale
	@deploy/verify

.PHONY: lock
lock: setup ## Lock the dependencies of pyproject.toml with their hashes (ARGS=--upgrade)
	@uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --all-extras \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock $(ARGS)

##@ Measurements; each prints a table and one line of JSON
.PHONY: bench
bench: setup kafka ## All of them at small sizes, one after another
	@$(PY) -m bench $(ARGS)
bench-kill: setup kafka ## Kill every part at random: nothing lost, nothing doubled
bench-relay: setup ## Order and completeness under slow writers, beside a naive reader
bench-loop: setup kafka ## Leads per second and time through the loop, beside three other chains
bench-posting: setup ## What posting a webhook takes of a core, beside aiohttp's client
bench-clocks: setup ## How late timers fire
bench-score-truth: setup ## The score beside an independent slow reference
bench-scoring: setup ## How fast leads are scored, beside cel-python and plain Python
bench-replay: setup ## The demo's quarter twice from one seed, byte for byte
bench-agreements: setup ## Broken agreements, one fault each, and a sound one
bench-backtest: setup ## A backtest of a million leads from CSV files: time and memory
bench-learning: setup ## Points that outcomes suggest, on a real funnel (LEADLOOP_DATA=folder)
.PHONY: bench-kill bench-relay bench-loop bench-posting bench-clocks bench-replay
.PHONY: bench-score-truth bench-scoring bench-backtest bench-learning bench-agreements
bench-kill bench-relay bench-loop bench-posting bench-clocks bench-replay \
bench-score-truth bench-scoring bench-backtest bench-learning bench-agreements:
	@$(PY) -m bench.$(subst -,_,$(@:bench-%=%)) $(ARGS)

##@ What the others stand on
.PHONY: kafka
kafka: .kafka/.fetched ## Fetch the jars of the Kafka broker

.PHONY: clean
clean: ## Remove what runs and tools left; keeps .venv and the broker's jars
	@rm -rf build dist *.egg-info .stack .test .bench .leadloop .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	@find leadloop services deploy bench tests -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Stamps: a target runs again only when what it depends on changed.
$(VENV)/.setup: pyproject.toml requirements.lock deploy/setup
	@PYTHON='$(PYTHON)' deploy/setup $(VENV)
	@touch $@

.kafka/.fetched: deploy/kafka/pom.xml deploy/kafka/fetch
	@deploy/kafka/fetch .kafka/libs
	@touch $@
