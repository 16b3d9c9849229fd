"""What a unit of systemd keeps from the commands of doors, read from the text of its files.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from knockd_conf.classes import NamedTuple

_YES = frozenset({"yes", "true", "on", "1"})
_HOMES = ("/home", "/root", "/run/user")
_TEMPORARY = ("/tmp", "/var/tmp")
_SYSTEM: Final = ("/usr", "/boot", "/efi")

SERVICE_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""Where services find programs, unless they are told otherwise (systemd.exec(5), Environment)."""

RAISERS: Final = frozenset({"sudo", "su", "doas", "pkexec", "runuser"})
"""Programs that start another one as another user."""


class Sandbox(NamedTuple):
    """The settings of a unit that matter to commands (systemd.exec(5)); ``path`` is that of its file."""

    path: str
    protect_home: str = "no"
    private_tmp: bool = False
    no_new_privileges: bool = False
    protect_system: str = "no"
    writable: tuple[str, ...] = ()
    protect_tunables: bool = False

    def hides(self, path: str) -> str | None:
        """The setting that hides a file, None when it is to be seen."""
        if self.protect_home in ("yes", "tmpfs") and _is_below(path, _HOMES):
            return f"ProtectHome={self.protect_home}"
        return "PrivateTmp=yes" if self.private_tmp and _is_below(path, _TEMPORARY) else None

    def keeps_from_writing(self, path: str) -> str | None:
        """The setting that keeps a file from being written, None when it can be."""
        if self.protect_home != "no" and _is_below(path, _HOMES):
            return f"ProtectHome={self.protect_home}"
        if self.protect_tunables and _is_below(path, ("/proc/sys", "/sys")):
            return "ProtectKernelTunables=yes"
        if _is_below(path, (*self.writable, "/dev", "/proc")) or (
            self.private_tmp and _is_below(path, _TEMPORARY)
        ):
            return None
        below = {"strict": ("/",), "full": (*_SYSTEM, "/etc"), "yes": _SYSTEM}.get(self.protect_system, ())
        return f"ProtectSystem={self.protect_system}" if _is_below(path, below) else None


def read_sandbox(path: str, texts: Iterable[str]) -> Sandbox:
    """The sandbox of the unit in ``path`` from its text and those of its drop-ins, in their order."""
    said: dict[str, str] = {}
    writable: list[str] = []
    for text in texts:
        for line in text.replace("\\\n", " ").splitlines():
            name, equals, value = (part.strip() for part in line.partition("="))
            if not equals or name.startswith(("#", ";")):
                continue
            said[name] = value.lower()
            if name == "ReadWritePaths":
                writable = [*writable, *value.split()] if value else []
            elif name in _DIRECTORIES:
                writable += (f"{_DIRECTORIES[name]}/{one}" for one in value.split())
    return Sandbox(
        path,
        protect_home=_word(said.get("ProtectHome", "no")),
        private_tmp=_word(said.get("PrivateTmp", "no")) != "no",
        no_new_privileges=_word(said.get("NoNewPrivileges", "no")) == "yes",
        protect_system=_word(said.get("ProtectSystem", "no")),
        writable=tuple(one.lstrip("-+") for one in writable),
        protect_tunables=_word(said.get("ProtectKernelTunables", "no")) == "yes",
    )


_DIRECTORIES = {
    "StateDirectory": "/var/lib",
    "RuntimeDirectory": "/run",
    "LogsDirectory": "/var/log",
    "CacheDirectory": "/var/cache",
    "ConfigurationDirectory": "/etc",
}


def _word(value: str) -> str:
    return "yes" if value in _YES else "no" if value in ("", "no", "false", "off", "0") else value


def _is_below(path: str, folders: Iterable[str]) -> bool:
    return any(path == folder or path.startswith(f"{folder.rstrip('/')}/") for folder in folders)
