#!/usr/bin/env bash
# The proof work of the contracts that takes too long for the tests.
#
#   scripts/prove.sh [forge] [coverage] [slither] [halmos] [mutation]
#   default: all steps, in this order
#
#   forge     fuzz tests with 10,000 runs each, invariants with 512 runs of 128 calls each (profile `slow` of foundry.toml)
#   coverage  lines and branches of contracts/ that the forge tests reach: at least 99 % of each
#   slither   every finding has its answer in docs/security/slither.json, and every answer its finding
#   halmos    symbolic checks of the registry, each of which also has to fail on a contract weakened for it
#   mutation  a small change of FilingRegistry, OracleCommittee or PackedState that no test notices must be explained
#             (docs/security/mutation.md); the first 96 mutants of the order that it names, MUTANTS=2000 for all of them
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
FORGE=$(.venv/bin/python -c 'import sys; sys.path[0] = "."; from scripts.forge import find_forge; print(find_forge())')
mkdir -p build/forge

forge() { FOUNDRY_PROFILE=slow "$FORGE" test; }

coverage() {
  "$FORGE" coverage --report lcov --report-file build/forge/lcov.info >build/forge/coverage.log 2>&1 || {
    tail -n 40 build/forge/coverage.log >&2
    return 1
  }
  .venv/bin/python -m scripts.coverage_floor build/forge/lcov.info
}

slither() { scripts/slither.sh; }

halmos() { scripts/halmos.sh; }

mutation() { .venv/bin/python scripts/mutate.py --sample "${MUTANTS:-96}" --seed 1; }

[[ $# -gt 0 ]] || set -- forge coverage slither halmos mutation
for step in "$@"; do
  case $step in
    forge | coverage | slither | halmos | mutation) ;;
    *) printf "prove: unknown step '%s' (forge, coverage, slither, halmos, mutation)\n" "$step" >&2; exit 2 ;;
  esac
done
for step in "$@"; do
  started=$SECONDS
  echo "== prove $step"
  "$step"
  echo "== prove $step: ok, $((SECONDS - started)) s"
done
