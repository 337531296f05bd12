# Every target prepares what it needs by itself; `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help install demo serve test check format results-main results-attacks results-attacks-speed results-detector results-poisoning results-strip clean

PYTHON ?= python3
BIN := .venv/bin
HOST ?= $(or $(SCANGATE_HOST),127.0.0.1)
PORT ?= $(or $(SCANGATE_PORT),8000)
SERVE ?= 1
DATA ?= ../shared/data/brain_mri.zip
DIGITS ?= ../shared/data/mnist/t10k-images-idx3-ubyte.gz

help: ## Say what can be done
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: .venv/installed ## Create .venv and install what Scangate runs on

.venv/installed: install.py requirements.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) install.py requirements.txt

.venv/installed-dev: install.py requirements.txt requirements-dev.txt requirements-peers.txt constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "Python is missing: install Python 3.11 or newer, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) install.py requirements-dev.txt

demo: .venv/installed ## Make everything from nothing, screen six scans, then serve (SERVE=0: do not serve)
	@$(BIN)/python -m webapp.demo --host $(HOST) --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

serve: .venv/installed ## Serve the application with its dispatcher and workers (HOST=, PORT=)
	@SCANGATE_HOST=$(HOST) SCANGATE_PORT=$(PORT) $(BIN)/python -m webapp.serve

test: .venv/installed-dev ## Run the whole test suite
	@$(BIN)/python -m pytest

check: .venv/installed-dev ## Lint, check types and the direction of imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/python -m mypy
	@$(BIN)/lint-imports

format: .venv/installed-dev ## Put the code into its form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

results-main: .venv/installed ## Run the main job on real MRI and write docs/results/main-job.md (DATA=zip)
	@$(BIN)/python -m pipeline run $(DATA) --root var/results-main --report docs/results/main-job

results-attacks: .venv/installed-dev ## Attack the classifier of results-main and write docs/results/attacks.md (DATA=zip)
	@$(BIN)/python -m benchmarks.attack_report $(DATA)

results-attacks-speed: .venv/installed-dev ## Time the attacks beside other libraries, for results-attacks (hours)
	@$(BIN)/python -m benchmarks.attacks
	@$(BIN)/python -m benchmarks.limits
	@$(BIN)/python -m benchmarks.building --images 125 1000 --precisions fp32 bf16 --out var/benchmarks/building.json

results-detector: .venv/installed-dev ## Judge the detector of results-main and write docs/results/detector.md (DATA=zip, STAGES=, SEEDS=; hours)
	@$(BIN)/python -m benchmarks.detector_report $(DATA) $(if $(STAGES),--stages $(STAGES)) $(if $(SEEDS),--seeds $(SEEDS))

results-poisoning: .venv/installed-dev ## Poison digits and scans, find and repair it, and write docs/results/poisoning.md (DIGITS=file, DATA=zip, SEEDS=, SCAN_SEEDS=; hours)
	@$(BIN)/python -m benchmarks.poisoning_report $(DIGITS) $(if $(wildcard $(DATA)),--scans $(DATA)) $(if $(SEEDS),--seeds $(SEEDS)) $(if $(SCAN_SEEDS),--scan-seeds $(SCAN_SEEDS))

results-strip: .venv/installed-dev ## Try STRIP on backdoored digits, time it, and write docs/results/strip.md (DIGITS=file)
	@$(BIN)/python -m benchmarks.strip_report $(DIGITS)

clean: ## Remove .venv and what the tools left; data roots stay
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage
