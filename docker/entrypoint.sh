#!/bin/sh
# Starts Orthanc with the configuration files or folders that are given. Refuses where one takes a password from a
# variable that is empty or not set: Orthanc itself would go on, with an empty password.
set -eu
for path; do
  [ -e "$path" ] || continue # an option of Orthanc's
  # shellcheck disable=SC2013 # a variable's name is one word
  for name in $(grep -rhoE '\$\{[A-Za-z0-9_]*PASSWORD' "$path" | cut -c 3- | sort -u); do
    if [ -z "$(printenv "$name")" ]; then
      echo "$name is empty or not set, and $path takes a password from it. Nothing is started." >&2
      exit 1
    fi
  done
done
exec Orthanc "$@"
