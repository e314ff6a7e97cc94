# FlashApi. Needs python3 (3.11 or newer, with venv) and make; `make help` lists what there is.
PYTHON ?= python3
BIN := .venv/bin
# The tests that see the surface; those of crashes and load see nothing more of it.
SEEING := tests/contract/test_samples.py $(addprefix tests/e2e/test_, config.py contacts.py group_messages.py groups.py \
	kinds.py media.py reactions.py sessions.py walk.py)
# Most tests wait for something most of the time.
TESTS_AT_ONCE ?= 4
export PIP_DISABLE_PIP_VERSION_CHECK = 1

.PHONY: help run migrate test lint types bench postman coverage lock

help: ## show this list
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r target text; do \
		printf '  make %-8s %s\n' "$$target" "$$text"; done

run: .venv/runtime ## start everything on this machine: web, workers, Redis, sandbox; Ctrl-C stops it
	@exec $(BIN)/python -m workers supervisor

migrate: .venv/runtime ## bring the database to this version's schema
	@$(BIN)/python -m workers migrate

test: .venv/development ## run all tests; they start what they need
	@$(BIN)/python -m pytest -m "not alone" --numprocesses $(TESTS_AT_ONCE) --dist loadfile --no-loadscope-reorder \
		-p tests.support.coverage --surface=check
	@$(BIN)/python -m pytest -m alone

lint: .venv/development ## ruff and the import rules
	@$(BIN)/ruff check .
	@$(BIN)/lint-imports --no-cache

types: .venv/development ## mypy --strict
	@$(BIN)/mypy

bench: .venv/development ## the long runs: churn, faults and losses, with their figures
	@$(BIN)/python -m bench

postman: .venv/runtime ## write docs/postman.json, the Postman collection of all routes
	@$(BIN)/python -m flashapi.postman docs/postman.json

coverage: .venv/development ## write docs/coverage.md: which end-to-end test has seen which route, kind and event
	@$(BIN)/python -m pytest -q -p tests.support.coverage --surface=write $(SEEING)

lock: .venv/development ## pin the requirements anew; do it on the oldest Python meant to work (Debian 12: 3.11.2)
	@$(BIN)/pip install --quiet pip-tools
	@for name in requirements requirements-dev; do $(BIN)/pip-compile --quiet --generate-hashes --strip-extras \
		--no-header --no-emit-options --no-emit-index-url --no-emit-find-links --no-emit-trusted-host \
		--annotation-style=line --output-file=$$name.txt $$name.in; done

# A stamp is younger than the lock it was installed from.
.venv/runtime: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "FlashApi needs Python 3.11 or newer; set PYTHON=/path/to/python3" >&2; exit 1; }
	@$(BIN)/python -c 'import pip' 2>/dev/null || $(PYTHON) -m venv --clear .venv
	@echo "Installing what FlashApi needs into .venv ..." >&2
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.txt
	@touch $@

.venv/development: requirements-dev.txt .venv/runtime
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements-dev.txt
	@touch $@
