# `make help` prints what there is. Each target does its own set-up.

SHELL := /bin/bash
CARGO ?= cargo
export CARGO_TERM_PROGRESS_WHEN ?= auto

.DEFAULT_GOAL := help
.PHONY: help demo dev test clients api-fuzz bench storm hosts test-remote-real audit fmt lint setup

help: ## Show the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## Make two videos from nothing and leave them in demo/
	$(CARGO) run --bin clipmill -- demo --output demo

dev: setup ## Run the whole service on http://127.0.0.1:8080 until Ctrl-C
	$(CARGO) run --bin clipmill -- dev

test: setup ## Run every test against real parts
	tests/stores/setup
	$(CARGO) build --workspace --bins
	$(CARGO) test --workspace
	tests/clients/run

clients: setup ## Run other people's clients against the service
	$(CARGO) build --bin clipmill
	tests/clients/run

api-fuzz: setup ## Send thousands of requests made from the API's own document
	$(CARGO) build --bin clipmill
	tests/clients/run --cases 2000 schemathesis

bench: setup ## Measure, and write target/bench/summary.json
	$(CARGO) build --release --workspace --bins
	$(CARGO) run --release --bin bench -- $(BENCH)

storm: setup ## Run jobs through random faults and count what was lost
	$(CARGO) build --workspace --bins
	$(CARGO) run --bin storm

hosts: setup ## Run the service on several hosts and harm some of them (Linux, as root)
	$(CARGO) build --workspace --bins
	$(CARGO) run --bin hosts

test-remote-real: setup ## Render by diffusers behind the API of a render server (PyTorch: 6 GB)
	$(CARGO) build --bin clipmill
	tests/peer/run

audit: ## Look at what others' code brings along, and write its list to target/sbom
	@.ci/audit

fmt: ## Format the code
	$(CARGO) fmt --all

lint: setup ## Check format, lints and documentation
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --document-private-items

setup:
	@.ci/setup
