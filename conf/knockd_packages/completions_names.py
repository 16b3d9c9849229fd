"""Shell lines that print names a user may want: of doors, of profiles, of interfaces. The same in all shells.

They start no Python: a TAB waits for them.

Pure.
"""

from __future__ import annotations

MADE = "# Made by python -m knockd_packages.completions from the program's own parser."

_SECTIONS = r"sed -n 's/^[[:space:]]*\[[[:space:]]*\([^]:[:space:]]*\).*/\1/p'"
"""The name of each section; of ``[child:parent]`` the child's."""

CONFIG_HOME = '"${XDG_CONFIG_HOME:-$HOME/.config}"'
"""Where users have settings, as bash and zsh say it."""

COMMANDS = {
    "door": f"{_SECTIONS} /etc/knockd.conf 2>/dev/null | grep -vix options",
    "profile": f"{_SECTIONS} {CONFIG_HOME}/knock/config 2>/dev/null",
    "interface": "ls /sys/class/net 2>/dev/null",
}
"""By the kind of value: prints a name a line, and nothing where a file cannot be read."""
