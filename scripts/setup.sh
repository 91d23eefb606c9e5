#!/usr/bin/env bash
# Installs what is missing: Debian packages, then the Python environment in .venv. Where nothing is missing, it does nothing.
#
#   scripts/setup.sh            what SendIt and its demonstration need
#   scripts/setup.sh --tests    and what the tests need besides (PostgreSQL, dicom3tools, orthanc-dicomweb, Chromium)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin  # Orthanc is in /usr/sbin, which a plain user of Debian does not search
python=${SENDIT_PYTHON:-/usr/bin/python3}   # Debian's own: orthanc-python is built against it

fail() {
  printf 'setup: %s\n' "$@" >&2
  exit 1
}

# --- Debian packages -------------------------------------------------------------------------------------------------
# Looked for by the file that is used, not by the package: Orthanc may have been installed in another way.
missing=()
need() {
  local package=$1
  shift
  "$@" >/dev/null 2>&1 || missing+=("$package")
}
need python3-venv "$python" -c 'import ensurepip, venv'
need orthanc command -v Orthanc
need orthanc-python test -e /usr/share/orthanc/plugins/libOrthancPython.so
need dcmtk command -v storescu
need curl command -v curl
# OpenCV, which text is found with, is linked with libraries of a desktop, which a server may lack.
library() { /sbin/ldconfig -p | grep -F "$1 "; }
need libgl1 library libGL.so.1
need libglib2.0-0 library libgthread-2.0.so.0
need libxcb1 library libxcb.so.1
need ca-certificates test -s /etc/ssl/certs/ca-certificates.crt
if [[ ${1:-} == --tests ]]; then
  need postgresql compgen -G '/usr/lib/postgresql/*/bin/initdb'
  need dicom3tools command -v dciodvfy
  need orthanc-dicomweb test -e /usr/share/orthanc/plugins/libOrthancDicomWeb.so
  need chromium-driver command -v chromedriver
fi

if ((${#missing[@]})); then
  echo "Installing Debian packages: ${missing[*]}"
  command -v apt-get >/dev/null ||
    fail "this is no Debian: there is no apt-get." "Install by your own means: ${missing[*]}; then call this again."
  if ((EUID == 0)); then
    scripts/apt-install.sh "${missing[@]}"
  elif command -v sudo >/dev/null && { [[ -t 0 ]] || sudo -n true 2>/dev/null; }; then
    sudo scripts/apt-install.sh "${missing[@]}"
  else
    fail "installing packages needs root, and there is no sudo to become it." \
      "As root, call: $PWD/scripts/apt-install.sh ${missing[*]}" "and then this again, as yourself."
  fi
fi
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' ||
  fail "$python is $("$python" -V 2>&1); SendIt needs Python 3.11 or newer (Debian 12 has it)." \
    "Name another one: SENDIT_PYTHON=/usr/bin/python3.12 make setup"

# --- The Python environment --------------------------------------------------------------------------------------------
# .venv/installed names what was put in: it is written last, so that an interrupted installation is taken up again.
wanted=$({
  sha256sum requirements-pip.lock requirements.lock pyproject.toml
  "$python" -c 'import sys; print(sys.version, sys.argv[1])' "$PWD"
} | sha256sum)
if [[ -x .venv/bin/python && $(cat .venv/installed 2>/dev/null) == "$wanted" ]] && .venv/bin/python -c '' 2>/dev/null; then
  exit 0
fi

mkdir -p var
exec 9>var/setup.lock
flock 9  # two set-ups at once would write into each other's environment
version() { "$1" -c 'import sys; print(sys.version_info[:2], sys.prefix if len(sys.argv) > 1 else "")' "${@:2}" 2>/dev/null; }
if [[ $(version .venv/bin/python) != "$(version "$python")" || $(version .venv/bin/python prefix) != *"$PWD/.venv"* ]]; then
  rm -rf .venv
  "$python" -m venv .venv
fi
echo "Installing Python packages into .venv (about a minute)"
pip() { .venv/bin/python -m pip --disable-pip-version-check --no-input --quiet "$@"; }
pip install --require-hashes --progress-bar off -r requirements-pip.lock  # scripts/lock.sh says why
pip install --require-hashes --progress-bar off -r requirements.lock
pip install --no-deps --no-build-isolation --editable .
echo "$wanted" >.venv/installed
