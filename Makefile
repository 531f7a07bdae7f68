# Everything is set up in .venv; nothing outside this folder is touched.
#   make demo   set up and run the main job (data in, tuned and benchmarked model out)
#   make test   set up and pass the tests
# the first of these that runs and is new enough (a name on the PATH may be a shim that leads nowhere)
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV ?= .venv
BIN := $(VENV)/bin
CONSTRAINTS ?= constraints.txt
WORKERS ?= 2

.PHONY: help demo test test-all test-clients fuzz check format lint types imports style docs site picture tutorials bench lock clean

help: ## Show what there is
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(VENV)/ready: pyproject.toml $(CONSTRAINTS)
	@test -n "$(PYTHON)" || { echo "ftkit needs Python 3.11 or newer with its venv module, and none was found. Set PYTHON=..."; exit 1; }
	@echo "== Setting up $(VENV) with $$($(PYTHON) --version)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --editable .
	@touch $@

$(VENV)/ready-dev: $(VENV)/ready
	@echo "== Adding what the tests and checks need"
	@$(BIN)/python -m pip install --quiet --constraint $(CONSTRAINTS) --group dev --group docs --editable ".[train]" \
		$(if $(findstring lowest,$(CONSTRAINTS)),,--group openapi)
	@$(BIN)/ftkit tokenizers fetch o200k_base cl100k_base llama3
	@touch $@

demo: $(VENV)/ready ## Set up, then run the main job: ftkit run sentiment
	@echo "== ftkit run sentiment"
	@$(BIN)/ftkit run sentiment

test: $(VENV)/ready-dev ## Set up, then run the tests (not the slow ones)
	@echo "== pytest"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile

test-all: $(VENV)/ready-dev ## Every test, the slow ones and the clients too
	@$(BIN)/python tools/client_environments.py
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not gpu"

test-clients: $(VENV)/ready-dev ## Third-party clients against the local platform; writes docs/clients.md
	@$(BIN)/python tools/client_environments.py
	@$(BIN)/python -m pytest tests/clients -m clients -o junit_family=xunit1 --junit-xml=.clients/results.xml
	@$(BIN)/python tools/client_table.py .clients/results.xml

fuzz: $(VENV)/ready-dev ## A minute of damaged data (SECONDS=60 SEED=0)
	$(BIN)/python fuzz/fuzz_validate.py --seconds $(or $(SECONDS),60) --seed $(or $(SEED),0)

check: lint types imports style docs ## Lint, types, import contract, style numbers, docs

lint: $(VENV)/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/ready-dev
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

imports: $(VENV)/ready-dev
	$(BIN)/lint-imports

style: $(VENV)/ready-dev
	$(BIN)/python tools/style.py

docs: $(VENV)/ready-dev ## Are the references current? Then the site, strictly, in site/
	$(BIN)/python tools/command_reference.py --check
	$(BIN)/python tools/rule_reference.py --check
	$(BIN)/python tools/metric_reference.py --check
	$(BIN)/python tools/catalog_reference.py --check
	$(BIN)/python tools/client_table.py --check
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

site: $(VENV)/ready-dev ## The documentation in a browser, built anew as it is written: http://127.0.0.1:8000
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs serve

tutorials: $(VENV)/ready-dev ## Run the notebooks of docs/notebooks anew, and keep what they put out
	$(BIN)/python tools/tutorials.py

picture: $(VENV)/ready-dev ## Take README's picture of a report anew (needs Chromium)
	$(BIN)/python tools/report_picture.py

format: $(VENV)/ready-dev ## Mend what ruff can mend, and write the references of commands, rules, metrics and the catalog anew
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python tools/command_reference.py
	$(BIN)/python tools/rule_reference.py
	$(BIN)/python tools/metric_reference.py
	$(BIN)/python tools/catalog_reference.py

bench: $(VENV)/ready-dev ## Measure; prints the tables of benchmarks/README.md
	$(BIN)/python benchmarks/measure.py

lock: $(VENV)/ready-dev ## Write constraints.txt from what is installed
	$(BIN)/python -m pip freeze --exclude-editable --exclude pip --exclude setuptools | sed 's/+cpu$$//' > constraints.txt

clean: ## Remove the environment, caches and the local platform's state
	rm -rf $(VENV) .clients .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist site .ftkit
