#!/usr/bin/env bash
# As root: installs Debian packages without letting their services start.
#
# Debian's orthanc starts a server on ports 8042 and 4242, and postgresql makes and starts a cluster on 5432. SendIt's
# demonstration and tests start servers of their own. A service that was installed before is left exactly as it is.
set -euo pipefail
((EUID == 0)) || { echo "apt-install: needs root" >&2; exit 1; }
(($#)) || { echo "apt-install: name the packages" >&2; exit 1; }
export DEBIAN_FRONTEND=noninteractive
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

policy=/usr/sbin/policy-rc.d
policy_before=$policy.before-sendit
clusters=/etc/postgresql-common/createcluster.conf
clusters_before=$clusters.before-sendit

installed() { [[ $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

restore() {
  if grep -qs 'scripts/apt-install.sh' "$policy"; then rm -f "$policy"; fi
  if [[ -e $policy_before ]]; then mv "$policy_before" "$policy"; fi
  if [[ -e $clusters_before ]]; then mv "$clusters_before" "$clusters"; fi
}
trap restore EXIT
trap 'exit 130' INT TERM HUP
restore  # what a run that was killed left behind

# /usr/sbin/policy-rc.d is asked by every package before it starts or restarts a service: 101 means no.
if [[ -e $policy ]]; then mv "$policy" "$policy_before"; fi
cat >"$policy" <<END
#!/bin/sh
# Made by SendIt's scripts/apt-install.sh, for the time of one installation.
case "\$1" in orthanc|orthanc.service|postgresql*) exit 101 ;; esac
if [ -x $policy_before ]; then exec $policy_before "\$@"; fi
exit 0
END
chmod 755 "$policy"

apt() { apt-get --quiet --yes --no-install-recommends -o Dpkg::Use-Pty=0 "$@"; }
apt-get --quiet update || echo "apt-install: apt-get update failed; going on with the lists that are there" >&2

if printf '%s\n' "$@" | grep -qx postgresql && ! installed postgresql-common; then
  apt install postgresql-common
  cp --preserve "$clusters" "$clusters_before"
  sed -i 's/^#\? *create_main_cluster *=.*/create_main_cluster = false/' "$clusters"
fi
orthanc_is_new=true
if installed orthanc; then orthanc_is_new=false; fi

apt install "$@"

# The package enables its service for the next start of the machine.
if $orthanc_is_new && installed orthanc; then
  if command -v systemctl >/dev/null; then systemctl --quiet disable orthanc.service || true; fi
  if command -v update-rc.d >/dev/null; then update-rc.d orthanc disable || true; fi
  echo "Debian's own Orthanc service is installed but off: systemctl enable --now orthanc would start it."
fi
