#!/usr/bin/env bash
# Writes requirements/*.txt: every package of every environment, for Python 3.11 to 3.13 on any platform, with hashes
# and without the address of any index. Versions stay as they are where they still fit; --upgrade takes the newest.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
UV_VERSION=0.13.9

# Settings of this machine must not reach the locks.
for name in $(compgen -e | grep -E '^(UV|PIP)_' || true); do
  [[ $name == *_CERT ]] || unset "$name"
done

if command -v uv >/dev/null; then
  uv=(uv)
else
  if [[ ! -x build/lock-venv/bin/uv ]]; then
    scripts/bootstrap.sh project
    echo "[lock] uv $UV_VERSION into build/lock-venv" >&2
    .venv/bin/python -m venv build/lock-venv
    build/lock-venv/bin/python -m pip install --quiet "uv==$UV_VERSION"
  fi
  uv=(build/lock-venv/bin/uv)
fi

lock() { # NAME ARGUMENTS...
  local file=requirements/$1.txt
  shift
  "${uv[@]}" pip compile --quiet --no-config --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
    --custom-compile-command 'make lock' --output-file "$file" "${upgrade[@]}" "$@" >/dev/null
  if grep -nE '://|^--' "$file" >&2; then
    echo "[lock] $file names an address or an index; see the lines above" >&2
    exit 1
  fi
  echo "[lock] $file: $(grep -cE '^[A-Za-z0-9].*==' "$file") packages" >&2
}

upgrade=("$@")
lock service pyproject.toml --all-extras --group dev
lock brownie pyproject.toml --group brownie
lock node requirements/node.in
lock proof requirements/proof.in
