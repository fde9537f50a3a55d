.DEFAULT_GOAL := help
PYTHON := .venv/bin/python
STAMP := .venv/.made
LOCKS := requirements/uv.txt requirements/dev.txt
SOURCES := $(wildcard src health/src lab scripts bench tests health/tests)
TYPED := $(wildcard src health/src lab scripts)
SIDE_BY_SIDE := -n 3 --dist loadgroup # most of a test is waiting for a server
again = || { echo "failed; again: $(1)" >&2; exit 1; }

help: ## Say what each target does
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

setup: $(STAMP) ## Make .venv with the tool and everything that tests it

$(STAMP): $(LOCKS) pyproject.toml health/pyproject.toml scripts/setup
	@sh scripts/prerequisites
	@sh scripts/setup
	@touch $@

test: lint types ## Set up, then style, types and every test
	@$(PYTHON) -m pytest $(SIDE_BY_SIDE) $(call again,$(PYTHON) -m pytest)

lint: setup ## Check style and the direction of imports
	@$(PYTHON) -m ruff check --quiet $(SOURCES) $(call again,$(PYTHON) -m ruff check --fix $(SOURCES))
	@$(PYTHON) -m ruff format --quiet --check $(SOURCES) $(call again,$(PYTHON) -m ruff format $(SOURCES))
	@.venv/bin/lint-imports --no-logo $(call again,.venv/bin/lint-imports)

types: setup ## Check types
	@$(PYTHON) -m mypy $(TYPED) $(call again,$(PYTHON) -m mypy $(TYPED))

check: lint types docs-check ## Everything that is quick: lint, types, docs

lab: setup ## Only the faults that are injected into the example
	@$(PYTHON) -m pytest -m lab $(call again,$(PYTHON) -m pytest -m lab)

demo: setup ## Watch unstale find, prove, repair and take back real faults
	@$(PYTHON) -m lab.demo

docs: setup ## Write the generated pages and the README's transcript
	@$(PYTHON) scripts/docs.py

docs-check: setup ## Fail when a generated page differs from the code
	@$(PYTHON) scripts/docs.py --check $(call again,make docs)

new-check: setup ## Begin a check: make new-check CODE=PRC009 SLUG=preload_hides_the_reload
	@$(PYTHON) scripts/new_check.py "$(CODE)" "$(SLUG)"

record: setup ## Record this project's facts: make record FILE=facts.json
	@.venv/bin/unstale check --record "$(or $(FILE),$(error name the file: make record FILE=facts.json))"

golden: setup ## Write the golden transcripts again; review the diff as prose
	@UNSTALE_GOLDEN=1 $(PYTHON) -m pytest tests/render $(call again,make golden)

crash: setup ## Kill every changing command at every point of its work, and look what the next one makes of it
	@$(PYTHON) -m lab.crash
	@CRASH_EVERY=1 $(PYTHON) -m pytest -s tests/reset/test_killed.py

bench: setup ## Measure speed, as ratios in one run
	@$(PYTHON) -m bench.run

lock: setup ## Resolve the requirement files again
	@sh scripts/lock

fresh-clone: ## Run a target in a bare Debian 12: make fresh-clone TARGET=test (root)
	@scripts/fresh_clone.sh $(or $(TARGET),demo)

system-deps: ## Install the Debian packages that the tests need (root)
	@sh scripts/system-deps

.PHONY: help setup test lint types check lab demo docs docs-check new-check record golden bench \
	lock fresh-clone system-deps
