# One task runner for people and CI alike. `make demo` and `make test` set up what they need.
PYTHON ?= python3
VENV   ?= .venv
PY      = $(VENV)/bin/python
BENCHES = kernels decoding collecting int8_latency accuracy
BUILD   = setup.cfg setup.py pyproject.toml $(wildcard quantkit/core/native/* quantkit/cli/process/native/*)

.PHONY: demo test check fuzz test-material bench golden clean

demo: $(VENV)/.demo
	$(PY) -m quantkit.calibrate calib_data/digits/model.onnx --data calib_data/digits/calib \
	  --eval calib_data/digits/eval --preprocess calib_data/digits/preprocess.toml --output demo-out --force

test: check
	$(PY) -m pytest -m "not gpu and not slow_material"

# Every parser of what others wrote, FUZZ_SECONDS each: whatever leaves it but an error of ours is a defect.
fuzz: $(VENV)/.test
	FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(PY) -m pytest tests/fuzz

# What needs the folder of real models and takes minutes; skips, saying so, where the folder is not.
test-material: $(VENV)/.test
	$(PY) -m pytest -m slow_material

check: $(VENV)/.test
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/lint-imports
	$(PY) -m mypy

# Results with machine, versions and spread go to benchmarks/results/.
bench: $(VENV)/.test
	for name in $(BENCHES); do $(PY) -m benchmarks.$$name || exit 1; done

golden: $(VENV)/.test
	$(PY) -m pytest tests --update-golden -m "not gpu and not slow_material"

clean:
	rm -rf $(VENV) build *.egg-info demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find quantkit -name '*.so' -delete

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	  { echo "quantkit needs Python 3.10 or newer; say which: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(VENV)/bin/python $(BUILD)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cpu]'
	touch $@

$(VENV)/.test: $(VENV)/bin/python $(BUILD)
	$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[cpu,test]'
	touch $@ $(VENV)/.demo
