# The first use sets everything up: system packages (Debian, Ubuntu), a virtual environment in .venv, and the library.
# PYTHON=... selects the interpreter. Pip's settings apply, for example PIP_EXTRA_INDEX_URL for another PyTorch build.

PYTHON ?= $(shell for p in python3.11 python3; do \
    if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo "$$p"; break; fi; done)
JOBS ?= $(shell nproc 2>/dev/null || echo 2)

BIN := .venv/bin
STAMPS := .venv/.stamps
LIBRARY := j2klearn/native/libj2kl.$(if $(filter Darwin,$(shell uname)),dylib,so)
NATIVE := CMakeLists.txt $(shell find native -type f)

# $(call cmake,FOLDER,OPTIONS): configure and build in build/FOLDER.
cmake = cmake -S . -B build/$(1) $(2) >build/$(1).log 2>&1 || { cat build/$(1).log; exit 1; }; \
    cmake --build build/$(1) --parallel $(JOBS)

# $(call native,TARGETS): build the library, or its tests, in one folder: both are made of the same objects.
native = mkdir -p build; $(call cmake,native,-DCMAKE_BUILD_TYPE=Release -DJ2KL_TESTS=ON \
    -DPython3_EXECUTABLE=$(abspath $(BIN))/python) --target $(1)

# $(call ctest,FOLDER): run the native tests that were built in build/FOLDER.
ctest = ctest --test-dir build/$(1) --parallel $(JOBS) --output-on-failure --no-tests=error

# Options of pytest for parallel tests. With JOBS=1, pytest runs all tests in its own process.
PARALLEL = -n $(if $(filter 1,$(JOBS)),0,$(JOBS)) --maxprocesses 8 --dist worksteal

# The tests start hundreds of processes: let the first one keep the compiled modules for the others.
unexport PYTHONDONTWRITEBYTECODE

MAKEFLAGS += --no-print-directory
.DELETE_ON_ERROR:
.PHONY: help demo test test-avx2 glymur-suite lint format native native-test sanitize fuzz wheel site setup clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: setup ## compress and read back a picture, into demo/
	$(BIN)/python -m j2klearn.demo

# Tests of floating-point results, the slowest first.
ARITHMETIC := transform/test_convolution transform/test_precision api/test_golden api/test_neural_golden \
    dequantisation/test_apply arrays/test_dask batch/test_run ebcot/test_fitting

test-avx2: setup ## run the tests of floating-point results as on a processor with AVX2 but without AVX-512
	J2KLEARN_CPU=avx2 ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2 \
	    OPENBLAS_CORETYPE=Haswell $(BIN)/python -m pytest $(PARALLEL) $(PYTEST_FLAGS) -k "not training" $(ARITHMETIC:%=tests/%.py)

test: setup native-test ## run all tests, the native ones first; JOBS=1 runs them one after the other
	$(BIN)/python -m pytest $(PARALLEL) $(PYTEST_FLAGS)

glymur-suite: setup ## run glymur's own test suite with our classes; MODE=classic or learned runs one mode
	$(BIN)/python -m tests.support.glymur_suite $(MODE) $(PARALLEL)

lint: setup ## check style, types, and the layers of the package and of native/
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python scripts/native_layers.py

format: setup ## format the Python sources
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

native: $(LIBRARY) ## build the native library into j2klearn/native/

native-test: setup ## build and run the native library's tests
	@$(call native,j2kl_all_tests)
	$(call ctest,native)

sanitize: $(STAMPS)/system ## run the native tests with the address and undefined behaviour sanitizers
	@mkdir -p build
	@$(call cmake,sanitize,-DCMAKE_BUILD_TYPE=Debug -DJ2KL_TESTS=ON -DJ2KL_SANITIZE=ON $(if $(CI),-DJ2KL_WERROR=ON)) \
	    --target all j2kl_all_tests
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 $(call ctest,sanitize)

FUZZ_SECONDS ?= 60

fuzz: setup $(STAMPS)/fuzz ## fuzz all parsers for FUZZ_SECONDS=60 each; FUZZ_TARGETS="picture py-jp2k" chooses some
	@mkdir -p build
	@$(call cmake,fuzz,-DCMAKE_CXX_COMPILER=clang++ -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -gline-tables-only" \
	    -DJ2KL_FUZZ=ON -DJ2KL_SANITIZE=ON) --target j2kl_fuzz
	$(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS) $(FUZZ_TARGETS)

wheel: ## build the sdist and a wheel with OpenJPEG into dist/, and try them in clean Debian roots; needs root
	sh scripts/build-wheel.sh $(PYTHON)

site: setup ## build the documentation site into build/site; it needs no network
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet

setup: $(STAMPS)/python $(LIBRARY) ## create .venv with everything that development needs

clean: ## remove everything that was built, except .venv
	rm -rf build dist *.egg-info .pytest_cache .import_linter_cache .mypy_cache .ruff_cache .hypothesis
	rm -f j2klearn/native/libj2kl.* j2klearn/native/j2kl.h j2klearn/native/_j2kl.py
	find j2klearn tests -name __pycache__ -prune -exec rm -rf {} +

$(STAMPS)/system: scripts/setup-system.sh
	@sh scripts/setup-system.sh $(PYTHON)
	@mkdir -p $(@D)
	@touch $@

$(STAMPS)/fuzz: scripts/setup-fuzz.sh constraints.txt | $(STAMPS)/python
	@sh scripts/setup-fuzz.sh
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt atheris
	@touch $@

$(STAMPS)/python: pyproject.toml constraints.txt | $(STAMPS)/system
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check --constraint constraints.txt \
	    --config-settings wheel.cmake=false --editable '.[dev]'
	@touch $@

# Pip does not build the library here: it would compile in a folder of its own, and the tests would compile all again.
$(LIBRARY): $(NATIVE) | $(STAMPS)/system $(STAMPS)/python
	@$(call native,all)
	@cmake --install build/native --prefix j2klearn/native
	@touch $@

.PHONY: test-programs damage-programs

test-programs: setup ## run other programs on learned files (docs/programs.md); it unpacks those that are not there
	$(BIN)/python -m tests.support.programs
	$(BIN)/python -m pytest $(PARALLEL) -rs $(PYTEST_FLAGS) tests/interop/test_openjp2.py tests/interop/test_openjp2_lossless.py
	$(BIN)/python -m tests.support.pillow_suite

DAMAGED_FILES ?= 5000

damage-programs: setup sanitize ## read DAMAGED_FILES=5000 damaged files through that library, with sanitizers
	$(BIN)/python -m tests.support.openjp2_damage --count $(DAMAGED_FILES)
	$(BIN)/python -m tests.support.openjp2_damage --count $(DAMAGED_FILES) --opj-decompress

# Damaged copies of each seed. The native half is much quicker; the two halves run at the same time, for some ten seconds.
SMOKE_NATIVE ?= 200
SMOKE_PYTHON ?= 15

# The same build as that of `make sanitize`.
.PHONY: fuzz-smoke
fuzz-smoke: setup $(STAMPS)/system ## read damaged copies of the fuzzers' seeds, the same at every run; needs no Clang
	@mkdir -p build
	@$(call cmake,sanitize,-DCMAKE_BUILD_TYPE=Debug -DJ2KL_TESTS=ON -DJ2KL_SANITIZE=ON $(if $(CI),-DJ2KL_WERROR=ON)) \
	    --target j2kl_tests
	@J2KL_FUZZ_ROUNDS=$(SMOKE_NATIVE) UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1 build/sanitize/j2kl_tests fuzz & native=$$!; \
	    $(BIN)/python -m tests.fuzz.smoke --rounds $(SMOKE_PYTHON); status=$$?; wait $$native && exit $$status
