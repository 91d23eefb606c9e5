#!/usr/bin/env bash
# The environment of the tools that the benchmarks compare with: var/bench-venv. Their versions are those of
# pyproject.toml's extras `bench` and `bench-data`; what they need is held to the versions of requirements.lock. Tesseract is Debian's.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
if ! command -v tesseract >/dev/null; then
  if ((EUID == 0)); then scripts/apt-install.sh tesseract-ocr; else
    echo "Without Tesseract the text benchmark leaves it out: apt-get install tesseract-ocr" >&2
  fi
fi
wanted=$(sha256sum pyproject.toml requirements.lock)
if [[ $(cat var/bench-venv/installed 2>/dev/null) == "$wanted" ]]; then
  exit 0
fi
echo "Installing the tools to compare with into var/bench-venv"
mkdir -p var
rm -rf var/bench-venv
"${SENDIT_PYTHON:-/usr/bin/python3}" -m venv var/bench-venv
grep -oE '^[a-z0-9-]+==[^ ]+( ; [^\\]+)?' requirements.lock >var/bench-venv/constraints.txt
.venv/bin/python - >var/bench-venv/requirements.txt <<'END'
import tomllib
with open("pyproject.toml", "rb") as file:
    extras = tomllib.load(file)["project"]["optional-dependencies"]
print("\n".join(extras["bench"] + extras["bench-data"]))
END
var/bench-venv/bin/python -m pip --disable-pip-version-check --no-input --quiet install --progress-bar off \
  -c var/bench-venv/constraints.txt -r var/bench-venv/requirements.txt
echo "$wanted" >var/bench-venv/installed
