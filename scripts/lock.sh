#!/usr/bin/env bash
# Renews the lock files from pyproject.toml: every version that is allowed and newest, with its hashes, for Python 3.11
# and later. requirements.lock is for a checkout; the two in docker/ are for the image, without the tools of development.
# requirements-docs.lock is for the documentation (make docs).
# requirements-pip.lock is the pip that installs them: that of Debian 12 takes the newest release of what another package
# asks for with an extra (google-auth[pyopenssl]), not the one that is pinned, and then refuses it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
mkdir -p var
if [[ ! -x var/uv/bin/uv ]]; then
  "${SENDIT_PYTHON:-/usr/bin/python3}" -m venv var/uv
  var/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
fi

# What the project itself is built with: installed beforehand, so that no build fetches anything unlocked.
build=$'hatchling>=1.25\neditables>=0.5'

compile() {
  local out=$1
  shift
  # --no-config: neither a developer's own uv settings nor their indexes may get into the file. It is made anew each
  # time: uv would keep the versions of a file that is there.
  var/uv/bin/uv pip compile --quiet --no-config --universal --python-version 3.11 --only-binary :all: \
    --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --output-file "$out.new" "$@"
  {
    printf '# Made by "make lock" from pyproject.toml; do not edit.\n'
    grep -v '^--' "$out.new"
  } >"$out"
  rm "$out.new"
  if grep -nE '://|^ *--(index|extra|find)|/home/|/tmp/' "$out"; then
    echo "lock: $out names a place of this machine" >&2
    exit 1
  fi
}
compile requirements.lock --extra dev pyproject.toml - <<<"$build"
compile docker/requirements.lock pyproject.toml
compile docker/requirements-build.lock - <<<"$build"
compile requirements-pip.lock - <<<"pip"
# Of the extra alone: the documentation is built without SendIt.
compile requirements-docs.lock - < <("${SENDIT_PYTHON:-/usr/bin/python3}" -c \
  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["project"]["optional-dependencies"]["docs"], sep="\n")')
