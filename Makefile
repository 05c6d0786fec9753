# Everything a newcomer needs: `make run` and `make test`. Both make .venv first.
MAKEFLAGS += --no-print-directory
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: run test fuzz soak bench lint audit reference requirements clean

run: $(VENV)/.ready  ## Collect from the bundled local Okta org, once.
	@state=$$(mktemp -d) && trap 'rm -rf "$$state"' EXIT && \
	HEL_GLOBAL__STATE__PATH="$$state/hel-state.db" \
	$(BIN)/python -m examples.okta_org -- $(BIN)/hel run --once --config examples/okta.yaml

test: $(VENV)/.ready  ## All tests.
	@PYTEST_XDIST_AUTO_NUM_WORKERS=$$(( $$(getconf _NPROCESSORS_ONLN) + 1 )) $(BIN)/pytest  # some always wait

fuzz: $(VENV)/.ready  ## The laws once more, with examples that nobody has tried; ROUNDS=10.
	@for round in $$(seq $(or $(ROUNDS),10)); do HYPOTHESIS_PROFILE=random $(BIN)/pytest -q -m hypothesis || exit; done

soak: $(VENV)/.ready  ## Hundreds of kills at random moments; KILLS=100 of each variant, SEED=.
	@$(BIN)/python -m tests.journeys.crashes $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED))

bench: $(VENV)/.ready .bench/grove/.ready .bench/plot/.ready  ## Speed and memory against bars; ROUNDS=5, ONLY=start,plot.
	@$(BIN)/python -m tests.bench $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only $(ONLY))

lint: $(VENV)/.ready  ## Lint, format, types, and who imports whom.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

audit: $(VENV)/.ready  ## Known vulnerabilities of what is pinned; those that can't be looked up are listed as such.
	@$(BIN)/pip-audit --requirement requirements.txt --require-hashes --disable-pip --progress-spinner off

reference: $(VENV)/.ready  ## Write the references of configuration and metrics into the README anew.
	@$(BIN)/python -m hel.config.reference README.md
	@$(BIN)/python -m hel.telemetry.metrics_reference README.md

requirements:  ## Pin the dependencies anew; needs uv.
	uv pip compile --quiet --universal --generate-hashes --extra dev --python-version 3.11 --upgrade \
	  --no-header --no-emit-index-url --no-emit-find-links pyproject.toml --output-file requirements.txt

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) .bench .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(VENV)/.ready: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("Hel needs Python 3.11 or newer, and $(PYTHON) is " + sys.version.split()[0] + \
	  " (try: make PYTHON=python3.11)" if sys.version_info < (3, 11) else 0)'
	@echo "installing into $(VENV) (once)" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.txt >&2
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable . >&2
	@touch $@

.bench/%/.ready: tests/bench/%.txt
	@echo "installing into $(@D) (once)" >&2
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/pip install --quiet --require-hashes --requirement $< >&2
	@touch $@
