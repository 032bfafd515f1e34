# The load-test room: `make bench`, `make load`. Included by the top Makefile.
LOAD_VENV := .venv-load
LOAD_BIN := $(LOAD_VENV)/bin
BENCH_BUILD := loadtest/build
BENCH := $(LOAD_BIN)/python -m loadtest.bench
BENCH_PACKAGES := nginx-light gcc libc6-dev libssl-dev openssl util-linux
CASES ?=
ROUNDS ?= 5
SERVERS ?= nginx,gateway,pure,pair,direct
SECONDS ?= 600
SEEDS ?= 10000
JOBS ?= $(shell nproc)

.PHONY: bench bench-soak bench-scaling bench-reports bench-library bench-peers bench-tools instructions translated-streams load sim sim-interference sim-builds cancel chaos limits fuzz h2spec

$(LOAD_VENV)/.done: loadtest/requirements.txt
	$(PYTHON) -m venv $(LOAD_VENV)
	$(LOAD_BIN)/python -m pip install --quiet --disable-pip-version-check -r loadtest/requirements.txt
	@touch $@

bench-tools:
	@if ! { command -v nginx && command -v cc && command -v openssl && test -e /usr/include/openssl/ssl.h; } >/dev/null; then \
	  if [ "$$(id -u)" != 0 ]; then echo "install first: apt-get install $(BENCH_PACKAGES)" >&2; exit 1; fi; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(BENCH_PACKAGES); \
	fi

$(BENCH_BUILD)/mock: loadtest/mock.c | bench-tools
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -o $@ $< -lssl -lcrypto

$(BENCH_BUILD)/load: loadtest/load.c | bench-tools
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -o $@ $<

$(BENCH_BUILD)/slow_clock.so: loadtest/slow_clock.c
	@mkdir -p $(@D)
	$(CC) -O2 -Wall -Wextra -shared -fPIC -o $@ $< -ldl

BENCH_NEEDS := compile $(LOAD_VENV)/.done $(BENCH_BUILD)/mock $(BENCH_BUILD)/load

# Python's own files of what was changed since they were made: a start that has to make them anew takes twice as long.
.PHONY: bench-cached
bench-cached: $(VENV)/.run
	@$(BIN)/python -m compileall -q proxy

bench: $(BENCH_NEEDS) bench-cached ## measure both builds against nginx (CASES=chat,burst ROUNDS=1 SERVERS=nginx,gateway for less)
	$(BENCH) --cases "$(CASES)" --rounds $(ROUNDS) --servers "$(SERVERS)" $(if $(CASES),,--write)
	$(if $(CASES),,$(BIN)/python -m loadtest.translated_streams)

bench-soak: $(BENCH_NEEDS) ## memory after 1,000,000 requests
	$(BENCH) --soak

bench-scaling: $(BENCH_NEEDS) ## cost by models, deployments and idle connections
	$(BENCH) --scaling --rounds $(ROUNDS)

bench-reports: $(VENV)/.dev ## reports over 10,000,000 records (RECORDS=100000 for less): minutes, and 4 GB of disk
	$(BIN)/python -m loadtest.spend_reports --records $(or $(RECORDS),10000000) $(ARGS)

bench-library: $(VENV)/.dev ## the library's CPU beside openai's own package (ROUNDS=3 for less)
	$(BIN)/python -m loadtest.bench_library --rounds $(ROUNDS)

bench-peers: $(BENCH_NEEDS) .venv-litellm/.done $(BENCH_BUILD)/portkey/.done ## the same bench against LiteLLM and Portkey
	$(BENCH) --cases "$(or $(CASES),chat,burst,alone)" --rounds $(ROUNDS) --servers nginx,gateway,direct,litellm,portkey

.venv-litellm/.done:
	$(PYTHON) -m venv .venv-litellm
	.venv-litellm/bin/python -m pip install --quiet --disable-pip-version-check 'litellm[proxy]'
	@touch $@

$(BENCH_BUILD)/portkey/.done:
	@command -v npm >/dev/null || { echo "install first: Node.js with npm" >&2; exit 1; }
	@mkdir -p $(@D)
	npm install --silent --no-fund --no-audit --prefix $(@D) @portkey-ai/gateway
	@touch $@

sim: $(VENV)/.dev ## play seeds of the deterministic simulation (SEEDS=500 for less)
	$(BIN)/python -m loadtest.sim --seeds $(SEEDS) --jobs $(JOBS)
	$(BIN)/python -m loadtest.sim --interference --seeds $(SEEDS) --jobs $(JOBS)

sim-interference: $(VENV)/.dev ## its second half alone: nobody notices one hostile caller
	$(BIN)/python -m loadtest.sim --interference --seeds $(SEEDS) --jobs $(JOBS)

sim-builds: compile $(VENV)/.dev ## the same seeds tell the same stories on both builds (SEEDS=500 for less)
	$(BIN)/python -m loadtest.sim.builds --seeds $(SEEDS)

translated-streams: $(VENV)/.dev ## what an event costs when it is translated, against one that is relayed; fails above 2 times
	$(BIN)/python -m loadtest.translated_streams $(ARGS)

instructions: $(VENV)/.dev $(BENCH_BUILD)/mock $(BENCH_BUILD)/slow_clock.so ## what a request costs, without noise (ARGS="--cases chat", --parts, --bytecodes)
	$(BIN)/python -m loadtest.instructions $(ARGS)

load: $(LOAD_VENV)/.done ## locust against a gateway (ARGS="--host http://... --users 50 -t 30s")
	$(LOAD_BIN)/locust -f loadtest/locustfile.py --headless $(ARGS)

cancel: $(VENV)/.dev ## how soon clients that leave are noticed, over 1,000 random moments
	$(BIN)/python -m loadtest.cancel_latency --moments 1000

limits: $(VENV)/.dev ## a budget, requests per minute and killed workers, for four minutes: what was spent is what the records say
	$(BIN)/python -m loadtest.limits $(ARGS)

chaos: $(VENV)/.dev ## load while upstreams die and return, every answer judged (SECONDS=60 for less)
	$(BIN)/python -m loadtest.chaos --seconds $(SECONDS) $(ARGS)

fuzz: SECONDS = 3600
fuzz: $(VENV)/.dev ## nonsense through both doors of a worker that has to live (SECONDS=60 for less)
	$(BIN)/python -m loadtest.fuzz --seconds $(SECONDS) $(ARGS)

$(BENCH_BUILD)/h2spec:
	GOBIN=$(abspath $(BENCH_BUILD)) go install github.com/summerwind/h2spec/cmd/h2spec@latest

h2spec: $(VENV)/.dev $(BENCH_BUILD)/h2spec ## HTTP/2 by the letter (needs Go, once)
	$(BIN)/python -m loadtest.h2spec $(BENCH_BUILD)/h2spec
