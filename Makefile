.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
STAMP := .venv/.made
SOURCES := src lab scripts health/src

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv with the tool and everything that tests it

$(STAMP): requirements/uv.txt requirements/dev.txt pyproject.toml health/pyproject.toml
	@sh scripts/prerequisites
	@sh scripts/setup
	@touch $@

test: setup ## Run every test
	@$(PYTHON) -m pytest

lint: setup ## Check style and the direction of imports
	@$(PYTHON) -m ruff check $(SOURCES) tests health/tests && $(PYTHON) -m ruff format --check $(SOURCES) tests health/tests
	@.venv/bin/lint-imports

types: setup ## Check types
	@$(PYTHON) -m mypy

check: lint types docs-check ## Everything that is quick: lint, types, docs

lab: setup ## Only the faults that are injected into the example
	@$(PYTHON) -m pytest -m lab

demo: setup ## Watch unstale find, prove, repair and take back real faults
	@$(PYTHON) -m lab.demo

docs: setup ## Write the generated pages and the README's transcript
	@$(PYTHON) scripts/docs.py

docs-check: setup ## Fail when a generated page differs from the code
	@$(PYTHON) scripts/docs.py --check

new-check: setup ## Begin a check: make new-check CODE=PRC009 SLUG=preload_hides_the_reload
	@$(PYTHON) scripts/new_check.py "$(CODE)" "$(SLUG)"

record: setup ## Record this project's facts to FILE
	@.venv/bin/unstale check --record "$(FILE)"

bench: setup ## Measure speed, as ratios in one run
	@$(PYTHON) bench/run.py

lock: setup ## Resolve the requirement files again
	@sh scripts/lock

system-deps: ## Install the Debian packages that the tests need (root)
	@sh scripts/system-deps

.PHONY: help setup test lint types check lab demo docs docs-check new-check record bench lock system-deps
