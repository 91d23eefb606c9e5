#!/usr/bin/env bash
# Puts SendIt with a Python of its own into a folder that works wherever it is copied: for an Orthanc of another system,
# whose Python is another one or none, such as the image orthancteam/orthanc (docker/orthancteam).
#
#   scripts/portable.sh FOLDER WHEEL
#
# Python and the libraries are those of the Debian that it is called on; what it is copied to needs a C library (glibc) that is
# as new. FOLDER/sendit_plugin.py is what Orthanc's PythonScript names, FOLDER/bin/sendit is the command.
set -euo pipefail

fail() {
  printf 'portable: %s\n' "$@" >&2
  exit 1
}

(($# == 2)) || fail "call it as: scripts/portable.sh FOLDER WHEEL"
folder=$(realpath -m -- "$1") wheel=$(realpath -- "$2")
[[ ! -e $folder ]] || fail "$folder is there already: name a new folder."
[[ -f $wheel ]] || fail "$wheel is not there: build the wheel first (pip wheel --no-deps .)."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# --- Python and its standard library: where the program and lib/python3.x stand beside each other, it finds them -----------
program=$(realpath /usr/bin/python3)
library=/usr/lib/${program##*/}
mkdir -p "$folder/bin" "$folder/lib" "$folder/python/bin" "$folder/python/lib"
cp "$program" "$folder/python/bin/"
ln -s "${program##*/}" "$folder/python/bin/python3"
cp -a "$library" "$folder/python/lib/"
# What only developers need; what Debian has outside of this folder; and its mark that packages are apt's alone.
(cd "$folder/python/lib/${program##*/}" && rm -rf config-* dist-packages ensurepip idlelib lib2to3 sitecustomize.py test EXTERNALLY-MANAGED)

# --- SendIt with the locked packages ------------------------------------------------------------------------------------
/usr/bin/python3 -m venv "$work/pip"
"$work/pip/bin/python" -m zipfile -e "$wheel" "$work/wheel"
shared=$(compgen -G "$work/wheel/*.data/data/share/sendit") || fail "$wheel is no wheel of SendIt."
pip() { "$work/pip/bin/python" -m pip --python "${1:?}" --disable-pip-version-check --no-input --quiet "${@:2}"; }
pip "$work/pip/bin/python" install --require-hashes -r "$shared/requirements-pip.lock"
pip "$folder/python/bin/python3" install --no-warn-script-location --require-hashes -r "$shared/requirements.lock"
pip "$folder/python/bin/python3" install --no-warn-script-location --no-deps --no-index "$wheel"
cp "$shared/sendit_plugin.py" "$shared/orthanc-explorer-2.json" "$folder/"

# --- Libraries of the system that these are linked with, but the C library: that is of the system it will run on ------------
linked=$(find "$folder/python" -type f \( -name '*.so' -o -name '*.so.*' -o -path '*/bin/python3*' \) -exec ldd {} + 2>/dev/null)
of_c=$(dpkg --listfiles libc6)
awk '$2 == "=>" && $3 ~ /^\// {print $3}' <<<"$linked" | sort -u | while read -r file; do
  [[ $file == "$folder"/* ]] || grep "/${file##*/}\$" <<<"$of_c" >/dev/null || cp -L "$file" "$folder/lib/"
done

# --- Programs that find all that from where they are -------------------------------------------------------------------------
cat >"$folder/bin/python" <<'EOF'
#!/bin/sh
# SendIt's own Python, with its own libraries, wherever this folder is.
here=$(dirname "$(dirname "$(readlink -f "$0")")")
LD_LIBRARY_PATH=$here/lib PYTHONNOUSERSITE=1 exec "$here/python/bin/python3" "$@"
EOF
for name in sendit sendit-verify; do
  script=$(compgen -G "$folder/python/local/bin/$name" || compgen -G "$folder/python/bin/$name")
  cat >"$folder/bin/$name" <<EOF
#!/bin/sh
here=\$(dirname "\$(readlink -f "\$0")")
exec "\$here/python" "\$here/..${script#"$folder"}" "\$@"
EOF
done
chmod 755 "$folder"/bin/*
chmod -R go-w,go+rX "$folder"
# What a library is missing for is either not used (windows on a screen), or missed here.
"$folder/bin/python" -c 'from sendit.pipeline.pool.pixel_tools import check_text_detection; check_text_detection()' ||
  fail "text detection does not work: apt-get install libgl1 libglib2.0-0 libxcb1, then call this again in another folder."
"$folder/bin/sendit" --version >/dev/null || fail "the command does not work in $folder."
du -sh "$folder"
