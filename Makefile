# One target a job. `make demo` and `make test` set up what they need, once.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python

# jsii and the CDK CLI print a banner for every Node.js version that they don't know, or not any more.
export JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION := 1
export JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION := 18,20,21,23

.PHONY: demo test setup lint format types unit oldest mutants bench local-aws lock clean

demo: setup ## deploy app.py to an AWS on this machine, change it, and destroy it
	$(BIN)/python -m local_aws.demo

test: lint types unit oldest ## everything that CI asks for

setup: .venv/ready node_modules/ready

.venv/ready: requirements.txt pyproject.toml
	@echo "Setting up Python's packages in .venv ..."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check uv
	$(UV) .venv --requirement requirements.txt
	$(UV) .venv --no-deps --editable .
	touch $@

node_modules/ready: package.json package-lock.json
	@echo "Setting up the CDK CLI in node_modules ..."
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

lint: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

format: setup ## write what `lint` asks for
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

types: setup # the library and the handler apart: neither may lean on what only the other has
	$(BIN)/mypy constructs/cdk_kinesis_video
	$(BIN)/mypy lambda/kinesis_video_configuration
	$(BIN)/mypy lambda/kinesis_video_handler
	$(BIN)/mypy lambda/kinesis_video_images
	$(BIN)/mypy app.py local_aws
	$(BIN)/mypy bench
	$(BIN)/mypy tests
	for example in examples/*.py; do $(BIN)/mypy $$example || exit 1; done
	node_modules/.bin/pyright

unit: setup
	$(BIN)/pytest -n auto --dist loadfile

oldest: .venv-oldest/ready ## the synth tests with the oldest aws-cdk-lib that the library works with
	.venv-oldest/bin/pytest tests/infra

.venv-oldest/ready: .venv/ready
	@echo "Setting up the oldest aws-cdk-lib in .venv-oldest ..."
	$(PYTHON) -m venv .venv-oldest
	$(UV) .venv-oldest --resolution lowest-direct --editable . "boto3>=1.43.106" "pytest>=9.0.0"
	touch $@

mutants: .venv-mutants/ready ## change the handler place by place, and see whether its tests notice: most of an hour
	rm -rf mutants && mkdir mutants
	cp -r tests pyproject.toml mutants && cp -r lambda mutants/src
	cd mutants && nice ../.venv-mutants/bin/mutmut run --max-children 1
	cd mutants && ../.venv-mutants/bin/mutmut results

.venv-mutants/ready: .venv/ready
	@echo "Setting up mutmut in .venv-mutants ..."
	$(PYTHON) -m venv .venv-mutants
	$(UV) .venv-mutants --group mutants --constraint requirements.txt
	touch $@

bench: setup .venv/bench bench/node_modules/ready ## compare with what a user would pick instead; ONLY=synth for one comparison
	$(BIN)/python -m bench $(ONLY)

.venv/bench: .venv/ready bench/requirements.txt
	$(UV) .venv --requirement bench/requirements.txt
	touch $@

bench/node_modules/ready: bench/package.json bench/package-lock.json
	cd bench && npm ci --no-audit --no-fund --loglevel=error
	touch $@

local-aws: setup ## start an AWS on this machine, and keep it until Ctrl-C
	$(BIN)/python -m local_aws

lock: .venv/ready ## pin what pyproject.toml asks for
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group dev --no-header --no-annotate pyproject.toml --output-file requirements.txt
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --group bench --constraint requirements.txt --no-header --no-annotate --output-file bench/requirements.txt
	npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund
	cd bench && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean:
	rm -rf .venv .venv-oldest .venv-mutants mutants node_modules bench/node_modules dist cdk.out
