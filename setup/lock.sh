#!/bin/sh
# How do requirements*.txt come about? From the exact pins of pyproject.toml: what those need, for every Python from 3.11
# on and every platform, each file with its hashes. The files name no registry, so that a mirror serves as well.
set -eu
tool=build/lock
python3=.venv/bin/python
[ -x "$tool/bin/uv" ] || { "$python3" -m venv "$tool" && "$tool/bin/pip" install --quiet 'uv==0.13.9'; }
pin() {
    "$tool/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes \
        --no-header --no-emit-index-url --no-emit-find-links "$@" pyproject.toml
}
pin --output-file requirements.txt
pin --extra dev --constraint requirements.txt --output-file requirements-dev.txt
pin --extra gtts --output-file requirements-gtts.txt
pin --extra kafka --constraint requirements.txt --output-file requirements-kafka.txt
if grep -nE '://|^(--|-e|/|\.)' requirements*.txt; then
    echo "requirements*.txt must not name an address or a folder (the lines above)." >&2
    exit 1
fi
