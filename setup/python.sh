#!/bin/sh
# Which Python makes .venv? The first on PATH that runs and is 3.11 or newer.
for name in python3 python3.14 python3.13 python3.12 python3.11; do
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
echo "Python 3.11 or newer is needed and not on PATH: apt-get install python3 python3-venv (Debian 12, Ubuntu 24.04 or newer)." >&2
exit 1
