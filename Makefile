# One target a job. `make demo` and `make test` set up what they need, once.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python
# Without pip, whose installation takes 4 s of CPU.
VENV := $(BIN)/uv venv --quiet --clear --python $(PYTHON)
# Compiled once: aws-cdk-lib takes seconds to compile, and in containers often nothing keeps what Python has compiled. But
# only those of its 350 modules that the types of pyproject.toml follow: the others are half of it. And not what is never
# imported: a fifth of the rest.
CDK := $(shell sed -n 's/^    "aws_cdk\.\(aws_[a-z0-9_]*\)",$$/\1/p' pyproject.toml | paste -sd '|' -)
compile = $(1)/bin/python -m compileall -q -j 2 -x '/aws_cdk/(?!($(CDK))/)aws_|/(graphql|hatchling|lexers|mpmath|mypy|mypy_boto3_[a-z]+|mypyc|networkx|pip|pkg_resources|setuptools|snowballstemmer|sympy|tomlkit)/' $(call site_packages,$(1))
# On a slow and busy machine one file of aws-cdk-lib takes more than the minute after which uv gives up.
export UV_COMPILE_BYTECODE_TIMEOUT = 1800
# Whatever is built is built with the pinned hatchling.
export UV_BUILD_CONSTRAINT = $(CURDIR)/requirements-build.txt
COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-emit-package cdk-kinesis-video \
	--generate-hashes --no-header --no-annotate
LOCKED := requirements.txt requirements-build.txt requirements-release.txt requirements-mutants.txt bench/requirements.txt
# And here it is kept, tests and tools included: without, a second `make test` took an eighth more.
export PYTHONDONTWRITEBYTECODE =
# And what Node.js has compiled: a start of the CDK CLI takes a sixth less.
export NODE_COMPILE_CACHE = $(CURDIR)/node_modules/.cache/compiled

# The CDK runs on Node.js 22 and 24, and prints a banner of ten lines on any other. package.json brings a 24 (50 MB to
# download); the machine's own Node.js, 20 or later, only runs npm. A virtual environment that is told of it so needs no
# variable to be set: whatever its Python runs, also by `cdk synth`, starts jsii with it.
site_packages = $$($(1)/bin/python -c "import sysconfig; print(sysconfig.get_path('purelib'))")
tell_of_node = echo "import os; os.environ.setdefault('JSII_NODE', '$(CURDIR)/node_modules/.bin/node')" \
	> $(call site_packages,$(1))/jsii_node.pth

# Another Python asks for another set-up: `make test PYTHON=python3.13`.
THIS_PYTHON := $(shell $(PYTHON) -c "import sys; print(sys.base_prefix, *sys.version_info)")
ifneq ($(THIS_PYTHON),$(shell cat .venv/python 2>/dev/null || echo $(THIS_PYTHON)))
.PHONY: .venv/ready
endif

.PHONY: help demo picture test setup lint format types unit tests oldest docs docs-serve diagrams dist audit mutants bench \
	acceptance local-aws lock clean

demo: setup ## deploy app.py to an AWS on this machine, send video, and show the images
	$(BIN)/python demo.py

picture: demo ## make the contact sheet that the README shows
	cp build/contact-sheet.png docs/contact-sheet.png

test: setup .venv-oldest/ready ## everything that CI asks for
	$(MAKE) --no-print-directory --jobs=2 lint types docs oldest
	$(MAKE) --no-print-directory tests

setup: .venv/ready node_modules/ready ## what the other targets need; they do it by themselves

.venv/ready: requirements.txt requirements-build.txt pyproject.toml local_aws/pyproject.toml
	@echo "Setting up Python's packages in .venv ..."
	$(PYTHON) -m venv --clear .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-build.txt
	$(UV) .venv --requirement requirements.txt
	$(UV) .venv --no-deps --editable . --editable local_aws
	$(call compile,.venv)
	$(call tell_of_node,.venv)
	echo "$(THIS_PYTHON)" > .venv/python
	touch $@

node_modules/ready: package.json package-lock.json
	@echo "Setting up the CDK CLI in node_modules ..."
	npm ci --no-audit --no-fund --loglevel=error
	touch $@

help: ## list these
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

lint: setup ## check the format, lint, and check who imports whom
	$(BIN)/ruff format --check .
	$(FORMAT_PAGES) --check $(PAGES)
	$(BIN)/ruff check .
	$(BIN)/lint-imports --no-logo

format: setup ## write what `lint` asks for
	$(BIN)/ruff format .
	$(FORMAT_PAGES) $(PAGES)
	$(BIN)/ruff check --fix .

# The site shows 84 columns of code.
FORMAT_PAGES := $(BIN)/ruff format --isolated --line-length 84
PAGES := $(wildcard *.md docs/*.md docs/*/*.md examples/*.md local_aws/*.md)

types: setup build/pyright ## check the types
	$(BIN)/mypy

# It keeps nothing of what it found, and takes 10 s of CPU each time.
build/pyright: .venv/ready node_modules/ready pyproject.toml $(shell find app.py examples tests/apps/typed_app.py constructs -name "*.py")
	node_modules/.bin/node node_modules/pyright/index.js
	@mkdir -p build && touch $@

unit: setup ## the quick tests: no deployment, no local AWS
	$(BIN)/pytest -n 2 --dist loadfile $(UNIT)

UNIT := tests/configuration tests/fleet tests/handler tests/infra tests/test_house.py tests/test_image_keys.py \
	tests/test_matroska.py

# In one run, since each worker takes seconds of CPU to start; and more workers than there are cores, since they wait a good deal.
tests: setup build/local-aws-tests ## the tests with a recent aws-cdk-lib, deployments included
	$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder tests $$(cat build/local-aws-tests)
	@: > build/local-aws-tests

# The local AWS's own tests, if anything has changed that they read: the file names them until they have passed.
HELPERS := $(shell sed -n 's/^from \(tests[a-z._]*\) import.*/\1/p' local_aws/tests/*.py | sort -u | tr . / | sed 's/$$/.py/')
build/local-aws-tests: .venv/ready pyproject.toml $(HELPERS) \
		$(shell find lambda tools local_aws -name "*.py" -o -name "*.toml" -o -name "*.json" -o -name "*.csv")
	@mkdir -p build && echo local_aws/tests > $@

oldest: .venv-oldest/ready ## the synth tests with the oldest aws-cdk-lib that the library works with
	.venv-oldest/bin/pytest $(OLDEST)

# The app of the first file calls every method of the library, and with it all that the library calls of aws-cdk-lib. The
# others show that the templates and ids of deployed stacks are the same, and the acknowledgement of a warning, which the
# versions find in different places. All other tests of tests/infra are of our own rules and sentences.
OLDEST := tests/apps/test_typed_app.py $(addprefix tests/infra/test_, contract.py deployed.py identity.py \
	image_generation.py provider.py grants.py::test_the_warning_can_be_acknowledged)

.venv-oldest/ready: .venv/ready requirements-oldest.txt
	@echo "Setting up the oldest aws-cdk-lib in .venv-oldest ..."
	$(VENV) .venv-oldest
	$(UV) .venv-oldest --compile-bytecode --requirement requirements-oldest.txt
	$(UV) .venv-oldest --no-deps --editable .
	$(call tell_of_node,.venv-oldest)
	touch $@

docs: setup ## build the site from docs/ and the docstrings, in build/docs
	node_modules/.bin/node docs/diagrams/render.mjs --check
	CDK_VALIDATION=false $(BIN)/python docs/diagrams/dashboard.py --check
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs . build/docs

docs-serve: docs ## show the site on this machine, until Ctrl-C
	$(BIN)/python -m http.server --bind 127.0.0.1 --directory build/docs

diagrams: setup ## draw the diagrams of docs/ from their texts
	node_modules/.bin/node docs/diagrams/render.mjs
	CDK_VALIDATION=false $(BIN)/python docs/diagrams/dashboard.py

dist: setup .venv-release/ready ## build both distributions, check what a package index would show, and list what they need (SBOM)
	rm -rf dist
	$(BIN)/uv build --quiet --out-dir dist
	$(BIN)/uv build --quiet --out-dir dist local_aws
	.venv-release/bin/twine check --strict dist/*.whl dist/*.tar.gz
	$(BIN)/uv venv --quiet --clear build/installed
	$(BIN)/uv pip install --quiet --python build/installed --constraint requirements.txt dist/*.whl
	$(BIN)/uv pip install --quiet --python build/installed --no-deps --no-index --find-links dist --reinstall \
		cdk-kinesis-video kinesis-video-local # without this machine's path of the wheels
	.venv-release/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type library --output-reproducible \
		build/installed > dist/sbom.cdx.json

audit: setup .venv-release/ready ## ask the registries for known vulnerabilities of what is pinned
	.venv-release/bin/pip-audit --strict --require-hashes --disable-pip $(LOCKED:%=--requirement %) || $(not_audited)
	npm audit || $(not_audited)
	cd bench && npm audit || $(not_audited)

not_audited = { echo "make audit: above are vulnerabilities, or nothing was audited, since the registry of this machine has no \
	data about them ('not found on PyPI', 'audit endpoint returned an error')" >&2; exit 1; }

.venv-release/ready: .venv/ready requirements-release.txt
	@echo "Setting up the tools of a release in .venv-release ..."
	$(VENV) .venv-release
	$(UV) .venv-release --requirement requirements-release.txt
	touch $@

mutants: .venv-mutants/ready ## change the handler place by place, and see whether its tests notice: most of an hour
	rm -rf mutants && mkdir mutants
	cp -r tests pyproject.toml mutants && cp -r lambda mutants/src
	cd mutants && nice ../.venv-mutants/bin/mutmut run --max-children 1
	cd mutants && ../.venv-mutants/bin/mutmut results

.venv-mutants/ready: .venv/ready requirements-mutants.txt
	@echo "Setting up mutmut in .venv-mutants ..."
	$(VENV) .venv-mutants
	$(UV) .venv-mutants --requirement requirements-mutants.txt
	touch $@

bench: setup .venv/bench bench/node_modules/ready ## compare with what a user would pick instead; ONLY=synth for one comparison
	$(BIN)/python -m bench $(ONLY)

.venv/bench: .venv/ready bench/requirements.txt
	$(UV) .venv --requirement bench/requirements.txt
	touch $@

bench/node_modules/ready: bench/package.json bench/package-lock.json
	cd bench && npm ci --no-audit --no-fund --loglevel=error
	touch $@

acceptance: setup ## look at what only a real account can show, on yours: it asks first, and removes all
	$(BIN)/python -m acceptance

local-aws: setup ## start an AWS on this machine, and keep it until Ctrl-C
	$(BIN)/kinesis-video local

lock: .venv/ready ## pin what pyproject.toml asks for
	$(COMPILE) --group dev --extra tools pyproject.toml local_aws/pyproject.toml --output-file requirements.txt
	$(COMPILE) --group build --output-file requirements-build.txt
	$(COMPILE) --group release --constraint requirements.txt --output-file requirements-release.txt
	$(COMPILE) --group bench --constraint requirements.txt --output-file bench/requirements.txt
	$(COMPILE) --group mutants --constraint requirements.txt --output-file requirements-mutants.txt
	$(COMPILE) --resolution lowest-direct --group oldest --extra tools pyproject.toml --output-file requirements-oldest.txt
	npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund
	cd bench && npm install --package-lock-only --omit-lockfile-registry-resolved --no-audit --no-fund

clean: ## remove what was set up
	rm -rf .venv .venv-oldest .venv-mutants .venv-release mutants node_modules bench/node_modules build dist cdk.out
