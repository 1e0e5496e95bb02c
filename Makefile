# Needs git, make, npm and any Node >= 20; what else is missing is fetched into the user's cache folder.
STRATUM = @node infra/local/bootstrap.mjs
.DEFAULT_GOAL := help
.PHONY: help run dev test reset import rebuild bench bench-docs chaos soak format

help: ## list the commands
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name what; do printf '  make %-9s %s\n' "$$name" "$$what"; done

run: ## start everything; PORT=8080 MQTT_PORT=1883 SPEED=1, NATS_URL MONGODB_URI MQTT_URL for your own servers
	$(STRATUM) infra/local/start.ts

dev: ## the same, with reload of services and pages on change
	$(STRATUM) infra/local/start.ts --dev

test: ## types, lint, unit, integration, browser; needs nothing running
	$(STRATUM) infra/local/test.ts

reset: ## forget all data of this folder
	$(STRATUM) infra/local/reset.ts

import: ## bring in a recording: FILE=data.csv.gz MAP=map.json (the plant must run)
	$(STRATUM) infra/local/with-plant.ts services/telemetry/import.ts

rebuild: ## compute the read models again beside the live ones and compare (the plant must run)
	$(STRATUM) infra/local/with-plant.ts projections/rebuild.ts

bench: ## measure everything beside bare clients and peers: ROUNDS=5 TWINS=1000 SECONDS=60; one part: make bench-append
	$(STRATUM) infra/bench/bench.ts

bench-docs: # what was measured last, into docs/performance.md
	$(STRATUM) infra/bench/write-docs.ts

bench-%: # one part, by its name in infra/bench/bench.ts
	$(STRATUM) infra/bench/bench.ts $*

chaos: ## kill, freeze, cut off and fill up each part in turn under load, and count what was lost: ROUNDS=200 SEED=1
	$(STRATUM) infra/chaos/main.ts

soak: export ROUNDS = 10000
soak: export MINUTES ?= 60
soak: ## the same as chaos, for as long as wanted: MINUTES=60 SEED=1
	$(STRATUM) infra/chaos/main.ts

format: ## format and fix what can be fixed
	$(STRATUM) node_modules/@biomejs/biome/bin/biome check --write
