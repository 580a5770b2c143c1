# The two commands that matter: `make demo` and `make test`.

MODEL := models/SmolLM2-135M-Instruct.Q4_1.gguf
ARTIFACTS := artifacts/smollm2-135m-instruct
TOOL := .build/release/subspacepath
# Tests are compiled otherwise than the tool; in a folder of their own neither makes the other compile anew.
TESTS := .build-tests
BUILD_OPTIONS = -c release $(shell Scripts/link-options.sh)

.DEFAULT_GOAL := help
.PHONY: help demo test model model-7b build format check-format artifacts fixtures bench bench-kernels \
	bench-kernels-against bench-peers quality

help: ## Show this list
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: model build ## Answer scenarios at several pruning strengths and print the table
	$(TOOL) run --pruning-strengths 0.2 0.4 0.6 --num-samples 5

test: model check-format ## Run every test and the format check
	swift test -c release --disable-xctest --scratch-path $(TESTS)

model: ## Fetch the default model (98 MB) into models/
	@Scripts/fetch-model.sh

model-7b: ## Make a model of the shape of Llama 2 7B with random weights (3.8 GB) in models/random/
	python3 Scripts/make-random-model.py --shape 7B --type Q4_0

build: ## Build the command line
	swift build $(BUILD_OPTIONS) --product subspacepath

format: ## Lay the code out
	swift format --in-place --recursive --parallel Package.swift Sources Tests

check-format: ## Check the layout of the code
	swift format lint --strict --recursive --parallel Package.swift Sources Tests
	@! LC_ALL=C.UTF-8 grep -nE '^[^|].{120}' README.md Documentation/*.md || { echo "lines of more than 120 characters"; false; }
	@! LC_ALL=C.UTF-8 grep -rnE '^.{121}' Sources Tests Benchmarks --include=*.swift --include=*.[ch] | \
		grep -E '^[^:]*:[0-9]*: *//' | grep -v PreTokenizer.swift || { echo "comments of more than 120 characters"; false; }

artifacts: model build ## Make the shipped artifacts anew from data/
	$(TOOL) train --output-dir $(ARTIFACTS) --overwrite

fixtures: model ## Make the tests' reference fixtures anew with transformers
	python3 -m venv .venv-fixtures
	.venv-fixtures/bin/pip install --quiet --requirement Tests/Fixtures/requirements.txt
	.venv-fixtures/bin/python Tests/Fixtures/scripts/make_fixtures.py

bench: model build ## Measure speed, dense and with 40% of the heads pruned, against the machine's limits
	$(TOOL) bench --output results/bench/dense.json
	$(TOOL) bench --pruned-fraction 0.4 --repetitions 20 --output results/bench/pruned.json
	$(TOOL) bench --prompt-tokens 32 128 512 2000 4000 8000 --repetitions 3 --output results/bench/lengths.json

bench-kernels: ## Time each step of a layer (KERNELS_OPTIONS=--help lists options)
	swift build $(BUILD_OPTIONS) --product layer-steps
	.build/release/layer-steps $(KERNELS_OPTIONS)

bench-kernels-against: ## The same in turns with the kernels of a commit (BASE=HEAD by default)
	Benchmarks/kernels/compare.sh $(or $(BASE),HEAD) $(KERNELS_OPTIONS)

bench-peers: model build ## Measure other engines beside this one, in turn (PEERS_OPTIONS=--help lists options)
	Benchmarks/peers/install.sh
	PYTHONPATH=Benchmarks .venv-peers/bin/python -m peers $(PEERS_OPTIONS)

quality: model build ## Measure what pruning costs in likelihood, for each criterion
	python3 Benchmarks/quality.py
