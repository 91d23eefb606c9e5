#!/usr/bin/env bash
# Installs SendIt beside Debian's Orthanc (12 or 13), as root. Calling it again updates SendIt and leaves its configuration
# and data as they are; Orthanc is stopped meanwhile, since no worker may run with packages of two versions.
#
#   scripts/install.sh [--wheel FILE] [--prefix FOLDER] [answers of sendit init …]
#   scripts/install.sh --uninstall [--prefix FOLDER]
#
# Without --wheel, the wheel is built from this checkout; with it, this file needs nothing beside it.
# The answers (--project NAME --studies … --destination … --address … --profile …; `sendit init --help`) are for the
# first time: what is not given is asked. With --prefix everything goes below that folder, as the user who calls, and no
# package, user or service of the system is touched: for a trial, or another system's Orthanc.
# Uninstalling keeps what cannot be made again: the journal, the projects' keys, and the configuration (set aside).
set -euo pipefail

fail() {
  printf 'install: %s\n' "$@" >&2
  exit 1
}

explain() { sed -n '2,/^set /{s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}"; } # the comment at the top

prefix='' wheel='' uninstall=false answers=()
while (($#)); do
  case $1 in
    --prefix | --wheel | --project | --studies | --destination | --address | --profile) (($# > 1)) || fail "$1 needs a value" ;;&
    --prefix) prefix=$(realpath -m -- "$2"); shift 2 ;;
    --wheel) wheel=$(realpath -- "$2"); shift 2 ;;
    --uninstall) uninstall=true; shift ;;
    -h | --help) explain; exit ;;
    --project | --studies | --destination | --address | --profile) answers+=("$1" "$2"); shift 2 ;;
    --project=* | --studies=* | --destination=* | --address=* | --profile=*) answers+=("$1"); shift ;;
    *) fail "there is no option $1. See --help. Nothing was changed." ;;
  esac
done
home=$prefix/opt/sendit
configuration=$prefix/etc/orthanc
data=$prefix/var/lib/sendit
set_aside=$configuration/before-sendit
additions=$prefix/etc/systemd/system/orthanc.service.d # to Debian's unit
[[ -n $prefix ]] || ((EUID == 0)) || fail "this needs root: call it with sudo, or with --prefix FOLDER for a trial."

service() { # does nothing where the system has no such service, or is not to be touched
  [[ -z $prefix && -d /run/systemd/system ]] || return 0
  systemctl --quiet "$@" orthanc
}
read_units() {
  [[ -z $prefix && -d /run/systemd/system ]] || return 0
  systemctl daemon-reload
}

# --- Uninstall ---------------------------------------------------------------------------------------------------------
if $uninstall; then
  ((${#answers[@]} == 0)) || fail "--uninstall takes no ${answers[0]}"
  [[ -d $home ]] || fail "there is no SendIt in $home. Nothing was changed."
  service stop
  rm -rf "$home"
  if [[ -L $prefix/usr/local/bin/sendit ]]; then rm "$prefix/usr/local/bin/sendit"; fi
  rm -f "$additions/sendit.conf"
  if [[ -d $additions ]]; then rmdir --ignore-fail-on-non-empty "$additions"; fi
  read_units
  removed=$configuration/sendit-removed
  for file in "$configuration"/*.json "$configuration"/*.deid; do # with recipes: SendIt would not overwrite them later
    [[ -f $file ]] || continue
    mkdir -p "$removed"
    mv --backup=numbered "$file" "$removed"
  done
  if compgen -G "$set_aside/*.json" >/dev/null; then
    mv "$set_aside"/*.json "$configuration"
    rmdir "$set_aside"
    service start
  fi
  echo "SendIt is removed. Its journal and keys are still in $data, its configuration is in $removed."
  exit 0
fi

# --- Debian packages -----------------------------------------------------------------------------------------------------
if [[ -z $prefix ]]; then
  missing=()
  for package in orthanc orthanc-python python3-venv; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
  done
  # OpenCV, which text is found with, is linked with libraries of a desktop, which a server may lack.
  for library in libGL.so.1=libgl1 libgthread-2.0.so.0=libglib2.0-0 libxcb.so.1=libxcb1; do
    /sbin/ldconfig -p | grep -F "${library%=*} " >/dev/null || missing+=("${library#*=}")
  done
  if ((${#missing[@]})); then
    apt-get --quiet update
    DEBIAN_FRONTEND=noninteractive apt-get --quiet --yes --no-install-recommends install "${missing[@]}"
  fi
fi

# --- The wheel, and its packages in an environment of their own ----------------------------------------------------------
work=$(mktemp -d)
trap 'rm -rf "$work"; service start' EXIT # also after a failure: Orthanc receives, and SendIt says what is wrong
pip() { "$1" -m pip --disable-pip-version-check --no-input --quiet "${@:2}"; }
if [[ -z $wheel ]]; then
  checkout=$(realpath -- "$(dirname "${BASH_SOURCE[0]}")/..")
  [[ -f $checkout/pyproject.toml ]] || fail "this is not a checkout of SendIt: name its wheel with --wheel FILE."
  /usr/bin/python3 -m venv "$work/build"
  pip "$work/build/bin/python" install --require-hashes -r "$checkout/docker/requirements-build.lock"
  pip "$work/build/bin/python" wheel --no-deps --no-build-isolation --wheel-dir "$work" "$checkout"
  wheel=$(compgen -G "$work/*.whl")
fi
/usr/bin/python3 -m zipfile -e "$wheel" "$work/wheel"
locks=$(compgen -G "$work/wheel/*.data/data/share/sendit") || fail "$wheel is no wheel of SendIt."

version() { "$1" -c 'import sys; print(sys.version_info[:2])' 2>/dev/null; }
if [[ $(version "$home/bin/python") != "$(version /usr/bin/python3)" ]]; then # none yet, or of the Debian before
  rm -rf "$home"
  mkdir -p "$home"
  /usr/bin/python3 -m venv "$home"
fi
echo "Installing Python packages into $home (about a minute)"
service stop
pip "$home/bin/python" install --require-hashes -r "$locks/requirements-pip.lock"
pip "$home/bin/python" install --require-hashes -r "$locks/requirements.lock"
pip "$home/bin/python" install --no-deps --no-index --force-reinstall "$wheel"
mkdir -p "$prefix/usr/local/bin"
ln -sf "$home/bin/sendit" "$prefix/usr/local/bin/sendit"
install -D -m 644 "$home/share/sendit/orthanc.service.conf" "$additions/sendit.conf"
read_units

# --- Configuration -----------------------------------------------------------------------------------------------------
# Orthanc reads every file of the folder. Those of Debian's package would conflict: one loads another Python script.
owner=()
if [[ -z $prefix ]]; then owner=(-o orthanc -g orthanc); fi
install -d -m 700 "${owner[@]}" "$data" "$prefix/var/lib/orthanc/db"
mkdir -p "$configuration"
if grep -qs '"SendIt"' "$configuration"/*.json; then
  echo "$configuration has a configuration of SendIt already; it stays as it is."
else
  if compgen -G "$configuration/*.json" >/dev/null; then
    mkdir -p "$set_aside"
    mv "$configuration"/*.json "$set_aside"
    echo "Orthanc's configuration until now is in $set_aside."
  fi
  "$home/bin/sendit" init "$configuration" --data-directory "$data" "${answers[@]}" || {
    if [[ -d $set_aside ]]; then mv "$set_aside"/*.json "$configuration"; rmdir "$set_aside"; fi
    fail "no configuration was written. Call this again with other answers."
  }
  # The buttons in Orthanc Explorer 2, for whoever has it.
  install -m 644 "$home/share/sendit/orthanc-explorer-2.json" "$configuration"
fi

# --- Check, as the user that Orthanc runs as -------------------------------------------------------------------------------
doctor=("$home/bin/sendit" doctor --config "$configuration")
if [[ -z $prefix ]]; then doctor=(runuser -u orthanc -- "${doctor[@]}"); fi
# Orthanc is stopped now, so that its worker does not answer is as it should be.
found=$("${doctor[@]}" 2>&1) && sound=true || sound=false
printf '%s\n' "$found"
$sound || [[ $(grep '^wrong' <<<"$found") =~ ^wrong\ worker:[^$'\n']*$ ]] ||
  fail "SendIt is installed, with problems: mend what is listed above, then restart Orthanc."
service enable
if [[ -z $prefix ]]; then
  echo "SendIt is installed. Its pages: http://127.0.0.1:8042/sendit/"
else
  echo "SendIt is installed. To start it: Orthanc $configuration"
fi
