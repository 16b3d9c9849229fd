"""What may be found on a host, how much it matters, and what was looked at.

docs/doctor.md has a row for each kind; a test holds it to the table here.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import Enum

from knockd_conf.classes import NamedTuple
from knockd_conf.errors import Note


class Severity(Enum):
    """How much a finding matters. A note is nothing that is wrong."""

    LOCKS_OUT = "locks out"
    WEAK = "weak"
    NOTE = "note"


_OUT, _WEAK, _NOTE = Severity.LOCKS_OUT, Severity.WEAK, Severity.NOTE

KINDS: Mapping[str, tuple[Severity, str]] = {
    "config-bad": (
        _OUT,
        "The configuration cannot be used: a restart fails, or goes on with the last good one.",
    ),
    "config-writable": (
        _WEAK,
        "Others than root can change a file of the configuration, and so run commands as root.",
    ),
    "config-readable": (_WEAK, "Everybody on this host can read the sequences."),
    "config-note": (_NOTE, "What `knockd -t` says of the configuration."),
    "door-shut": (_OUT, "No knock opens a door: its last day is over, or Allow and Deny leave nobody."),
    "no-interface": (
        _OUT,
        "An interface that is asked for is not there, or no interface has a default route.",
    ),
    "interface-deaf": (_OUT, "An interface is down, or has no address to knock at."),
    "only-this-host": (
        _OUT,
        "Only the loopback interface is listened on; knocks from an own address never count.",
    ),
    "command-unreadable": (_OUT, "The shell cannot read a command."),
    "command-open": (_WEAK, "A command lets everybody in, whoever has knocked."),
    "program-unusable": (
        _OUT,
        "A program of a command is missing, not executable, or hidden by the service's sandbox.",
    ),
    "file-unwritable": (
        _OUT,
        "The service's sandbox keeps a one-time file, whose door is disabled, or the log from being written.",
    ),
    "program-replaceable": (_WEAK, "Others than root can replace a program that runs as root."),
    "one-version": (
        _OUT,
        "A command works for knockers of one IP version, and those of the other get it too.",
    ),
    "version-missing": (_NOTE, "A door opens nothing for an IP version by which this host can be reached."),
    "firewall-open": (_WEAK, "The firewall lets everybody in, whoever has knocked."),
    "rule-too-late": (
        _OUT,
        "The firewall drops a knocker's packets although the door is open: another rule comes first.",
    ),
    "replies-dropped": (_OUT, "What the service answers does not get out."),
    "sessions-cut": (_OUT, "No rule keeps established connections: they end when the door closes."),
    "place-missing": (_OUT, "The chain or set to which a command adds the knocker is not there."),
    "set-unused": (_OUT, "No rule asks for the set to which a command adds the knocker."),
    "ufw-off": (_WEAK, "A command of a door is ufw's, and ufw is not active."),
    "clock-wrong": (_WEAK, "The clock is not set: stamps of the log are wrong."),
    "clock-loose": (_NOTE, "Nothing keeps the clock in time."),
    "key-unusable": (
        _OUT,
        "A door waits for a key: its file cannot be used, or every key in it has expired.",
    ),
    "signed-unusable": (
        _OUT,
        "A door waits for signed knocks: the knock secret or the file of keys cannot be used, or no key"
        " opens it.",
    ),
    "no-pynacl": (_OUT, "A door has a `Signed_Port`, and PyNaCl is missing: a restart fails."),
    "fleet-unusable": (
        _OUT,
        "A file of the fleet cannot be used: doors with `Fleet_Required` stay shut.",
    ),
    "no-valkey": (_OUT, "There is a `Fleet`, and the Python package valkey is missing: a restart fails."),
    "fleet-closed": (_OUT, "The store of the fleet is not reached, and doors have `Fleet_Required`."),
    "fleet-unreached": (_WEAK, "The store of the fleet is not reached: each gateway is on its own."),
    "fleet-heard": (_WEAK, "The password for the store goes over the network without TLS."),
    "fleet-forged": (
        _WEAK,
        "Somebody without the fleet's key writes to its store, or a gateway has another key.",
    ),
    "fleet-alone": (_WEAK, "No other gateway of the fleet is there."),
    "fleet-clock": (
        _WEAK,
        "A gateway's clock is more than 5 s from ours: one of both may refuse rotating and signed knocks.",
    ),
    "fleet-names": (_NOTE, "Two gateways of the fleet have one name: the log does not tell them apart."),
    "clock-keyed": (
        _OUT,
        "Nothing keeps the clock in time, and doors with keys wait for that (`Clock = synchronised`).",
    ),
    "state-unusable": (_WEAK, "Open doors cannot be noted: after a crash or a power cut they stay open."),
    "openings-refused": (_OUT, "Open doors cannot be noted, and `State_Required` refuses every opening."),
    "journal-in-memory": (_NOTE, "Open doors are noted in memory: a power cut forgets them."),
    "no-conntrack": (_WEAK, "The kernel does not say who is connected, and a door has `Close_When_Idle`."),
    "guard-in-use": (
        _OUT,
        "A guard port that the configuration names is in use: who uses it is ignored at the door.",
    ),
    "step-in-use": (_NOTE, "A port of a sequence has a listening socket."),
    "signed-port-shared": (
        _WEAK,
        "A port of signed knocks has a socket, or is opened by a door: a program gets them, and may answer.",
    ),
    "no-daemon": (_OUT, "No knockd runs."),
    "second-daemon": (_WEAK, "Two daemons listen here: each knock runs its commands twice."),
    "other-daemon": (
        _WEAK,
        "A knockd that is not this one runs, as 0.8 is: by its own configuration, or commands run twice.",
    ),
    "service-off": (_OUT, "The service is not enabled: nothing opens after the next boot."),
    "service-failed": (_OUT, "The service has failed."),
    "unit-stale": (_NOTE, "systemd has not read the unit file since it was changed."),
    "daemon-waiting": (_OUT, "The daemon waits for an interface."),
    "daemon-deaf": (_OUT, "The daemon listens on an interface that has no address."),
    "no-packet-process": (_OUT, "The daemon has no process that reads packets."),
    "door-disabled": (_OUT, "A door has no sequence that can be used, or signed knocks do not open it."),
    "reload-refused": (_WEAK, "The last reload was refused; what was in effect before stays."),
    "stop-failed": (_WEAK, "A door cannot be closed: its stop command fails."),
    "packets-dropped": (_WEAK, "The kernel has dropped packets before knockd could judge them."),
    "worker-restarted": (_NOTE, "The process that reads packets has been replaced."),
    "filter-broken": (
        _OUT,
        "A packet of a knock that is sent in a network of its own does not come through the filter.",
    ),
}
"""By its name: the severity of a finding, and what it means."""


class Finding(NamedTuple):
    """One finding: a sentence, and what to do about it; ``name`` is one of KINDS."""

    name: str
    text: str
    cure: str
    place: str = ""
    """File and line, where it is about one."""

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return KINDS[self.name][0]


class Looked(NamedTuple):
    """One thing that was looked at: what was found, and what could not be looked at, with the reason."""

    subject: str
    findings: tuple[Finding, ...] = ()
    unlooked: tuple[str, ...] = ()


def from_note(name: str, note: Note) -> Finding:
    """A note of the configuration as a finding: what stands behind its first colon says what to do."""
    text, _, cure = note.message.partition(": ")
    place = str(note._replace(message="", also=())).rpartition(": ")[0]
    if not cure and KINDS[name][0] is not Severity.NOTE:
        cure = "correct it, then check it with 'knockd -t'"
    return Finding(name, text, cure, place)


def is_well(looked: Iterable[Looked]) -> bool:
    """Whether nothing is wrong; notes are not."""
    return all(one.severity is Severity.NOTE for part in looked for one in part.findings)
