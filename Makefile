# Everything a newcomer needs: `make demo`, `make test`. Both set up .venv by themselves.
PYTHON ?= python3
BIN := .venv/bin
# A local copy of the public data sets (kagl/, cifar10/, clothing_small/), which make kagl needs.
DATA ?= $(wildcard ../shared/data)

.PHONY: demo serve test check kagl study proof bench base clean

demo: .venv/ready
	$(BIN)/weft run recipes/demo.toml
	@echo "page    make serve  (base and woven model side by side, in a browser)"

# The demo's catalogue searched by both models, side by side, in a browser.
serve: .venv/ready-serve
	$(BIN)/weft run recipes/demo.toml
	$(BIN)/weft serve runs/demo

test: .venv/ready-dev .venv/openclip .venv/sbert
	$(BIN)/python -m pytest $(ARGS)

check: .venv/ready-dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

# The main job on real photographs: a base from scratch, then the shop. About an hour on two cores.
kagl: .venv/ready
	$(BIN)/weft run recipes/kagl_base.toml --set data=$(DATA)
	$(BIN)/weft run recipes/kagl.toml --set data=$(DATA)

# The paper's claims on the catalogue that Weft draws itself. Half an hour.
study: .venv/ready
	$(BIN)/weft study studies/demo.toml

# Faults planted where the truth is known: what is found, what is repaired, where a judge breaks.
proof: .venv/ready
	$(BIN)/python tools/proof.py check

bench: .venv/ready-dev
	for file in $(filter-out bench/bench_scale.py,$(wildcard bench/bench_*.py)); do $(BIN)/python $$file || exit 1; done

# Rebuilds the tiny base inside the package.
base: .venv/ready
	$(BIN)/weft run recipes/demo_base.toml
	rm -rf src/weft/demo/base && cp -r runs/demo-base/train/model src/weft/demo/base

# torch comes first and at one version: a wider range may pull a build for another machine.
.venv/ready: pyproject.toml constraints.txt
	@echo "setting up .venv: torch, transformers and Weft; about a minute, and the downloads"
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet "torch==2.13.0"
	$(BIN)/pip install --quiet --constraint constraints.txt --editable .
	touch $@

.venv/ready-serve: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[serve]"
	touch $@

.venv/ready-dev: .venv/ready
	$(BIN)/pip install --quiet --constraint constraints.txt --editable ".[dev]"
	touch $@

# Peers that some tests compare with, apart from the environment, which their own needs would break: open_clip wants
# torchvision, of which there is no build for every CPU.
.venv/openclip: .venv/ready-dev
	$(BIN)/pip install --quiet --no-deps --target $@ torchvision==0.28.0 timm==1.0.31 open_clip_torch==3.3.0 \
		ftfy==6.3.1 wcwidth==0.9.4

.venv/sbert: .venv/ready-dev
	$(BIN)/pip install --quiet --no-deps --target $@ sentence-transformers==6.2.0 scikit-learn==1.9.1 joblib==1.6.0 \
		threadpoolctl==3.8.0 cloudpickle==3.1.2 narwhals==2.29.0

clean:
	rm -rf .venv runs
