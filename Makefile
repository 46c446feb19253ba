# The doors of Forget-Me-Not. `make help` lists them; every one sets up what it needs on first use.
PYTHON ?= python3
SPEC ?= digits
EXECUTOR ?= auto
DEVICE ?= auto
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
DEV_INSTALLED := $(VENV)/.dev-installed
NEEDS_SUBMISSION = $(if $(SUBMISSION),,$(error SUBMISSION is missing, for instance: make $@ SUBMISSION=simclr))

.DEFAULT_GOAL := help
.PHONY: evaluate rescore reproduce submit receive plan check tune new image serve leaderboard export report verify rebuild-mlflow docs guide bench test lint help clean

evaluate: $(INSTALLED)  ## train, prune and score a submission: SUBMISSION=simclr [SPEC=digits] [EXECUTOR=auto] [DEVICE=auto]
	$(NEEDS_SUBMISSION)@$(BIN)/fmn evaluate "$(SUBMISSION)" --spec "$(SPEC)" --executor $(EXECUTOR) --device $(DEVICE)

rescore: $(INSTALLED)  ## recompute all metrics from stored weights, train nothing: SUBMISSION=simclr [SPEC=digits]
	$(NEEDS_SUBMISSION)@$(BIN)/fmn rescore "$(SUBMISSION)" --spec "$(SPEC)" --executor $(EXECUTOR) --device $(DEVICE)

reproduce: $(INSTALLED)  ## evaluate again what a record tells of, and compare: RESULT=results/.../NAME.json.gz [EXECUTOR=auto]
	$(if $(RESULT),,$(error RESULT is missing: the path of a record))@$(BIN)/fmn reproduce "$(RESULT)" --executor $(EXECUTOR) --device $(DEVICE)

submit: $(INSTALLED)  ## check, evaluate or take existing records, verify, write one signed bundle: SUBMISSION=my_method [SPEC=digits] [OUT=FILE]
	$(NEEDS_SUBMISSION)@$(BIN)/fmn submit "$(SUBMISSION)" --spec "$(SPEC)" --executor $(EXECUTOR) --device $(DEVICE) $(if $(OUT),--out "$(OUT)")

receive: $(INSTALLED)  ## judge a bundle, compute its numbers again, add its records to the home: BUNDLE=FILE
	$(if $(BUNDLE),,$(error BUNDLE is missing: the file that make submit wrote))@$(BIN)/fmn receive "$(BUNDLE)"

plan: $(INSTALLED)  ## show runs, shared updates and cost, train nothing: [SUBMISSION=supervised] [SPEC=digits]
	@$(BIN)/fmn plan "$(or $(SUBMISSION),supervised)" --spec "$(SPEC)" --executor $(EXECUTOR) --device $(DEVICE)

check: $(INSTALLED)  ## validate a submission in seconds, every problem at once: SUBMISSION=my_method (or ALL=1) [SPEC=digits] [EXECUTOR=auto]
	$(if $(ALL),,$(NEEDS_SUBMISSION))@$(BIN)/fmn check $(if $(ALL),--all,"$(SUBMISSION)") --spec "$(SPEC)" --executor $(EXECUTOR)

tune: $(INSTALLED)  ## search hyperparameters on validation images: SUBMISSION=my_method [SPEC=digits] [TRIALS=16] [WRITE=1] [EXECUTOR=auto]
	$(NEEDS_SUBMISSION)@$(BIN)/fmn tune "$(SUBMISSION)" --spec "$(SPEC)" --trials $(or $(TRIALS),16) $(if $(WRITE),--write) --executor $(EXECUTOR) --device $(DEVICE)

new: $(INSTALLED)  ## scaffold a submission from the template: SUBMISSION=my_method
	$(NEEDS_SUBMISSION)@$(BIN)/fmn new "$(SUBMISSION)"

image: $(INSTALLED)  ## build the images of EXECUTOR=docker, once per version of the benchmark
	@$(BIN)/python -m benchmark.executors.docker.images

serve:  ## serve MLflow on PostgreSQL and the leaderboard on localhost, in containers (compose.yaml)
	@docker compose version >/dev/null 2>&1 || { echo "make serve needs Docker with its compose plugin"; exit 1; }
	@test -n "$$POSTGRES_PASSWORD" || test -f .env || { echo "make serve needs a password for its database: echo POSTGRES_PASSWORD=\$$(openssl rand -hex 16) > .env"; exit 1; }
	@docker compose up --build --wait
	@echo "MLflow http://127.0.0.1:5000   leaderboard http://127.0.0.1:8501   stop with: docker compose down"

leaderboard: $(INSTALLED)  ## serve the leaderboard on localhost
	@$(BIN)/fmn leaderboard

export: $(INSTALLED)  ## write the leaderboard as a static site that any web server can host: [OUT=site]
	@$(BIN)/fmn export "$(or $(OUT),site)"

report: $(INSTALLED)  ## test the founding study's claims on every board, from the records that ship: docs/report.md
	@$(BIN)/python -m leaderboard.export.report_page docs/report.md

verify: $(INSTALLED)  ## check who signed the records and that nothing was changed since: [RECORDS="FILE or FOLDER ..."] [RECOMPUTE=1]
	@$(BIN)/fmn verify $(RECORDS) $(if $(RECOMPUTE),--recompute)

rebuild-mlflow: $(INSTALLED)  ## project every record into MLflow again
	@$(BIN)/fmn rebuild-mlflow

docs: $(INSTALLED)  ## write docs/metrics.md and docs/fields.md from docstrings, and the tables of docs/results.md and the report from records
	@$(BIN)/python -m benchmark.scoring.describe docs/metrics.md
	@$(BIN)/python -m leaderboard.export.results_page docs/results.md
	@$(BIN)/python -m leaderboard.export.report_page docs/report.md
	@$(BIN)/python -m benchmark.spec.documents.field_page docs/fields.md

guide: $(DEV_INSTALLED)  ## build the guide as a site of static pages, and check every link in it: [OUT=guide-site]
	@$(BIN)/python -m sphinx -q -W --keep-going -n -E docs "$(or $(OUT),guide-site)"
	@echo "open $(or $(OUT),guide-site)/guide/index.html"

bench: $(INSTALLED)  ## measure speed against a naive peer, about ten minutes on a quiet machine; BENCH=--help for options
	@OMP_NUM_THREADS=1 $(BIN)/python -m bench $(BENCH)

test: $(DEV_INSTALLED)  ## run the test suite
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist loadfile

lint: $(DEV_INSTALLED)  ## ruff, pyright (strict) and import-linter
	@$(BIN)/ruff check .
	@$(BIN)/pyright
	@$(BIN)/lint-imports

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1\t/' | awk -F'\t' '{printf "  make %-15s %s\n", $$1, $$2}'

clean:  ## remove the virtual environment (states and records under runs/ stay)
	rm -rf $(VENV)

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Forget-Me-Not needs Python 3.11 or newer; found $$($(PYTHON) --version). Try: make PYTHON=python3.11 ..."; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(INSTALLED): pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing (about a minute on first use)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(DEV_INSTALLED): $(INSTALLED)
	@echo "installing what tests and linters need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
