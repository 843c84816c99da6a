# Every target sets up the virtual environment when it is missing or older than the lock file.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LITELLM ?= .venv-litellm
DEMO ?= out/demo
NAME ?=
DATA ?=

.PHONY: demo demo-litellm test check bench lock clean

demo: $(READY)
	@$(BIN)/python -m dataflows.main simulate closed-loop --loop --out $(DEMO) --force --verify
	@echo "what next:   open the page; then copy connectors/worlds/closed_loop.yaml and make it yours,"
	@echo "             or receive your own telemetry:"
	@echo "             OPTIMIZER_INPUT__OTLP_HTTP_PORT=4318 $(BIN)/llm-optimizer run --config config.example.yaml"

# The loop around a real LiteLLM proxy with mocked models: no key, no database, about five minutes.
demo-litellm: $(READY) $(LITELLM)/.ready
	@$(BIN)/python -m dataflows.live_demo --litellm $(LITELLM)/bin/litellm --out $(DEMO)-litellm

test: $(READY)
	$(BIN)/python -m pytest --cov --cov-report=term --cov-fail-under=90

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/python -m pytest -m "not slow" -x -n auto --dist worksteal --hypothesis-profile quick

bench: $(READY)
	$(BIN)/python -m tests.benchmarks $(NAME) $(if $(DATA),--data $(DATA))

# uv installs in seconds where it is present; plain pip does the same.
$(READY): requirements.lock pyproject.toml
	@python=$$(command -v python3.12 || command -v python3.11 || command -v python3); \
	for each in python3.12 python3.11 python3; do \
	  if $$each -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13))' 2>/dev/null; \
	  then python=$$each; found=yes; break; fi; done; \
	if [ -z "$$found" ]; then echo "Python 3.11 or 3.12 is needed (bytewax has no newer wheels)"; exit 1; fi; \
	[ -x $(BIN)/python ] || $$python -m venv $(VENV)
	@if command -v uv >/dev/null; then uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@if command -v uv >/dev/null; then uv pip install --quiet --no-deps --python $(BIN)/python -e .; \
	else $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .; fi
	@touch $(READY)

# The proxy's own environment: LiteLLM pins much that we do not.
$(LITELLM)/.ready: deploy/litellm/requirements.lock | $(READY)
	@echo "installing LiteLLM into $(LITELLM) (once)"
	@[ -x $(LITELLM)/bin/python ] || $(BIN)/python -m venv $(LITELLM)
	@if command -v uv >/dev/null; then uv pip sync --quiet --require-hashes --python $(LITELLM)/bin/python $<; \
	else $(LITELLM)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<; fi
	@touch $@

# The locks serve Python 3.11 and 3.12; they carry hashes and no addresses. The second is the image's:
# nothing that only tests need. The third is a LiteLLM proxy's with our plugin in it.
lock:
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --extra columns --extra kafka --extra openfeature --extra dev pyproject.toml \
	  -o requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --extra columns --extra kafka pyproject.toml -o deploy/requirements.lock
	uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate --no-header \
	  --no-emit-index-url --extra litellm pyproject.toml -o deploy/litellm/requirements.lock

clean:
	rm -rf $(VENV) .venv-litellm out data build *.egg-info .mypy_cache .ruff_cache .coverage
