# Crossfire: an environment, a demonstration, the tests.
#
#   make venv    an environment in .venv, exactly as requirements.lock says
#   make demo    a first run, with its report
#   make test    all checks: lint, format, types, imports, tests
#   make lock    resolve requirements.lock anew from pyproject.toml (needs uv, https://docs.astral.sh/uv)
#   make clean   remove .venv and caches; results stay
#
# A certain interpreter: make venv PYTHON=/path/to/python3.13

SHELL := /bin/sh
BIN := .venv/bin
STAMP := .venv/.installed
PYTHON :=
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install

# Candidates are run, not only looked up: a pyenv shim is on PATH also for a version that is not chosen.
CANDIDATES := python3.13 python3.12 \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.13*/bin/python3 \
	"$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.12*/bin/python3 \
	python3 python
FITS := import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 12))

.PHONY: venv demo test lock clean

venv: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@if ! $(BIN)/python -c '$(FITS)' >/dev/null 2>&1; then \
		found=; \
		for candidate in $(if $(PYTHON),"$(PYTHON)",$(CANDIDATES)); do \
			if "$$candidate" -c '$(FITS)' >/dev/null 2>&1; then found=$$candidate; break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "crossfire needs Python 3.12 or later with its venv module: $(if $(PYTHON),$(PYTHON) is not one,none was found on PATH or in pyenv); install one, or name it: make venv PYTHON=/path/to/python3.13" >&2; \
			exit 2; \
		fi; \
		echo "1/3 making .venv with $$("$$found" --version)"; \
		"$$found" -m venv --clear .venv; \
	fi
	@echo "2/3 installing the packages of requirements.lock (minutes, the first time)"
	@$(PIP) --require-hashes -r requirements.lock
	@echo "3/3 installing crossfire, and compiling its kernels"
	@$(PIP) --no-deps --no-build-isolation -e .
	@scratch=$$(mktemp -d); \
	$(BIN)/crossfire run crash --set clock.start=50400 --set clock.duration=300 --out "$$scratch/run" >"$$scratch/said" 2>&1 \
		|| { cat "$$scratch/said" >&2; rm -rf "$$scratch"; exit 2; }; \
	rm -rf "$$scratch"
	@touch $@

demo: $(STAMP)
	@$(BIN)/crossfire demo

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/pytest -n 2 --dist loadgroup

# --universal: one lock for every platform and every supported version of Python.
# Pins stay where pyproject.toml still allows them; remove requirements.lock first to move all of them.
lock:
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.12 --generate-hashes \
		--no-emit-index-url --no-header --quiet --output-file requirements.lock

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist *.egg-info
	find abm agents experiments tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
