# Everything a fresh machine needs is made on first use: a Python ≥ 3.11 and make are enough.
#   make demo     load-test the bundled demo shop and write a report
#   make lab      open JupyterLab with MAID Lab in it
#   make test     run the tests            (ARGS="-k pacer" for a part of them)
#   make check    lint, format, types, layers
#   make bench    measure against wrk, hey, Locust … (QUICK=1 for a short look)
#   make clean    remove what the above made
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# One known release instead of the newest in the project's range: its CPU build is small where one is offered, and everybody tests with the same.
TORCH ?= torch==2.13.0
ARGS ?=
# Installed anew when what the project asks for changes, not when a checkout gives the file another date.
READY := $(VENV)/.ready-$(shell echo "$(TORCH)" | cat - pyproject.toml | cksum | cut -d' ' -f1)

.PHONY: help demo lab test check bench clean install

help:
	@sed -n 's/^#   //p' Makefile

install: $(READY)

# Compiling with all cores afterwards takes half a minute less than letting pip do it with one. Some packages ship files for other Pythons
# that do not compile; that is theirs.
$(READY):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "MAID Lab needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1)." >&2; \
	  echo "Install one and name it: make PYTHON=/path/to/python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "Could not make $(VENV). On Debian and Ubuntu: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@echo "Installing MAID Lab and what it stands on into $(VENV): once, some minutes, about 2 GB on disk …"
	@start=$$(date +%s); \
	 $(BIN)/python -m pip install -qq --disable-pip-version-check --no-compile "$(TORCH)" -e '.[all,test]' && \
	 { $(BIN)/python -m compileall -qq -j 0 $(VENV)/lib >/dev/null 2>&1 || true; } && \
	 echo "Installed in $$(( $$(date +%s) - start )) s."
	@rm -f $(VENV)/.ready-*
	@touch $@

demo: $(READY)
	@$(BIN)/maid demo $(ARGS)

# Jupyter refuses to start for root, which is who one is in a container, unless told that it is meant.
lab: $(READY)
	@$(BIN)/jupyter lab $(if $(filter 0,$(shell id -u)),--allow-root) $(ARGS)

test: $(READY)
	@$(BIN)/pytest $(ARGS)

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_layers.py tests/test_imports.py tests/test_house.py

bench: $(READY)
	@$(BIN)/python -m tests.benchmarks $(if $(QUICK),--quick) $(ARGS)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find maid_lab tests -name __pycache__ -type d -prune -exec rm -rf {} +
