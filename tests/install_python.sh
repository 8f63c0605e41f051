#!/usr/bin/env bash
# Makes the Python environment of the tests (PyTorch, torchvision and the peers of the benchmarks, 5 GB) in
# the cache folder, once, and prints the path of its interpreter.
#
# PRETEXT_CACHE  as for deploy/install_dependencies.sh.
set -euo pipefail
cd "$(dirname "$0")"

venv="${PRETEXT_CACHE:-$HOME/.cache/pretext}/python"
stamp="$(sha256sum python_requirements.txt | cut -d' ' -f1)"
mkdir -p "$(dirname "$venv")"
exec 9> "$venv.lock"
flock 9
if [ "$(cat "$venv/.stamp" 2> /dev/null || true)" != "$stamp" ]; then
  echo "install: fetching PyTorch for Python and the peers (5 GB, a few minutes) into $venv" >&2
  rm -rf "$venv"
  /usr/bin/python3 -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --no-cache-dir --disable-pip-version-check \
    --requirement python_requirements.txt >&2
  printf '%s\n' "$stamp" > "$venv/.stamp"
fi
echo "$venv/bin/python"
