"""What of OpenWrt's shell a package meets, in few lines: rc.common, procd's calls, opkg's steps.

There is no OpenWrt to be had; these do what its own scripts do to a package with an init script, a user and
conffiles.
"""

FUNCTIONS = r"""
add_user() {  # USER:GROUP of Require-User
	local user=${1%:*} group=${1#*:}
	grep -q "^$group:" /etc/group || echo "$group:x:32768:" >> /etc/group
	grep -q "^$user:" /etc/passwd || echo "$user:x:32768:32768:$user:/var/run/$user:/bin/false" >> /etc/passwd
}

default_postinst() {
	local name=$(basename "${1%.*}") user script
	for user in $(sed -n 's/^Require-User: *//p' "/usr/lib/opkg/info/$name.control"); do
		add_user "$user"
	done
	for script in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$name.list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$script" enable
		"$script" start
	done
}

default_prerm() {
	local name=$(basename "${1%.*}") script
	for script in $(grep '^/etc/init.d/' "/usr/lib/opkg/info/$name.list"); do
		[ "$PKG_UPGRADE" = 1 ] || "$script" disable
		"$script" stop
	done
}
"""
"""/lib/functions.sh: what postinst and prerm of a package call."""

RC_COMMON = r"""#!/bin/sh
. /lib/functions.sh
initscript=$1
action=${2:-help}
shift 2
name=$(basename "$initscript")
start_service() { :; }
service_triggers() { :; }
. "$initscript"
. /lib/functions/procd.sh
start() { start_service "$@"; }
boot() { start "$@"; }
stop() { procd_kill "$name"; }
restart() { stop; start; }
reload() { reload_service "$@"; }
enable() { for place in "S$START" "K$STOP"; do ln -sf "../init.d/$name" "/etc/rc.d/$place$name"; done; }
disable() { rm -f "/etc/rc.d/S$START$name" "/etc/rc.d/K$STOP$name"; }
$action "$@"
"""
"""/etc/rc.common, the interpreter of init scripts."""

PROCD = r"""
procd_open_instance() { procd_tries=0; }
procd_set_param() {
	case $1 in
	command) shift; printf '%s\n' "$@" > "/var/run/$name.command" ;;
	respawn) procd_tries=$4 ;;
	esac
}
procd_close_instance() {
	set -- "/var/run/$name.command" "$procd_tries"
	start-stop-daemon -S -b -m -p "/var/run/$name.procd" -x /sbin/supervise -- "$@"
}
procd_running() { start-stop-daemon -K -q -t -p "/var/run/$1.procd"; }
procd_kill() { start-stop-daemon -K -q -p "/var/run/$1.procd" && rm -f "/var/run/$1.procd"; }
procd_send_signal() { start-stop-daemon -K -q -s "$3" -p "/var/run/$1.procd"; }
procd_add_reload_trigger() { :; }
"""
"""/lib/functions/procd.sh: an instance is a ``supervise`` in the background. ``stop`` does not wait."""

SUPERVISE = r"""#!/bin/sh
# Runs a command, a line a word, again and again, or so many times (0: for ever).
# TERM ends both, HUP is passed on.
tries=$2
IFS='
'
stopping=
trap 'stopping=1; kill -TERM $child' TERM
trap 'kill -HUP $child' HUP
while [ ! "$stopping" ]; do
	$(cat "$1") 2>> /var/log/stderr &
	child=$!
	while kill -0 $child 2> /dev/null; do wait $child; done
	[ "$stopping" ] || sleep 1
	[ $((tries -= 1)) != 0 ] || exit 0
done
"""

OPKG = r"""#!/bin/sh
# opkg install FILE..., opkg remove NAME: the steps of opkg, for packages without preinst and postrm.
set -e
info=/usr/lib/opkg/info

digest() { md5sum < "$1" | cut -d ' ' -f 1; }

install() {
	tmp=$(mktemp -d)
	tar -xzf "$1" -C "$tmp"
	mkdir "$tmp/control"
	tar -xzf "$tmp/control.tar.gz" -C "$tmp/control"
	name=$(sed -n 's/^Package: //p' "$tmp/control/control")
	for wanted in $(sed -n 's/^Depends: //p' "$tmp/control/control" | tr -d ,); do
		[ -f "$info/$wanted.control" ] || { echo "$name depends on $wanted" >&2; return 1; }
	done
	upgrade=
	if [ -f "$info/$name.control" ]; then
		upgrade=1
		PKG_UPGRADE=1 "$info/$name.prerm" upgrade
		mv "$info/$name.list" "$tmp/old.list"
		cp "$info/$name.md5" "$tmp/old.md5"
	fi
	mkdir "$tmp/data"
	tar -xzf "$tmp/data.tar.gz" -C "$tmp/data"
	: > "$info/$name.md5"
	for path in $(cat "$tmp/control/conffiles" 2> /dev/null); do
		echo "$(digest "$tmp/data$path") $path" >> "$info/$name.md5"
		# A file that its owner has changed stays; the new one is put beside it.
		if [ -f "$path" ] && ! grep -qs "^$(digest "$path") $path$" "$tmp/old.md5"; then
			cp -p "$tmp/data$path" "$path-opkg"
			cp -p "$path" "$tmp/data$path"
		fi
	done
	(cd "$tmp/data" && find . ! -type d | sed 's/^\.//' | sort) > "$info/$name.list"
	cp -a "$tmp/data/." /
	if [ "$upgrade" ]; then
		grep -vxFf "$info/$name.list" "$tmp/old.list" | while read -r path; do rm -f "$path"; done
	fi
	for part in control conffiles postinst prerm; do
		[ ! -f "$tmp/control/$part" ] || cp -p "$tmp/control/$part" "$info/$name.$part"
	done
	rm -r "$tmp"
	PKG_UPGRADE=$upgrade "$info/$name.postinst" configure
}

remove() {
	"$info/$1.prerm" remove
	while read -r path; do
		known=$(sed -n "s, $path$,,p" "$info/$1.md5")
		if [ "$known" ] && [ -f "$path" ] && [ "$known" != "$(digest "$path")" ]; then
			echo "not deleting changed conffile $path"
			continue
		fi
		rm -f "$path"
		# Folders that this leaves empty; a folder of the system never is.
		while path=$(dirname "$path") && [ "$path" != / ] && rmdir "$path" 2> /dev/null; do :; done
	done < "$info/$1.list"
	rm -f "$info/$1".*
}

action=$1
shift
for one in "$@"; do $action "$one"; done
"""
"""/bin/opkg."""

INIT = r"""#!/bin/sh
# What is done at boot before services, then the services.
mkdir -p /var/run /var/lock /var/log /var/lib
syslogd -O /var/log/messages
for script in /etc/rc.d/S*; do [ ! -x "$script" ] || "$(readlink -f "$script")" boot; done
: > /var/run/booted
while :; do sleep 1; done
"""
"""/sbin/init."""
