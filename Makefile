# The two commands of a new user are "make demo" and "make test". Both install
# what they need through package registries, only where it is absent.

SPARK ?= sail
SCALE ?= 0.01
GO ?= go

.PHONY: jar hostile pointers demo test new-user race flower tpch cluster lakehouse servers check generate setup bench swaps swaps-race faults faults-broker fuzz build clean conformance

demo: ## the main job on real text, by Python's own Celery; SPARK='local[*]' for Apache Spark
	@scripts/demo '$(SPARK)'

test: ## unit and integration tests against RabbitMQ, Redis, Spark and Python Celery
	@scripts/test

new-user: ## the tutorial's first part as a new user has it, without an engine or any cache: each command and its time
	@scripts/setup python
	SPARKSTALK_TEST_NEW_USER=1 $(GO) test -count=1 -v -run TestTutorial ./host/internal/console

race: ## the same under the race detector, which needs a C compiler; takes several times as long
	@scripts/test -race

flower: ## a worker seen by Flower in Chromium, beside Python's; installs both (some 600 MB)
	@scripts/flower

tpch: ## TPC-H at scale factor 0.1 instead of 0.01: answers of plugins/tpch against Spark's own SQL
	@SPARKSTALK_TEST_TPCH_SCALE=0.1 scripts/test -run TPCH -v ./host/tpchtest

cluster: ## the demo and all of TPC-H on a Spark standalone cluster whose executors are killed; SCALE=0.1 for more data
	@SPARKSTALK_TEST_CLUSTER=all SPARKSTALK_TEST_TPCH_SCALE=$(SCALE) scripts/test -run OutliveTheExecutors -v ./host/tpchtest ./host/udf

lakehouse: ## JDBC with a jar of H2; Delta Lake, Iceberg and the demo on a server of Spark 4.1; fetches 600 MB
	@scripts/lakehouse

servers: ## the Spark client's tests against Connect servers of Spark 4.0 and 4.2; fetches 1 GB
	@scripts/servers

check: ## what CI runs after the tests: vet, linters, fresh generated files
	@scripts/check

generate: ## write the generated files anew
	$(GO) generate ./abi ./sdk/functions ./sdk/coverage
	scripts/gen-spark

jar: ## the jar of functions on executors made anew and compared; fetches 100 MB of Maven's the first time
	@scripts/gen-udf --check

setup: ## install everything that tests and demo use
	@scripts/setup broker redis python pyspark sail spark tpch modules stubs lint

build: ## the binary and the demo module
	$(GO) build -o bin/sparkstalk ./host/cmd/sparkstalk
	bin/sparkstalk build plugins/demo -o plugins/demo.wasm

bench: ## sparkstalk beside Python Celery, PySpark and raw amqp091-go, in one run
	@scripts/bench

swaps-race: ## a small module replaced 100,000 times (TIMES) under the race detector while it is called, rolled back and reloaded
	SPARKSTALK_SWAPS=$(or $(TIMES),100000) $(GO) test -race -count=1 -v -timeout 2h -run '^TestSwapRace$$' ./host/module

swaps: ## a module replaced 1,000 times while clients call it; some minutes
	@scripts/bench swaps

faults: ## what breaks on Spark's side and what comes of it, as a table; some ten minutes
	@scripts/faults

hostile: ## modules that mean harm, each 1,000 times (TIMES; PROCESS_TIMES in processes, a fifth), beside others that must not suffer, as a table
	@scripts/hostile

pointers: ## host functions called a million times (CASES) with wild pointers, lengths and handles
	@scripts/pointers

faults-broker: ## what breaks of host, broker and result backend among 10,000 tasks each, as a table; some 50 minutes
	@scripts/faults broker

conformance: ## what a Celery client sees of Python's worker and of ours, on every broker and backend; writes host/COMPATIBILITY.md
	@scripts/setup broker redis python sail stubs
	SPARKSTALK_CONFORMANCE=all $(GO) test -count=1 -v -timeout 40m ./host/conformance

fuzz: ## each fuzz target for FUZZTIME (default 30s)
	@scripts/fuzz

clean:
	rm -rf bin plugins/*.wasm
