# The words of this house: demo serve test lint types bench chaos. Each works from a clean clone with Python 3.11+ alone.
.DEFAULT_GOAL := test
PYTHON ?= python3
BIN := .venv/bin
UV := .tools/bin/uv
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# uv is quick where its wheel exists; elsewhere plain venv and pip read the same lock and the same hashes.
.venv/ready: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed (PYTHON=...)"; exit 1; }
	@rm -rf .venv
	@{ [ -x $(UV) ] || { $(PYTHON) -m venv .tools && .tools/bin/pip install -q uv==0.13.9; }; } 2>/dev/null \
	  && $(UV) venv -q --python $(PYTHON) .venv \
	  && $(UV) pip sync -q --require-hashes requirements.lock \
	  && $(UV) pip install -q --no-deps --no-build-isolation --editable . \
	  || { rm -rf .venv && $(PYTHON) -m venv .venv \
	  && $(BIN)/pip install -q --require-hashes --requirement requirements.lock \
	  && $(BIN)/pip install -q --no-deps --no-build-isolation --editable . ; }
	@touch $@

.PHONY: demo serve test lint types bench chaos fuzz mutation lock
demo: .venv/ready  ## the whole path on real input, then stop
	@$(BIN)/python -m fhir_svc.demo.play

serve: .venv/ready  ## the same stack until Ctrl-C; PORT= DATA= EHR=
	@$(BIN)/python -m fhir_svc.demo.stack

test: .venv/ready
	@$(BIN)/pytest -q -n auto

lint: .venv/ready
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports --no-cache

types: .venv/ready
	@$(BIN)/mypy

bench: .venv/ready  ## figures and ratios of tests/bench
	@$(BIN)/python -m tests.bench

chaos: .venv/ready  ## kills while 200 submissions run
	@$(BIN)/python -m tests.bench chaos

fuzz: .venv/ready  ## 10,000 requests at random against the real server
	@$(BIN)/python -m tests.bench fuzz 10000

mutation: .venv/ready  ## mistakes made on purpose in profiles/ and in the rules; which ones the tests notice
	@$(BIN)/python -m tests.bench mutation

lock: .venv/ready  ## renew requirements.lock
	@$(UV) pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --all-extras --group dev pyproject.toml -o requirements.lock
