# The one entry point; continuous integration calls the same targets.
# A second 'make' does nothing: the stamp is newer than what it was made from.

.DEFAULT_GOAL := install
.PHONY: install packages rehearsal test next-airflow lint bench chaos breaks pictures catalogue lock clean help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
NEXT := .venv-next
BOOTSTRAP := $(VENV)/.bootstrapped
LOCK_OPTIONS := --universal --generate-hashes --python-version 3.11 --no-header --no-emit-index-url --no-emit-find-links \
	--no-emit-package launch-pipeline --no-emit-package launch-rehearsal

# The newest Python that Airflow supports, or the one that is named: make PYTHON=/path/to/python3.12
PYTHON ?= $(shell for name in python3.13 python3.12 python3.11 python3 python; do \
	"$$name" -c 'import sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& command -v "$$name" && break; done)

install: $(STAMP) ## Install everything into .venv, as locked

help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "make %-12s %s\n", $$1, $$2}'

rehearsal: $(STAMP) ## Rehearse a launch on this machine
	@$(BIN)/launch rehearse

# Tests wait for servers more than they compute: three workers keep two cores busy.
WORKERS ?= 3

test: lint packages ## Lint, then every test
	$(BIN)/python -m pytest -n $(WORKERS)

# Guard, plugin, operators and triggers, one phase, FAB, and an upgrade under launches that are under way.
NEXT_TESTS ?= tests/upgrade tests/unit/airflow tests/integration/airflow tests/integration/production tests/e2e/test_phase.py

next-airflow: $(NEXT)/.installed packages ## Test the pipeline on the next Airflow, a pre-release
	LAUNCH_STABLE_PYTHON="$(CURDIR)/$(BIN)/python" PATH="$(CURDIR)/$(NEXT)/bin:$$PATH" \
		$(NEXT)/bin/python -m pytest -n $(WORKERS) $(NEXT_TESTS)

packages: ## Install the servers that the tests start, where that is allowed
	@if command -v dpkg-query >/dev/null; then tests/install-packages; fi

lint: $(STAMP) ## Rules of style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict -p launch_pipeline -p launch_rehearsal
	$(BIN)/mypy --strict dags plugins
	$(BIN)/lint-imports --no-logo

bench: $(STAMP) ## Measure the budgets
	PYTHONPATH=tests $(BIN)/python -m bench

chaos: $(STAMP) ## Kill every component in real launches, and count decisions
	PYTHONPATH=tests $(BIN)/python -m chaos --markdown docs/unbreakable.md

breaks: $(STAMP) ## Find what turns each condition of each check red; the table and docs/conditions.md
	PYTHONPATH=tests $(BIN)/python -m breaks

pictures: $(STAMP) ## Play a rehearsal by hand in Chromium, and take the README's pictures of Slack
	PYTHONPATH=tests $(BIN)/python -m pictures

catalogue: $(STAMP) ## Write the schema and docs/catalogue.md anew
	$(BIN)/python -m launch_pipeline.checks.docs.schema
	$(BIN)/launch catalogue

lock: $(BOOTSTRAP) ## Pin the newest versions that pyproject.toml allows
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --extra embedded --extra production --group dev --upgrade --quiet -o requirements.lock pyproject.toml rehearsal/pyproject.toml
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --no-annotate --extra production --constraint requirements.lock --quiet -o requirements-production.lock pyproject.toml
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --no-annotate --upgrade --quiet -o requirements-bootstrap.lock requirements-bootstrap.in
	$(BIN)/uv pip compile $(LOCK_OPTIONS) --no-annotate --no-deps --quiet -o requirements-next.lock requirements-next.in

clean: ## Remove what was built; the stack's home (.launch) stays
	rm -rf $(VENV) $(NEXT) build dist .mypy_cache .ruff_cache .import_linter_cache .pytest_cache .hypothesis
	find include rehearsal tests dags plugins -name __pycache__ -type d -prune -exec rm -rf {} +

$(BOOTSTRAP): requirements-bootstrap.lock
	@test -n "$(PYTHON)" || { echo "No Python 3.11, 3.12 or 3.13 found. Install one (with venv), or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@"$(PYTHON)" -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual environment; on Debian and Ubuntu install python3-venv." >&2; exit 1; }
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-bootstrap.lock
	@touch $@

# Bytecode is compiled here, once, instead of at the first start of each component.
$(STAMP): $(BOOTSTRAP) requirements.lock pyproject.toml rehearsal/pyproject.toml
	VIRTUAL_ENV="$(CURDIR)/$(VENV)" $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r requirements.lock \
	|| { echo "uv failed; trying pip" >&2; $(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock; }
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --no-index --editable . --editable rehearsal
	@touch $@

# The locked packages, with the next Airflow over them.
$(NEXT)/.installed: $(STAMP) requirements-next.lock
	@$(BIN)/uv venv --quiet --clear --python "$(CURDIR)/$(BIN)/python" $(NEXT)
	VIRTUAL_ENV="$(CURDIR)/$(NEXT)" $(BIN)/uv pip install --quiet --require-hashes --compile-bytecode -r requirements.lock
	VIRTUAL_ENV="$(CURDIR)/$(NEXT)" $(BIN)/uv pip install --quiet --require-hashes --no-deps --compile-bytecode -r requirements-next.lock
	VIRTUAL_ENV="$(CURDIR)/$(NEXT)" $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --no-index --editable . --editable rehearsal
	@touch $@
