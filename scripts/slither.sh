#!/usr/bin/env bash
# Slither's findings against their answers in docs/security/slither.json; see scripts/static_analysis.py.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x .venv-proof/bin/slither && -d node_modules/solc ]] || scripts/bootstrap.sh project node proof
# A Node.js that set-up had to bring is in .venv/bin.
PATH="$PWD/.venv/bin:$PATH" exec .venv-proof/bin/python scripts/static_analysis.py "$@"
