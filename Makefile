# The two commands of a fresh machine: make demo, make test. Before a commit: make quick, make check.
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: setup demo cluster-demo test unit e2e quick check compat bench faults clean

# Reinstalled whenever what it is made of changes.
$(VENV)/installed: pyproject.toml constraints.txt
	python3 -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/installed-test: $(VENV)/installed
	$(PIP) --editable '.[test]'
	touch $@

setup: $(VENV)/installed-test

demo: $(VENV)/installed
	$(BIN)/cvae-sweep run sweeps/digits_beta.yaml

# A Ray cluster of two hosts on this machine, MLflow's server on PostgreSQL, and a sweep on them.
cluster-demo: $(VENV)/installed-test
	$(BIN)/python -m tests.cluster

test: unit e2e

# Tests of whole programs.
WHOLE := --ignore tests/e2e --ignore tests/faults --ignore tests/benchmarks --ignore tests/cluster
# One worker more than two cores have: some tests wait.
unit: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder $(WHOLE) -m "not program"

# Whole programs, with Ray, servers and a browser: two files at a time, the longest first. Tests ask
# for no quiet machine; E2E=0 runs them one after another all the same. Then those among the other
# tests that wait for a program of their own, and a sweep that is cut off at every one of its writes,
# of which `make unit` takes a sample.
E2E ?= 2
e2e: $(VENV)/installed-test
	$(BIN)/python -m pytest -n $(E2E) --dist loadfile --no-loadscope-reorder tests/faults tests/e2e tests/cluster tests/benchmarks
	EVERY_CUT=1 $(BIN)/python -m pytest -n $(E2E) --dist loadfile --no-loadscope-reorder $(WHOLE) -m "program or cuts"

quick: $(VENV)/installed-test
	$(BIN)/python -m pytest -n 2 --dist worksteal $(WHOLE) -m "not slow and not program"

check: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/cvae-sweep validate sweeps/*.yaml sweeps/paper/*.yaml
	$(BIN)/python docs/generate.py --check
	$(BIN)/python docs/results.py --check

# The oldest and the newest versions that pyproject.toml allows: half an hour, 10 GB.
compat:
	python3 -m tests.compat

# Under half an hour on a quiet machine; docs/performance.md says how to read it. The whole grid, of
# 60,000 images, would take a quarter of an hour by itself: GRID_IMAGES=60000.
GRID_IMAGES ?= 20000
FIGURES ?= build/bench
bench: $(VENV)/installed-test
	$(BIN)/python benchmarks/train_step.py --check --json $(FIGURES)/train_step.json
	$(BIN)/python benchmarks/overhead.py --json $(FIGURES)/overhead.json
	$(BIN)/python benchmarks/memory.py --json $(FIGURES)/memory.json
	$(BIN)/python benchmarks/grid.py --images $(GRID_IMAGES) --json $(FIGURES)/grid.json
	$(BIN)/python benchmarks/evaluate.py
	$(BIN)/python benchmarks/search.py --check
	$(BIN)/python benchmarks/scale.py --quick --check --json $(FIGURES)/scale.json

# Sweeps that are killed again and again; see docs/reliability.md. SEED=… repeats one.
N ?= $(if $(SEED),1,20)
KILLS ?= 5
faults: $(VENV)/installed-test
	$(BIN)/python -m tests.faults --sweeps $(N) --kills $(KILLS) $(if $(SEED),--seed $(SEED))

clean:
	rm -rf $(VENV) .compat build
