#!/usr/bin/env bash
# Does it work for a newcomer? Makes a fresh Debian in a folder, puts a clone of this checkout's last commit into it, and
# runs commands there; without commands: ONESHOT=1 make run, then make test. As root, with debootstrap installed.
#
#   scripts/fresh.sh bookworm
#   scripts/fresh.sh trixie make setup
#
#   FRESH_BASE=DIR       copy this debootstrap instead of making one (DIR itself is left as it is)
#   FRESH_ROOT=DIR       where to make it, and keep it; otherwise a temporary folder
#   FRESH_PREPARE=FILE   a script called with the new root's path, for what a machine needs: certificates, a mirror, a proxy
#   FRESH_PASS="A B"     environment variables that the commands get; they get no others
#   DEBIAN_MIRROR=URL    for debootstrap
set -euo pipefail
checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

usage() {
  sed -n '2,/^set -e/{/^#/s/^# \{0,1\}//p}' "${BASH_SOURCE[0]}" >&2
  exit 2
}
(($#)) || usage
suite=$1
shift
[[ $suite =~ ^[a-z]+$ ]] || usage
((EUID == 0)) || { echo "fresh: needs root, for chroot" >&2; exit 1; }
if (($#)); then command=$(printf '%q ' "$@"); else command='ONESHOT=1 make run && make test'; fi

if [[ -n ${FRESH_ROOT:-} ]]; then
  root=$FRESH_ROOT
  [[ ! -e $root ]] || { echo "fresh: $root exists; name another folder or remove it" >&2; exit 1; }
else
  root=$(mktemp -d "${TMPDIR:-/tmp}/fresh-$suite.XXXXXX")
  # One filesystem only: should something still be mounted in there, it is not emptied.
  trap 'rm -rf --one-file-system "$root"' EXIT
  trap 'exit 143' INT TERM HUP  # for a signal alone, bash does not come to what stands under EXIT
fi

if [[ -n ${FRESH_BASE:-} ]]; then
  mkdir -p "$root"
  cp --archive "$FRESH_BASE/." "$root"
else
  debootstrap --variant=minbase --include=ca-certificates "$suite" "$root" \
    "${DEBIAN_MIRROR:-http://deb.debian.org/debian}"
fi
cp -L /etc/resolv.conf "$root/etc/resolv.conf"
if [[ -n ${FRESH_PREPARE:-} ]]; then "$FRESH_PREPARE" "$root"; fi
git clone --quiet --no-hardlinks "$checkout" "$root/root/sendit"
git -C "$root/root/sendit" log -1 --format='fresh: %h %s'

variables=(HOME=/root LANG=C.UTF-8 "TERM=${TERM:-dumb}" PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
for name in ${FRESH_PASS:-}; do
  if [[ -v $name ]]; then variables+=("$name=${!name}"); fi
done

# In namespaces of its own: when the commands end, every process they left ends and every mount is gone.
unshare --mount --pid --fork --kill-child --propagation private bash -euo pipefail -s "$root" "$command" "${variables[@]}" <<'END'
root=$1 command=$2
shift 2
mount -t proc proc "$root/proc"
mount -t sysfs -o ro sysfs "$root/sys"
mount -t tmpfs -o mode=1777 tmpfs "$root/dev/shm"
mount -t devpts -o newinstance,ptmxmode=0666 devpts "$root/dev/pts"
inside() { chroot "$root" env -i "$@" </dev/null; }
# What a newcomer has before cloning.
inside "$@" DEBIAN_FRONTEND=noninteractive sh -c \
  'apt-get -q update && apt-get -qy -o Dpkg::Use-Pty=0 install --no-install-recommends git make' >"$root/root/prerequisites.log"
echo "fresh: $command"
start=$SECONDS
status=0
inside "$@" bash -c "cd /root/sendit && $command" || status=$?
echo "fresh: exit $status after $((SECONDS - start)) s; left running:"
# Of this PID namespace, without this shell and what it starts.
for process in /proc/[0-9]*; do
  [[ $(readlink "$process/root" 2>/dev/null) == "$root" ]] && tr '\0' ' ' <"$process/cmdline" && echo
done
exit $status
END
