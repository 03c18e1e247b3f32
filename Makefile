# Both targets set themselves up: Python 3.10 or newer and make are all they need.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTEST_WORKERS ?= 2
# Processes that tests start need not compile the sources again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test lint types docs site pictures accessibility clean

demo: $(VENV)/.installed
	@$(BIN)/python -m pipelines.demo

test: lint types
	$(BIN)/pytest -n $(PYTEST_WORKERS) --dist worksteal

lint: $(VENV)/.tested
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.tested
	$(BIN)/mypy --num-workers $(PYTEST_WORKERS)

pictures: $(VENV)/.tested
	$(BIN)/python docs/pictures/report.py

# Needs npm and Chromium; without them the test is skipped.
accessibility: $(VENV)/.tested
	npm install --no-save --no-package-lock axe-core@4.14.1
	$(BIN)/pytest tests/e2e/test_accessibility.py

docs: $(VENV)/.tested
	$(BIN)/python -m pipelines.recipes --markdown > docs/objectives.md

site: $(VENV)/.tested
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build

# What running needs, and what testing needs besides.
$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "Python 3.10 or newer is needed")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[trainer]'
	touch $@

$(VENV)/.tested: $(VENV)/.installed tests/readers.txt
	$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt -e '.[dev,dask,gcp,aws]'
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-deps -r tests/readers.txt
	touch $@

clean:
	rm -rf $(VENV) demo build dist site .cache *.egg-info .mypy_cache .pytest_cache .ruff_cache .hypothesis
