# One word each, the same here and in CI. `make help` prints this list.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTOS := $(shell find protos -name '*.proto')

.DEFAULT_GOAL := help
.PHONY: help install serve test check bench simulate proto lock clean

help:  ## Print this list.
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is redone whenever the pinned requirements, the package or the wire contract change.
$(VENV)/installed: requirements.txt requirements-dev.txt pyproject.toml $(PROTOS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rerankd needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

install: $(VENV)/installed  ## Set up .venv with everything pinned, and generate the gRPC stubs.

serve: install  ## Run the service in the foreground on the embedded model.
	$(BIN)/rerankd serve

test: install  ## Run all tests.
	$(BIN)/pytest

check: install  ## Format, lint, types and the wire contract.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code

bench: install  ## Measure urgent latency under bulk load, on a real process.
	$(BIN)/rerankd bench

simulate: install  ## Run the scheduler against its theoretical bounds; tables and plots in simulation-results/.
	-$(BIN)/python -m tests.simulation  # Its status counts the scenarios that miss a limit; the table says which.

proto:  ## Generate the gRPC stubs anew.
	rm -f $(VENV)/installed
	$(MAKE) install

lock:  ## Pin the newest allowed requirements, with hashes and without any index address.
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet uv
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --output-file requirements.txt pyproject.toml
	$(VENV)-lock/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		--custom-compile-command 'make lock' --constraint requirements.txt --output-file requirements-dev.txt pyproject.toml --group dev
	rm -rf $(VENV)-lock

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find protos -name '*_pb2*' -delete
