# Everything a newcomer needs: `make demo`, `make test`. Both set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
# A local copy of the public data sets, if there is one; without it they come from the hub.
DATA ?= $(wildcard ../shared/data)

.PHONY: demo test check kagl bench base clean

demo: .venv/ready
	$(BIN)/weft run recipes/demo.toml

test: .venv/ready-dev
	$(BIN)/python -m pytest $(ARGS)

check: .venv/ready-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# The main job on real photographs: a base from scratch, then the shop. About 100 minutes on two cores.
kagl: .venv/ready
	$(BIN)/weft run recipes/kagl_base.toml --set data=$(DATA)
	$(BIN)/weft run recipes/kagl.toml --set data=$(DATA)

bench: .venv/ready-dev
	for file in bench/bench_*.py; do $(BIN)/python $$file || exit 1; done

# Rebuilds the tiny base inside the package.
base: .venv/ready
	$(BIN)/weft run recipes/demo_base.toml
	rm -rf src/weft/demo/base && cp -r runs/demo-base/train/model src/weft/demo/base

# torch comes first and at one version: a wider range may pull a build for another machine.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet "torch==2.13.0"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

clean:
	rm -rf .venv runs
