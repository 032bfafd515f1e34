# The two commands: `make run` and `make test`. Everything they need is set up in .venv.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help run key compile test test-compiled compat compat-litellm check lint types format lock prices clean

help:
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

# Debian ships Python without the pip that new environments are given.
without-ensurepip = { $(PYTHON) -m venv --clear --without-pip $(VENV) && \
	$(PYTHON) -m pip --quiet --disable-pip-version-check --python $(BIN)/python install pip; }

$(VENV)/.run: requirements.lock pyproject.toml
	@$(PYTHON) -m venv $(VENV) 2>/dev/null || $(without-ensurepip)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	SLUICE_PURE=1 PYTHONWARNINGS=ignore $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	$(BIN)/python -m compileall -q proxy
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

# Who may use the gateway: a key is made once, and kept with what else stands in .env.
key:
	@umask 077; grep -qs '^LITELLM_MASTER_KEY=' .env || $(PYTHON) -c "import secrets; \
	print('\nLITELLM_MASTER_KEY=sk-' + secrets.token_urlsafe(24))" >> .env

# `set -m`: Ctrl-C is the gateway's alone, which finishes what runs; make would report it as an error.
run: $(VENV)/.run key ## set up and run the gateway on 0.0.0.0:4000; ARGS="--config FILE", PORT=4001
	@[ ! -t 0 ] || set -m; $(BIN)/sluice $(ARGS) || [ $$? -eq 130 ]

# Apart from what is installed, which tests may be running.
$(VENV)/.compile: $(VENV)/.run setup.py
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(VENV)/compile \
	  'setuptools>=77' $$(grep -o 'mypy==[0-9.]*' setup.py)
	@touch $@

compile: $(VENV)/.compile ## compile the hot modules beside their sources: a minute or two, with a C compiler and Python's headers
	@SLUICE_PURE= PYTHONPATH=$(VENV)/compile $(BIN)/python setup.py -q build_ext --inplace >$(VENV)/compile.log 2>&1; \
	SLUICE_PURE= $(BIN)/sluice --version | grep '(compiled)' || { tail -30 $(VENV)/compile.log >&2; exit 1; }

test: $(VENV)/.dev ## set up and run every test, on the sources
	SLUICE_PURE=1 $(BIN)/python -m pytest

# Rooms of which hardly anything is compiled are tested once, on the sources.
COMPILED_TESTS := tests/test_compiled.py $(addprefix tests/,access accounting edge gateway metrics pricing routing sim storage upstream wire e2e)

test-compiled: $(VENV)/.dev ## compile, and run the tests of what is compiled
	@if $(BIN)/python -c "import sys; from proxy.compiling import hindrance; sys.exit(hindrance({}))"; then \
	  $(MAKE) --no-print-directory compile && SLUICE_PURE= $(BIN)/python -m pytest --compiled $(COMPILED_TESTS); \
	else echo "LEFT OUT: tests of the compiled build" >&2; fi

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

COMPAT_PACKAGES := chromium nodejs npm

.venv-compat/.done: tests/compat/requirements.txt tests/compat/package.json
	@if ! { command -v chromium && command -v npm; } >/dev/null; then \
	  if [ "$$(id -u)" != 0 ]; then echo "install first: apt-get install $(COMPAT_PACKAGES)" >&2; exit 1; fi; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(COMPAT_PACKAGES); \
	fi
	$(PYTHON) -m venv .venv-compat
	.venv-compat/bin/python -m pip install --quiet --disable-pip-version-check -r tests/compat/requirements.txt
	npm install --silent --no-fund --no-audit --no-package-lock --prefix tests/compat
	@touch $@

compat: $(VENV)/.dev .venv-compat/.done ## real clients: Node, LangChain, LlamaIndex, Agents SDK, Codex, a browser, the JDK
	$(BIN)/python -m pytest -m compat tests/compat/test_clients.py

compat-litellm: $(VENV)/.dev .venv-litellm/.done ## a LiteLLM user's script, with LiteLLM's own client and types, against this gateway
	$(BIN)/python -m pytest -m compat tests/compat/test_litellm.py

# One core has the sources' tests; the other compiles meanwhile, and has those of what is compiled.
# Two processes of about the same length, each with a core: compiling and what is compiled, and the programs of tests/e2e;
# all else on the sources.
BESIDE := tests/e2e

check: lint types ## what CI runs: the tests of both builds, side by side
	@{ failed=0; $(MAKE) --no-print-directory test-compiled || failed=1; \
	   SLUICE_PURE=1 $(BIN)/python -m pytest $(BESIDE) || failed=1; exit $$failed; } >$(VENV)/beside.log 2>&1 & beside=$$!; \
	SLUICE_PURE=1 $(BIN)/python -m pytest $(addprefix --ignore=,$(BESIDE)); here=$$?; \
	wait $$beside; there=$$?; cat $(VENV)/beside.log; exit $$((here | there))

fuzz-config: $(VENV)/.dev ## generated configurations: what validates starts and reloads (FILES=500 for less)
	FUZZ_FILES=$(or $(FILES),10000) $(BIN)/python -m pytest tests/command/test_fuzz_config.py --hypothesis-show-statistics

format: $(VENV)/.dev ## fix what ruff can fix
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock: ## refresh the pinned, hashed requirements
	$(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install --quiet uv
	.venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra proxy -o requirements.lock pyproject.toml
	.venv-lock/bin/uv pip compile --quiet --universal --generate-hashes --python-version 3.11 --extra proxy --extra dev -o requirements-dev.lock pyproject.toml

# The day is the sources' own: that of their release.
PRICES_LITELLM := 1.109.1
PRICES_GENAI := 0.2.3
PRICES_DATES := 2026-11-12 2026-11-10

prices: $(VENV)/.run ## the shipped table of prices anew, of the two sources (edit their versions and dates above it)
	$(PYTHON) -m venv .venv-prices && .venv-prices/bin/pip install --quiet genai-prices==$(PRICES_GENAI)
	.venv-prices/bin/pip download --quiet --no-deps --only-binary :all: --dest .venv-prices litellm==$(PRICES_LITELLM)
	.venv-prices/bin/python proxy/pricing/genai_json.py $(lastword $(PRICES_DATES)) > .venv-prices/genai.json
	$(BIN)/python -m proxy.pricing.build --litellm .venv-prices/litellm-*.whl --genai .venv-prices/genai.json --dates $(PRICES_DATES)

clean:
	rm -rf $(VENV) .venv-lock .venv-prices .venv-load .venv-litellm .venv-compat tests/compat/node_modules build loadtest/build *.egg-info proxy/compiled.json
	find proxy -name '*.so' -delete

include loadtest/bench.mk
