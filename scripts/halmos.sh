#!/usr/bin/env bash
# The symbolic checks of the contracts, and that each of them can fail; see scripts/symbolic_checks.py.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
[[ -x .venv-proof/bin/halmos && -d node_modules/solc ]] || scripts/bootstrap.sh project node proof
# A Node.js that set-up had to bring is in .venv/bin.
PATH="$PWD/.venv/bin:$PATH" exec .venv-proof/bin/python scripts/symbolic_checks.py "$@"
