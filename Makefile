# Everything a person does here. `make run` is all that a fresh machine needs.
# More options for the server: make run ARGS="--port 4000"

ARGS ?=
export PROPTEST_RNG_SEED ?= 20261124
ENV := . .toolchain/env.sh &&
XTASK := $(ENV) cargo run --quiet --package xtask --

.PHONY: help setup setup-e2e site run dev test bars fmt check bench load e2e coverage clean
.DEFAULT_GOAL := help

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' Makefile | expand -t 12

setup: ## install what is missing on this machine, and say so
	@tools/setup

setup-e2e:
	@tools/setup e2e

site: setup ## build the browser half: WASM, CSS, static files
	@echo "make: building the site"
	@$(XTASK) build

run: site ## start the product on this machine, with stand-ins for every provider
	@echo "make: building and starting the server"
	@$(ENV) exec cargo run --quiet -- serve --sandbox $(ARGS)

dev: setup ## the same, rebuilt and restarted on every change
	@$(XTASK) watch -- serve --sandbox $(ARGS)

test: ## everything: unit, whole-server and browser tests, with fixed seeds
	@tools/test

bars: ## the same in full: optimised, with all cases of every bar
	@VOXANNE_BARS=full tools/test --optimised

fmt: setup ## format every Rust file, those behind a macro too
	@$(ENV) find src xtask benches build.rs -name '*.rs' -exec rustfmt --edition 2024 --config-path rustfmt.toml {} +

check: setup ## format, lints of every feature set, documentation, licences and advisories
	@tools/check

bench: setup ## primitives and the webhook path, each beside its limit; about six minutes after the build
	@echo "make: building the benchmarks, optimised"
	@$(ENV) cargo bench --quiet --no-run --bench primitives --bench webhooks
	@echo "make: measuring the primitives"
	@$(ENV) cargo bench --quiet --bench primitives
	@echo "make: measuring the webhook path, with a PostgreSQL of its own"
	@$(ENV) cargo bench --quiet --bench webhooks

load: setup ## post signed call reports to a running server: make load ARGS="--url ... --tenants ..."
	@$(ENV) cargo run --quiet --release --package xtask -- load $(ARGS)

e2e: setup-e2e ## browser tests only, each with and without WASM
	@tools/test --browser-only

coverage: ## line coverage of the Rust tests, as a figure and as pages in coverage/
	@tools/coverage

clean: ## remove what was built; the data stays
	@echo "make: removing build output (data/ and .toolchain/ stay)"
	@rm -rf target coverage end2end/test-results end2end/playwright-report
