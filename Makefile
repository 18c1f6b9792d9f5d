# Everything a person does with this repository, by name. Each target sets up .venv first if it has to; `make help` lists them.

APP ?= sentiment
ARGS ?=
$(if $(filter command,$(origin ARG)),$(error there is no variable ARG; more arguments are given by ARGS="..."))
# What compare compares, e.g. CELLS=lstm,gru, and with how many seeds.
CELLS ?=
SEEDS ?=
# Of new-app: the name of the new application, and the one to copy. Of eject: the folder of the project.
NAME ?=
FROM ?=
TO ?=
# The Python that makes .venv. Left empty, the first of CANDIDATES that TensorFlow runs on: 3.11, 3.12 or 3.13.
PYTHON ?=
CANDIDATES := python3 python3.13 python3.12 python3.11 python

RUN := .venv/bin/python
STAMP := .venv/.installed
SITE := -m sphinx --conf-dir docs/site --doctree-dir build/doctrees --fail-on-warning --keep-going --quiet
APPS := $(notdir $(patsubst %/__main__.py,%,$(wildcard apps/*/__main__.py)))
KNOWN = test -f 'apps/$(APP)/__main__.py' || { echo 'error: there is no application $(APP), only $(APPS)' >&2; exit 2; }
LAYER_TESTS := $(wildcard tests/conformance/test_cell*.py) tests/common/layers
VERBS := train evaluate export predict serve diagnose tune

.DEFAULT_GOAL := help
.PHONY: help setup setup-gpu setup-browser $(VERBS) compare demo new-app eject test test-slow test-jax lint format docs docs-links notebooks clean distclean

help: ## list the targets
	@echo 'make TARGET [APP=name of a folder in apps/; sentiment if left out] [ARGS="more arguments"] [PYTHON=python for .venv]'
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo 'make train APP=sentiment ARGS="--preset tiny" is .venv/bin/python -m apps.sentiment train --preset tiny'

setup: $(STAMP) ## make .venv and install everything, if that is not done yet

setup-gpu: $(STAMP) ## add what TensorFlow needs to use an NVIDIA GPU
	$(RUN) -m pip install --constraint constraints.txt --editable '.[dev,gpu]'

setup-browser: $(STAMP) ## add the browser that the tests of the page use, where there is none
	$(RUN) -m playwright install chromium --only-shell

train: $(STAMP) ## train APP, evaluate it and export it
evaluate: $(STAMP) ## measure a run: ARGS="--run runs/sentiment/..."
export: $(STAMP) ## make a SavedModel of a run: ARGS="--run runs/sentiment/..."
predict: $(STAMP) ## ask a SavedModel: ARGS='--model saved_models/sentiment "A text."'
serve: $(STAMP) ## answer TensorFlow Serving's REST form: ARGS="--model saved_models/sentiment"
diagnose: $(STAMP) ## draw the norm of the gradient through time
tune: $(STAMP) ## search for settings: ARGS="--trials 20 --preset tiny"

$(VERBS):
	@$(KNOWN)
	@$(RUN) -m apps.$(APP) $@ $(ARGS)

compare: $(STAMP) ## train several and compare: CELLS=lstm,gru [SEEDS=3], or ARGS="--vary model.units=64,128"
	@$(KNOWN)
	@$(RUN) -m apps.$(APP) compare $(if $(CELLS),--cells $(CELLS)) $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

demo: $(STAMP) ## show all exported models on a page in the browser, http://127.0.0.1:7860
	@$(RUN) -m apps demo $(ARGS)

new-app: $(STAMP) ## copy an application under a name of your own: NAME=reviews FROM=sentiment
	@$(RUN) -m scaffold new-app --name '$(NAME)' --from '$(FROM)'

eject: $(STAMP) ## make a project of its own of an application: APP=sentiment TO=../my-project
	@$(RUN) -m scaffold eject --app '$(if $(filter-out file,$(origin APP)),$(APP))' --to '$(TO)'

test: $(STAMP) ## run the tests (no network, no GPU)
	$(RUN) -m pytest --numprocesses 2 --dist loadfile $(ARGS)

test-slow: $(STAMP) ## run the tests that take minutes
	$(RUN) -m pytest -m slow $(ARGS)

test-jax: $(STAMP) ## run the tests of the layers on the JAX backend; needs .venv/bin/python -m pip install jax
	KERAS_BACKEND=jax $(RUN) -m pytest --numprocesses 2 --dist loadfile $(or $(ARGS),$(LAYER_TESTS))

lint: $(STAMP) ## check style and find mistakes without running anything
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

format: $(STAMP) ## rewrite the code in the common style
	$(RUN) -m ruff check --fix .
	$(RUN) -m ruff format .

docs: $(STAMP) ## build the pages into a site, build/docs/index.html; a link that leads nowhere is an error
	$(RUN) $(SITE) --builder html . build/docs

docs-links: $(STAMP) ## ask for every address outside of this repository that the pages name; needs the network
	$(RUN) $(SITE) --builder linkcheck . build/docs-links

notebooks: $(STAMP) ## execute the notebooks, into build/notebooks/: ARGS="sentiment"
	$(RUN) notebooks/execute.py $(ARGS)

clean: ## remove caches, prepared data and what killed processes left; runs, exports and .venv stay
	rm -rf .cache .pytest_cache .ruff_cache build *.egg-info
	find . -name '.tmp-*' -not -path './.venv/*' -not -path './.git/*' -prune -exec rm -rf {} +
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +

distclean: clean ## the same, and .venv
	rm -rf .venv .venv.lock

# The stamp is the last thing written, so an interrupted installation is taken up again; the lock keeps a second make waiting until the
# first is done, and then there is nothing left to do. An installation that is only out of date is updated in place.
$(STAMP): pyproject.toml constraints.txt
	@python=; \
	for candidate in $(if $(PYTHON),$(PYTHON),$(CANDIDATES)); do \
	  if "$$candidate" -c 'import sys, ensurepip, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null; \
	  then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo 'error: $(if $(PYTHON),PYTHON=$(PYTHON) is not a,there is no) Python 3.11, 3.12 or 3.13 with its venv module;' \
	    'install one (Debian, Ubuntu: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3' >&2; exit 2; \
	fi; \
	if command -v flock >/dev/null; then exec 9>.venv.lock; flock 9; fi; \
	if [ -n "$$(find $@ -newer pyproject.toml -newer constraints.txt 2>/dev/null)" ]; then exit 0; fi; \
	set -e; rm -f $@; \
	echo "Setting up .venv with $$("$$python" --version). The first time this takes minutes: TensorFlow is large."; \
	if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then "$$python" -m venv --clear .venv; fi; \
	.venv/bin/python -m pip install --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'; \
	touch $@
