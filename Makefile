# What can be done here? `make` prints it. Everything that runs sets up first what it needs; a second time that is a moment.
.DEFAULT_GOAL := help
.PHONY: help venv asterisk postgresql setup demo test check coverage bench soak fuzz run lock clean

PYTHON = python=$$(sh setup/python.sh) && "$$python"
CODE = core flows store prompts hooks runtime ari_app agi smpp web simulator dialplan demo bench soak setup tests cli.py
# A part that is not written yet is not checked; one that is there always is.
PRESENT = $(wildcard $(CODE))

help:  ## this table
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv:  ## .venv from the pinned, hashed requirements
	@$(PYTHON) -m setup.venv

asterisk:  ## Asterisk, espeak-ng and SIPp into .asterisk/, where the machine has none
	@$(PYTHON) -m setup.programs

postgresql:  ## a PostgreSQL server for the tests that want one; done without where it cannot be had
	@$(PYTHON) -m setup.programs --optional postgresql

setup: venv asterisk  ## both: all that the programs need

demo: setup  ## a day's top-ups through a real Asterisk and a simulated network, with a report
	.venv/bin/python -m demo

test: setup postgresql  ## all tests, those with the real Asterisk included
	.venv/bin/pytest -q

check: venv  ## format, lint, types, import order
	.venv/bin/ruff check $(PRESENT)
	.venv/bin/ruff format --check $(PRESENT)
	.venv/bin/mypy $(PRESENT)
	.venv/bin/pytest -q tests/test_architecture.py

# A package of its own folder that only this target needs; done without where it cannot be had.
EXTRA = .venv/bin/pip install --quiet --disable-pip-version-check --no-deps --require-hashes --upgrade --target

build/peers: bench/requirements-peers.txt
	@$(EXTRA) $@ -r $< && touch $@ || echo "bench: without aiosmpplib (the lines above)" >&2

tests/smsc/judge/node_modules: tests/smsc/judge/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix $(@D) --ignore-scripts --no-audit --no-fund && touch $@; fi

build/fuzz: tests/smpp/requirements-fuzz.txt
	@$(EXTRA) $@ -r $< && touch $@ || echo "fuzz: without atheris (the lines above)" >&2

coverage: venv  ## how much of core/ its own tests reach, every branch: at least 95 %
	.venv/bin/pytest -q -n0 --cov=core --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95 \
		tests/core tests/flows tests/runtime/test_dry_run.py

bench: setup build/peers tests/smsc/judge/node_modules  ## the benchmarks
	.venv/bin/python -m bench

MINUTES = 30
RATE = 50
STORE = sqlite
soak: setup postgresql  ## half an hour of calls in which something is killed every minute: MINUTES= RATE= STORE=sqlite|postgresql
	.venv/bin/python -m soak --minutes $(MINUTES) --rate $(RATE) --store $(STORE)

fuzz: venv build/fuzz  ## octets for the SMPP decoder, led by coverage where atheris can be had; 20 times the histories of contacts
	@if [ -d build/fuzz ]; then PYTHONPATH=build/fuzz .venv/bin/python -m tests.smpp.fuzz_coverage 60; \
	else .venv/bin/python -m tests.smpp.fuzz 60; fi
	MAI_FUZZ=20 .venv/bin/pytest -q -n0 tests/invariants

run: setup  ## the installation that config.yaml describes
	.venv/bin/mai run

lock: venv  ## the newest requirements that pyproject.toml allows, pinned and hashed
	@sh setup/lock.sh

clean:  ## remove what was made: .venv, .asterisk, caches
	rm -rf .venv .asterisk build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
