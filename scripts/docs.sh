#!/usr/bin/env bash
# Builds the documentation into var/site. Only the first call needs a network: it installs MkDocs, as requirements-docs.lock pins it, into
# var/docs-venv. A warning (a link or heading that does not exist, a page that the navigation lacks) is an error.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
wanted=$(sha256sum requirements-docs.lock requirements-pip.lock)
if [[ $(cat var/docs-venv/installed 2>/dev/null) != "$wanted" ]]; then
  echo "Installing MkDocs into var/docs-venv"
  mkdir -p var
  rm -rf var/docs-venv
  "${SENDIT_PYTHON:-/usr/bin/python3}" -m venv var/docs-venv
  for lock in requirements-pip.lock requirements-docs.lock; do
    var/docs-venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install --progress-bar off --require-hashes -r "$lock"
  done
  echo "$wanted" >var/docs-venv/installed
fi
NO_MKDOCS_2_WARNING=1 var/docs-venv/bin/mkdocs build --strict --quiet
echo "The documentation is in var/site: open var/site/index.html; with search: python3 -m http.server --directory var/site"
