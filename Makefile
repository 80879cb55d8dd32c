# Two commands do everything: `make demo` and `make test`. `make help` lists the rest.
.DEFAULT_GOAL := help
SHELL := /bin/bash
CARGO ?= cargo
export CARGO_TERM_COLOR ?= auto

.PHONY: help demo run test pictures bench faults soak check fmt lint deny doc manifests unit services-stop compose-test

help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 16

demo: ## the whole thing in one process against a simulated Insightly: events appear, Ctrl-C ends it
	$(CARGO) run --locked --release --package insightly-events -- demo $(ARGS)

run: ## everything embedded, with its data in ./data
	$(CARGO) run --locked --release --package insightly-events -- $(ARGS)

test: ## installs or finds RabbitMQ, PostgreSQL, Chromium and the verifiers, runs every check and test, stops them
	scripts/test.sh

pictures: ## renews docs/images: pictures of the dashboard, taken by its tests
	scripts/browser.sh
	IE_SCREENSHOTS=$(CURDIR)/docs/images $(CARGO) nextest run --locked --package ie-tests 'an_operator_creates_watches_mends_and_leaves::case_1_embedded'

bench: ## measures every yardstick against a bare client or itself; ARGS="--quick", "--only deliveries", "--check"
	$(CARGO) build --locked --release --workspace --bins
	scripts/services.sh run -- $(CARGO) run --locked --release --quiet --package ie-tests --bin ie-bench -- $(ARGS)

faults: ## makes every fault under load, compares every write with every receipt; ARGS="--only kill-fetcher", "--at-most 20", "--list"
	-scripts/services.sh install libfaketime
	$(CARGO) build --locked --workspace --bins
	$(CARGO) run --locked --quiet --package ie-tests --bin ie-faults -- --write docs/reliability.md $(ARGS)

soak: ## ten minutes of a mix of faults; ARGS="--soak 60" for an hour, "--seed 7" for another mix
	$(CARGO) build --locked --workspace --bins
	$(CARGO) run --locked --quiet --package ie-tests --bin ie-faults -- --soak 10 $(ARGS)

check: fmt lint deny doc manifests ## the checks that need no server

fmt:
	$(CARGO) fmt --all --check

lint:
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

deny: ## licences, bans and sources of dependencies
	scripts/deny.sh

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --locked --workspace --no-deps --quiet

manifests: ## what is under deploy/, against the tools that read it, the source code and the documents
	scripts/manifests.sh

compose-test: ## builds the image, brings compose up, creates an instance, waits for its event
	scripts/compose-test.sh
