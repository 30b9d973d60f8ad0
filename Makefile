# The same words here and in CI. `make help` prints this list.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PROTOS := $(shell find protos -name '*.proto')
INTEROP := tests/interop
CLIENTS := .clients
TOOLS := .tools
FUZZ := .fuzz
CLIENT_GROUPS := $(patsubst $(INTEROP)/requirements-%.txt,$(CLIENTS)/%/installed,$(wildcard $(INTEROP)/requirements-*.txt))

# Python keeps what it compiles, whatever the shell says: tests import the same modules in many processes.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help install install-dev tools serve unit coverage test test-long test-fresh test-all test-clients test-image check check-protos client bench simulate soak hostile golden proto lock clean

help:  ## Print this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# A lock file holds all there is to install, so that nothing is resolved: pip takes what is written, and nothing newer.
LOCKED := install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary :all: --no-compile

# Made anew when the lock files change, so that nothing is left of what they no longer hold.
$(VENV)/locked: requirements.txt requirements-build.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "rerankd needs Python 3.11 or newer; set PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/pip $(LOCKED) --requirement requirements.txt --requirement requirements-build.txt
	@touch $@

$(VENV)/serves: $(VENV)/locked pyproject.toml $(PROTOS)
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	$(BIN)/pip check --disable-pip-version-check
	@touch $@

$(VENV)/tests: $(VENV)/serves requirements-dev.txt
	$(BIN)/pip $(LOCKED) --requirement requirements-dev.txt
	$(BIN)/pip check --disable-pip-version-check
	@touch $@

install: $(VENV)/serves  ## Set up .venv with everything pinned that serving takes, and generate the gRPC stubs.

install-dev: $(VENV)/tests  ## Add what tests and checks take.

serve: install  ## Run the service in the foreground on the embedded model.
	$(BIN)/rerankd serve

# What checks the deployment, and a proxy to test behind: programs of their own, which the service never sees.
$(TOOLS)/installed: tests/deploy/requirements.txt
	rm -rf $(TOOLS)
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip $(LOCKED) --requirement $<
	@touch $@

tools: $(TOOLS)/installed  ## Set up .tools with what checks the deployment, and Envoy.

# A fuzzer, which has wheels for few machines; beside the environment, since it wants what the service has.
$(FUZZ)/installed: tests/hostile/requirements.txt $(VENV)/serves
	rm -rf $(FUZZ)
	mkdir $(FUZZ)
	$(BIN)/pip $(LOCKED) --target $(FUZZ) --requirement $< || echo "there is no atheris for this machine: readers are not fuzzed"
	@touch $@

# Modules of tests, few at a time: they share the machine.
SIDE_BY_SIDE := $(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist loadscope

unit: install-dev  ## Run the fast tests, without a process of the service.
	$(SIDE_BY_SIDE) -m 'not long and not slow' tests/unit tests/property

# All processes and walks run untraced: the unit tests alone reach these floors.
coverage: install-dev  ## Measure the branches that the fast unit tests take: all in the scheduler, 95 % in the service.
	$(SIDE_BY_SIDE) -m 'not long and not slow' --cov --cov-report= tests/unit
	$(BIN)/coverage report --include 'scheduler/*' --fail-under 100
	$(BIN)/coverage report --include 'service/*' --fail-under 95

test: install-dev  ## Run the tests that want nothing but Python.
	$(SIDE_BY_SIDE) -m 'not long'

# The second half two at a time, since they load the machine on purpose, and in this order, the longest first.
test-long: install-dev tools  ## Run the tests that want minutes, or Envoy, kubectl and buildah; sets up what it can.
	$(SIDE_BY_SIDE) -rs -m long $(addprefix --ignore tests/,e2e hostile image soak system)
	$(BIN)/pytest --numprocesses 2 --dist loadscope --no-loadscope-reorder -rs -m long \
		tests/e2e/test_readme.py tests/image tests/system tests/soak tests/hostile tests/e2e

# Clones what is committed, and sets it up with the pips that Pythons of different ages bring.
test-fresh: install-dev  ## Run a new user's first minutes: an empty home, `make serve`, a first answer, `make test`.
	$(BIN)/pytest --numprocesses 2 --maxschedchunk 1 -rP tests/fresh

test-all: test-fresh coverage test-long  ## Run all tests but those of clients, and measure coverage; `make test` in a clone.

test-clients: install-dev $(CLIENT_GROUPS)  ## Run clients from the package indexes, each in its environment, against the service.
	@if command -v node >/dev/null && command -v npm >/dev/null; then $(MAKE) --no-print-directory $(CLIENTS)/node/installed; \
		else echo "node and npm are not on this machine: the clients for Node.js are skipped"; fi
	$(BIN)/pytest $(INTEROP)

test-image: install-dev  ## Build the container image, without a registry, and run it; wants root, buildah and mmdebstrap.
	$(BIN)/pytest -rs tests/image

# Groups of clients that can live in one environment.
$(CLIENTS)/%/installed: $(INTEROP)/requirements-%.txt $(INTEROP)/constraints.txt
	rm -rf $(@D)
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/pip install --quiet --disable-pip-version-check --requirement $< --constraint $(INTEROP)/constraints.txt
	@touch $@

$(CLIENTS)/node/installed: $(INTEROP)/package.json $(INTEROP)/package-lock.json
	rm -rf $(@D)
	mkdir -p $(@D)
	cp $^ $(@D)
	npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

check: install-dev  ## Format, lint, types and the wire contract.
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory check-protos

# The wire contract may not break what was released; before a first tag, what it was before this branch, or this commit.
check-protos: install-dev  ## Style and compatibility of the wire contract.
	$(BIN)/buf lint
	$(BIN)/buf format --diff --exit-code
	@if ! git rev-parse --quiet --verify HEAD >/dev/null 2>&1; then \
		echo "no commit to compare with: whether the wire contract breaks older clients is not checked"; exit; fi; \
	for ref in "$$(git describe --tags --abbrev=0 2>/dev/null)" "$$(git merge-base HEAD origin/main 2>/dev/null)" \
		"$$(git merge-base HEAD main 2>/dev/null)" HEAD~1 HEAD; do \
		against=$$(git rev-parse --quiet --verify "$$ref^{commit}") || continue; \
		if [ "$$ref" != HEAD ] && [ "$$against" = "$$(git rev-parse HEAD)" ]; then continue; fi; \
		echo "buf breaking --against $$ref"; \
		$(BIN)/buf breaking --against "$$(git rev-parse --path-format=absolute --git-common-dir)#ref=$$against"; exit; \
	done

client: install  ## Build the wheel of the client, which applications install without the service, into dist/.
	$(BIN)/pip wheel --quiet --disable-pip-version-check --no-deps --no-build-isolation --wheel-dir dist ./client

bench: install-dev  ## Measure the real process under load and against bare ONNX Runtime; results in bench-results/.
	@status=0; $(BIN)/rerankd bench load $(LOAD) || status=1; \
		$(BIN)/python -m tests.bench --requests 3000 $(ENGINE) || status=1; exit $$status

simulate: install-dev  ## Run the scheduler against its theoretical bounds; tables and plots in simulation-results/.
	-$(BIN)/python -m tests.simulation  # Its status counts the scenarios that miss a limit; the table says which.
	$(BIN)/python -m tests.simulation.replicas  # With --pods 8,100,1000 larger ones, too; that takes some minutes.

soak: install-dev  ## Load and abuse the real process for ten minutes, or SECONDS=120; results in soak-results/.
	$(BIN)/python -m tests.soak $(if $(SECONDS),--seconds $(SECONDS))

hostile: install-dev $(FUZZ)/installed  ## Attack the real process in every way of tests/hostile; or ONLY='half_sent*', SECONDS=5.
	@status=0; $(BIN)/python -m tests.hostile $(if $(SECONDS),--seconds $(SECONDS)) $(if $(ONLY),--only '$(ONLY)') || status=1; \
		if [ -z "$(ONLY)" ]; then $(BIN)/python -m tests.hostile.h2spec || status=1; \
			$(BIN)/python -m tests.hostile.stalls $(if $(SECONDS),--seconds $(SECONDS)) || status=1; \
			PYTHONPATH=$(FUZZ) $(BIN)/python -m tests.hostile.fuzz $(if $(SECONDS),--seconds $(SECONDS)) || status=1; \
		fi; exit $$status

golden:  ## Make the golden models of the tests anew, by the reference library; wants some minutes and gigabytes.
	$(PYTHON) -m venv $(VENV)-golden
	$(VENV)-golden/bin/pip install --quiet --disable-pip-version-check --requirement tests/golden/requirements.txt
	PYTHONHASHSEED=0 $(VENV)-golden/bin/python -W ignore -m tests.golden.make
	rm -rf $(VENV)-golden

proto:  ## Generate the gRPC stubs anew.
	rm -f $(VENV)/serves
	$(MAKE) install

PINNED := requirements.txt requirements-build.txt requirements-dev.txt
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	--custom-compile-command 'make lock' $(UPGRADE)

# The last step asks the index, for each Python and machine that is supported, for a wheel of all that is pinned.
lock:  ## Pin what is not pinned yet, with hashes and without any index address; UPGRADE=--upgrade pins all anew.
	$(PYTHON) -m venv $(VENV)-lock
	$(VENV)-lock/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(VENV)-lock/bin/$(COMPILE) --extra traces --output-file requirements.txt pyproject.toml
	$(VENV)-lock/bin/$(COMPILE) --constraint requirements.txt --group build --output-file requirements-build.txt
	$(VENV)-lock/bin/$(COMPILE) --constraint requirements.txt --constraint requirements-build.txt --group dev \
		--output-file requirements-dev.txt pyproject.toml
	for folder in deploy hostile; do \
		$(VENV)-lock/bin/$(COMPILE) --output-file tests/$$folder/requirements.txt tests/$$folder/requirements.in || exit; done
	@set -e; for lock in $(PINNED); do for python in 3.11 3.12 3.13 3.14; do for machine in x86_64 aarch64; do \
		echo "$$lock: wheels for CPython $$python on $$machine"; \
		$(VENV)-lock/bin/uv pip install --quiet --dry-run --no-deps --require-hashes --only-binary :all: --requirement $$lock \
			--python-version $$python --python-platform $$machine-unknown-linux-gnu --target $(VENV)-lock/none; \
	done; done; done
	rm -rf $(VENV)-lock

clean:  ## Remove what the other targets made.
	rm -rf $(VENV) $(CLIENTS) $(TOOLS) $(FUZZ) dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find protos client \( -name '*_pb2*' -o -name '*.binpb' \) -delete
