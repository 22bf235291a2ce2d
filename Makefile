# Everything that is done with this project. `make run` needs only Python 3.11+ and make.
SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
SERVICES := DATABASE_URL=$${DATABASE_URL:-postgres://postgres@127.0.0.1:5432/test} \
            REDIS_URL=$${REDIS_URL:-redis://127.0.0.1:6379/15}

.PHONY: run test test-services e2e html lighthouse gallery bench lint check audit lock messages css clean

run: .venv/base.done .env
	@$(BIN)/python manage.py migrate --verbosity 0
	@$(BIN)/python manage.py load_demo --once
	@echo
	@echo "Mailings is at http://127.0.0.1:8000 and what it mails at http://127.0.0.1:8000/outbox/"
	@echo "Ctrl-C stops it."
	@echo
	@$(BIN)/honcho start

test: .venv/dev.done
	$(BIN)/python -m pytest -m "not services" -n 2 --dist loadfile

# The same on PostgreSQL and Redis, but for what needs neither; then the drills of several consumers, and Exim,
# Postfix, OpenSMTPD and sendmail where `python -m bench.servers` has unpacked them, which have the machine to
# themselves.
# Each of the workers takes a database of its own, and a Redis database counted down from that of REDIS_URL.
test-services: .venv/dev.done
	$(SERVICES) $(BIN)/python -m pytest -m "not once and not alone" -n 2 --dist loadfile
	$(SERVICES) $(BIN)/python -m pytest -m "not once and alone"

# A browser walks through the real stack: web, consumer, mail catcher.
e2e: .venv/dev.done
	$(BIN)/python -m pytest e2e -n 2 --dist loadgroup --no-loadscope-reorder

# Every page by the Nu HTML checker; needs npm and Java.
html: .venv/dev.done
	npm ci --prefix e2e --no-audit --no-fund
	$(BIN)/python -m e2e.html

# Google's Lighthouse on the main pages, run as in production; needs npm, and nothing else that keeps the machine busy.
lighthouse: .venv/dev.done
	$(BIN)/python -m e2e.lighthouse

# Pictures of the pages, into docs/screens.
gallery: .venv/dev.done
	$(BIN)/python -m e2e.gallery

bench: .venv/dev.done
	$(SERVICES) $(BIN)/python -m bench

lint: .venv/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/bandit -q -c pyproject.toml -r .
	$(BIN)/djade --check --target-version 5.2 $$(git ls-files 'templates/*.html')
	$(BIN)/python -m pytest site_config/tests/test_templates.py
	DEBUG=True $(BIN)/mypy .
	DEBUG=True $(BIN)/lint-imports

check: .venv/dev.done
	DEBUG=True $(BIN)/python manage.py makemigrations --check --dry-run
	DEBUG=False SECRET_KEY=$$($(BIN)/python -c "import secrets; print(secrets.token_urlsafe(50))") \
	    SITE_URL=https://mail.example.com TRUSTED_PROXIES=1 $(BIN)/python manage.py check --deploy --fail-level WARNING

audit: .venv/dev.done
	$(BIN)/pip-audit --strict --require-hashes --disable-pip -r requirements/prod.txt

# Write the locked requirements anew from the .in files.
lock: .venv/dev.done
	for name in base prod dev; do \
	    $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	        --custom-compile-command "make lock" requirements/$$name.in -o requirements/$$name.txt; done

# Collect the strings to translate, and compile what is translated; needs gettext.
messages: .venv/dev.done
	DEBUG=True $(BIN)/python manage.py makemessages --locale ru --no-location --no-obsolete --ignore .venv --ignore var
	DEBUG=True $(BIN)/python manage.py compilemessages --locale ru --ignore .venv --ignore var

# Build static/css/bootstrap.css of the parts of Bootstrap that styles/bootstrap.scss names; needs Node and npm.
css:
	npm ci --prefix styles --no-audit --no-fund
	npm run build --prefix styles

clean:
	rm -rf .venv var

.venv/base.done: requirements/base.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Python 3.11 or newer is needed; name it: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv || \
	    { echo "Python's venv is missing; on Debian: apt install python3-venv"; exit 1; }
	@echo "Installing what the service runs on; once, and again when it changes …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/base.txt
	@touch $@

.venv/dev.done: requirements/dev.txt .venv/base.done
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

.env:
	@cp .env.sample .env
