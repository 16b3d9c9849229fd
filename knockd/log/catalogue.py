"""Every event of the log: level, classic text, fields, limits. All else about events reads it.

docs/log-events.md is printed from it (make log-events). The first twelve texts are those of knockd 0.8.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from string import Formatter
from typing import Literal

from knockd_conf.classes import dataclass

Level = Literal["debug", "info", "warning", "error"]

PLURAL = "[s]"


@dataclass(frozen=True)
class Event:
    """How an event is logged. A line of level debug goes to standard output with -D, and to no log.

    ``text`` is the classic line, a format of the event's fields; ``{who}`` is ``ip`` or ``ip (host)``, and
    PLURAL is left out when ``count`` is 1.
    ``extra`` are fields that only JSON shows. ``limited``: strangers cause it, so only some are logged.
    ``opening``: openings cause it, so only some are logged for doors that strangers can open. ``failure``:
    ``Log_Failures = no`` leaves it out. ``note`` explains it on the page.
    ``optional`` are fields that only JSON shows, and that are not always there.
    """

    level: Level
    text: str
    extra: tuple[str, ...] = ()
    limited: bool = False
    opening: bool = False
    failure: bool = False
    note: str = ""
    optional: tuple[str, ...] = ()

    @cached_property
    def fields(self) -> frozenset[str]:
        """The names of the fields that the event is logged with, but for ``host``, which -l adds."""
        shown = {name for _, name, _, _ in Formatter().parse(self.text) if name}
        return frozenset(shown - {"who"} | ({"ip"} if "who" in shown else set()) | set(self.extra))


def check(event: str, fields: Mapping[str, object]) -> Event:
    """The event's entry. Raises KeyError for an unknown event, TypeError when the fields are not its own."""
    entry = EVENTS[event]
    given = fields.keys() - {"host"}
    if given != entry.fields and given - set(entry.optional) != entry.fields:
        raise TypeError(f"{event}: expected fields {sorted(entry.fields)}, got {sorted(fields)}")
    return entry


FIELDS: Mapping[str, tuple[type, str]] = {
    "aside": (str, "path under which a damaged file is kept"),
    "bytes": (int, "length of a command line"),
    "command": (str, "command line as it is run"),
    "count": (int, "how many there are of what the text names"),
    "door": (str, "name of the door"),
    "endpoint": (str, "address and port of a store"),
    "fingerprint": (str, "fingerprint of an SSH key, `SHA256:...`"),
    "flags": (str, "the door's TCPFlags"),
    "gateway": (str, "name of a gateway of the fleet"),
    "host": (str, "name of `ip`, empty when it has none; only with `-l`, and only where it is known in time"),
    "interface": (str, "name of an interface, or several names with commas between them"),
    "ip": (str, "address that the knocks came from"),
    "key": (str, "name of a key, or the comment of an SSH key"),
    "kib": (int, "size in KiB"),
    "line": (str, "one line that a command printed"),
    "most": (int, "length that a command line may have"),
    "new": (str, "state of the packet process from now on"),
    "note": (str, "what in the configuration works but may surprise"),
    "old": (str, "state of the packet process until now"),
    "path": (str, "path of a file or directory"),
    "pid": (int, "number of a process"),
    "place": (str, "where open doors are noted instead"),
    "problem": (str, "what is wrong, with file and line"),
    "reason": (str, "why, as the system or knockd itself says it"),
    "rights": (str, "capabilities that a program needs"),
    "seconds": (float, "a time span in seconds"),
    "share": (float, "a part of all ports, from 0 to 1"),
    "sink": (str, "where log lines go: `log file {path}`, `syslog` or `standard output`"),
    "stage": (int, "number of the last knock of the sequence that came right"),
    "status": (int, "exit status of a command"),
    "then": (str, "what becomes of the doors that are still open"),
    "steps": (int, "number of knocks of the sequence"),
    "tries": (int, "how often a command was run"),
    "uid": (int, "number of a user"),
    "verb": (str, "`start` or `stop`: which command of the door it was"),
    "version": (int, "format of a file"),
}
"""Type and meaning of every field, by its name."""

EVENTS: Mapping[str, Event] = {
    "starting": Event(
        "info", "starting up, listening on {interface}", note="once in a daemon's life, as 0.8"
    ),
    "own-reader": Event(
        "info",
        "reading packets without libpcap: {reason}",
        note="once in a daemon's life, where pcapy-ng is not installed or `Capture = socket`",
    ),
    "stage": Event("info", "{who}: {door}: Stage {stage}", ("steps",), limited=True, opening=True),
    "open": Event(
        "info",
        "{who}: {door}: OPEN SESAME",
        optional=("key",),
        opening=True,
        note="JSON has `key` where one has opened the door",
    ),
    "command": Event("info", "{door}: running command: {command}", ("ip", "verb"), opening=True),
    "command-failed": Event(
        "warning", "{door}: command returned non-zero status code ({status})", ("ip", "verb"), opening=True
    ),
    "command-timeout": Event(
        "info",
        "{who}: {door}: command timeout",
        opening=True,
        note="the door's time is over; the stop command follows",
    ),
    "expired": Event("info", "{who}: {door}: sequence timeout (stage {stage})", ("steps",), limited=True),
    "reading": Event("info", "re-reading config file: {path}"),
    "reopening": Event("info", "re-opening log file: {path}"),
    "one-time-exhausted": Event(
        "warning",
        "no more sequences left in the one time sequences file for door {door} --> disabling the door",
    ),
    "pid-file": Event("error", "could not create pid file {path}: {reason}"),
    "stopping": Event("info", "shutting down"),
    "spoiled": Event(
        "info",
        "{who}: {door}: wrong knock, starting over (stage {stage})",
        ("steps",),
        limited=True,
        failure=True,
    ),
    "flags-unfit": Event(
        "info",
        "{who}: {door}: the next step wants tcpflags {flags}, which no ordinary client sends",
        limited=True,
        failure=True,
        note="behind `expired`",
    ),
    "guarded": Event(
        "info",
        "{who}: {door}: guard port, ignored for {seconds:.0f} seconds",
        ("stage", "steps"),
        limited=True,
        failure=True,
        note="`stage` 0: no sequence had begun",
    ),
    "ignored": Event(
        "info",
        "{who}: {door}: knock ignored for {seconds:.0f} more seconds ({reason})",
        limited=True,
        failure=True,
        note="a sequence was begun after a guard port, or within `Seq_Cooldown`; once in these seconds",
    ),
    "key-opened": Event("info", "{who}: {door}: opened with key {key}", opening=True, note="behind `open`"),
    "signed-opened": Event(
        "info",
        "{door}: opened by {key} ({fingerprint})",
        ("ip",),
        opening=True,
        note="behind `open`: whose signature it was",
    ),
    "signed-renewed": Event(
        "info", "{who}: {door}: renewed by {key} ({fingerprint})", opening=True, note="knock --renew"
    ),
    "signed-closed": Event(
        "info", "{who}: {door}: closed by {key} ({fingerprint})", opening=True, note="knock --close"
    ),
    "signed-refused": Event(
        "info",
        "{who}: {door}: signed knock refused: {reason}",
        ("key", "fingerprint"),
        limited=True,
        failure=True,
        note="`key` and `fingerprint` are those that the packet claims",
    ),
    "signed-unread": Event(
        "info",
        "{who}: signed knock refused: {reason}",
        ("key", "fingerprint"),
        limited=True,
        failure=True,
        note="the door is not known; `key` and `fingerprint` are empty where the key is not, either",
    ),
    "key-used": Event(
        "info",
        "{who}: {door}: sequence used already, the next sequence in {seconds:.0f} s",
        ("key",),
        limited=True,
        failure=True,
        note="somebody has repeated what opened, or its owner has knocked twice in a period",
    ),
    "key-behind": Event(
        "info",
        "{who}: {door}: clock of the knocker is {seconds:.0f} s behind",
        ("key",),
        limited=True,
        failure=True,
        note="or somebody has repeated a knock of then; counted from the middle of its period",
    ),
    "key-ahead": Event(
        "info",
        "{who}: {door}: clock of the knocker is {seconds:.0f} s ahead",
        ("key",),
        limited=True,
        failure=True,
        note="counted from the middle of the period",
    ),
    "key-before-start": Event(
        "info",
        "{who}: {door}: sequence of before the start, the next sequence in {seconds:.0f} s",
        ("key",),
        limited=True,
        failure=True,
        note="after `periods-from-now`: it may have been used",
    ),
    "guards-in-use": Event(
        "info",
        "guard ports that are in use now, and guard no more: {count}; who touched one is heard again",
        note="a server was started, or a port is forwarded: `knockd -t` says which",
    ),
    "guards-unsure": Event("warning", "guard ports: {reason}"),
    "command-output": Event(
        "info",
        "{door}: command said: {line}",
        ("ip", "verb"),
        opening=True,
        note="the first five lines of a command",
    ),
    "command-late": Event(
        "error",
        "{door}: command killed after {seconds:.0f} seconds: {command}",
        ("ip", "verb"),
        opening=True,
    ),
    "command-too-long": Event(
        "error",
        "{door}: command not run, its {bytes} bytes are more than {most}: {command}",
        ("ip", "verb"),
        opening=True,
    ),
    "refused": Event(
        "warning",
        "{who}: {door}: not opened: {reason}",
        limited=True,
        note="in place of `open`; after it when the start command has failed or was killed (the door is not"
        " counted as open, its stop command runs all the same), and when the daemon ends or the door is"
        " closed by hand before the start command runs",
    ),
    "fleet-opened": Event(
        "info",
        "{who}: {door}: opened at gateway {gateway}, so here, too",
        opening=True,
        note="`Fleet_Share`; in place of `open`",
    ),
    "fleet-closed": Event(
        "info",
        "{who}: {door}: closed at gateway {gateway}, so here, too",
        opening=True,
        note="`Fleet_Share`; in place of `command-timeout`; the stop command follows",
    ),
    "fleet-came": Event("info", "gateway {gateway} is there", limited=True, note="`Fleet`"),
    "fleet-left": Event("info", "gateway {gateway} has left", limited=True, note="`Fleet`: it has ended"),
    "fleet-silent": Event(
        "warning",
        "gateway {gateway} says nothing any more",
        limited=True,
        note="`Fleet`: it is dead, or does not reach the store",
    ),
    "fleet-reached": Event("info", "the store of the fleet answers at {endpoint}", note="`Fleet`"),
    "fleet-unreachable": Event(
        "warning",
        "the store of the fleet does not answer: {reason}",
        note="`Fleet`: doors with `Fleet_Required` stay closed until it does",
    ),
    "fleet-child-ended": Event(
        "error",
        "the process that speaks with the fleet has ended: {reason}; another one follows in"
        " {seconds:.0f} seconds",
        note="`Fleet`: doors with `Fleet_Required` stay closed until then",
    ),
    "one-time-elsewhere": Event(
        "info",
        "{door}: its one time sequence was used at another gateway",
        note="`Fleet`: it is struck out here, too",
    ),
    "held-open": Event(
        "info",
        "{who}: {door}: still connected, open until nobody has been for {seconds:.0f} seconds",
        opening=True,
        note="`Close_When_Idle`: the door will stay open past its time; once an opening",
    ),
    "left": Event(
        "info",
        "{who}: {door}: nobody connected for {seconds:.0f} seconds",
        opening=True,
        note="after `held-open`; `command-timeout` follows",
    ),
    "open-max": Event(
        "info",
        "{who}: {door}: still connected, but open for {seconds:.0f} seconds, the most it may be",
        opening=True,
        note="`Open_Max`, after `held-open`; `command-timeout` follows",
    ),
    "conntrack-problem": Event(
        "warning",
        "Close_When_Idle does nothing: {reason}",
        note="at the start, at a reload or when a look fails: `Cmd_Timeout` alone counts; the same once",
    ),
    "opened-by-hand": Event(
        "info",
        "{who}: {door}: opening by hand (uid {uid}, process {pid})",
        note="in place of `open`: nobody has knocked; `refused` follows when it is not opened",
    ),
    "closed-by-hand": Event(
        "info",
        "{who}: {door}: closing by hand (uid {uid}, process {pid})",
        note="in place of `command-timeout`; the stop command follows, unless it runs already",
    ),
    "more-closed-by-hand": Event(
        "info",
        "closing {count} more door[s] by hand (uid {uid}, process {pid})",
        note="after a line for each of the first hundred",
    ),
    "extended-by-hand": Event(
        "info", "{who}: {door}: {seconds:.0f} more seconds by hand (uid {uid}, process {pid})"
    ),
    "given-up": Event(
        "warning",
        "{who}: {door}: given up by hand (uid {uid}, process {pid}), not run any more: {command}",
        note="a stop command that has failed; what the start command did may still be there",
    ),
    "reload-by-hand": Event("info", "reload by hand (uid {uid}, process {pid})"),
    "stop-failed": Event(
        "error", "{who}: {door}: stop command failed {tries} times, the door may still be open: {command}"
    ),
    "left-open": Event(
        "error",
        "{who}: {door}: could not be closed before the end",
        note="a line for each of the first twenty; `still-open` follows",
    ),
    "still-open": Event(
        "error",
        "{count} door[s] could not be closed before the end, {then}",
        note="the next start closes them, or nobody where no `StateDir` could be written",
    ),
    "held-back": Event("warning", "{count} lines about knocks that opened nothing were held back"),
    "door-held-back": Event(
        "warning", "{door}: {count} lines were held back, any packet opens a door with one step"
    ),
    "dropped": Event("warning", "{interface}: the kernel dropped {count} packets, the ring was full"),
    "widened": Event(
        "warning", "{interface}: filter widened to fit the kernel, {share:.1%} of all ports pass it"
    ),
    "addresses-widened": Event(
        "warning", "{interface}: filter widened to fit the kernel, doors are not told apart by address"
    ),
    "small-ring": Event("warning", "{interface}: memory is short, the capture ring has only {kib} KiB"),
    "config-problem": Event(
        "error",
        "{problem}",
        note="`file:line: key: expected ..., got '...'` or `file: could not be read: ...`",
    ),
    "config-note": Event(
        "warning",
        "{note}",
        note="`file:line: key: ...`, at the start and at each reload: each warning of `knockd -t`"
        " but those about scans that skip ports, and about further lines of one-time files",
    ),
    "config-kept": Event("error", "config file has {count} problem[s], keeping the old configuration"),
    "last-good": Event(
        "error",
        "config file has {count} problem[s], using the last good one, kept in {path}",
        note="at a start with a bad file; not with `Last_Good = no`",
    ),
    "last-good-problem": Event(
        "warning",
        "this configuration is not kept for a start with a bad file: {reason}",
        note="at the start and at each reload",
    ),
    "one-time-problem": Event(
        "error", "{door}: one time sequences file {path}: {problem} --> disabling the door"
    ),
    "used-unnoted": Event(
        "error",
        "the used sequence of {path} could be noted nowhere ({reason}): when its file can be written again"
        " after a restart, it opens once",
        note="it has opened nothing: `refused` and `one-time-problem` follow, which disables the door",
    ),
    "used-kept": Event("warning", "{path} still notes sequences that are struck out ({reason})"),
    "clock-waiting": Event(
        "warning",
        "doors with keys wait: {reason}",
        note="once for each reason; other doors open",
    ),
    "clock-good": Event("info", "doors with keys can be opened, the clock is good"),
    "key-file-problem": Event(
        "error",
        "{door}: key file {path}: {problem} --> disabling the door",
        note="it is read again soon, and after each change of `problem`",
    ),
    "key-expired": Event("warning", "{door}: key {key} has expired, it opens nothing any more"),
    "keys-problem": Event(
        "error",
        "key files could not be read ({reason}), trying again",
        note="sequences that are live stay so for some periods",
    ),
    "signed-waiting": Event(
        "error",
        "signed knocks wait: {reason}",
        note="once for each reason; no signed knock opens a door that needs what `reason` names",
    ),
    "authorized-line": Event(
        "error",
        "authorized keys {path}: {problem}",
        note="the key of that line opens nothing, the others do; once for each `problem`",
    ),
    "periods-from-now": Event(
        "warning",
        "nobody knows what was used before the start: what may have been opens nothing, of a sequence for two"
        " periods, of signed knocks for two minutes",
        note="without a record of an earlier run that lasts",
    ),
    "periods-unread": Event("error", "{reason}: what may have been used before the start opens nothing"),
    "periods-unlasting": Event(
        "warning",
        "used knocks of keys are noted until the next boot only ({reason}): what may have been used before"
        " that opens nothing then",
    ),
    "periods-unnoted": Event(
        "error",
        "used knocks of keys can be noted nowhere ({reason}): mend that before this daemon ends, or what it"
        " has used may open once more after the next start",
    ),
    "one-time-line": Event(
        "warning",
        "{door}: one time sequences file {problem}",
        note="the line that `problem` names is skipped; its text is never shown",
    ),
    "worker-lost": Event("error", "packet process ended ({reason}), starting another in {seconds:g} s"),
    "worker-malformed": Event("error", "packet process sent a malformed message ({reason}), stopping it"),
    "worker-failed": Event("error", "cannot listen: {reason}"),
    "recovered": Event(
        "warning", "{who}: {door}: recovered an open door of the last run, closing in {seconds:.0f} seconds"
    ),
    "recovered-starting": Event(
        "warning",
        "{who}: {door}: recovered a door whose start command still runs,"
        " closing {seconds:.0f} seconds after its end",
    ),
    "recovered-unopened": Event(
        "warning",
        "{who}: {door}: recovered a door whose start command failed,"
        " its stop command runs in {seconds:.0f} seconds",
    ),
    "recovered-failed": Event(
        "warning", "{who}: {door}: recovered a door that could not be closed, trying again"
    ),
    "recovered-more": Event(
        "warning",
        "recovered {count} more doors of the last run",
        note="after a line for each of the first 1,024",
    ),
    "journal-damaged": Event(
        "error", "{path}: {count} damaged lines, the good ones are used; the file is kept as {aside}"
    ),
    "journal-unknown": Event(
        "error",
        "{path}: format {version} is not known here, the doors in it are not closed;"
        " the file is kept as {aside}",
    ),
    "state-problem": Event(
        "error", "open doors cannot be noted in {path} ({reason}), noting them in {place}"
    ),
    "state-restored": Event("info", "open doors are noted in {path} again"),
    "second-daemon": Event("error", "not started: {reason}", note="exit status 75"),
    "second-daemon-forced": Event(
        "warning", "running all the same: {reason}", ("path",), note="with `--also`"
    ),
    "no-lock": Event("warning", "could not lock {path}, a second knockd would not be noticed: {reason}"),
    "keeping": Event("info", "{count} door[s] kept open until the next start"),
    "waiting": Event(
        "info",
        "waiting for interface {interface}",
        note="the configuration names it, and it is missing or down; logged once",
    ),
    "no-address": Event(
        "warning",
        "{problem}",
        note="an interface that the configuration names or a default route uses; logged once",
    ),
    "listening": Event(
        "info",
        "listening on {interface}",
        note="after a reload, a change of interfaces, or the end of a packet process",
    ),
    "capture-lost": Event(
        "error",
        "{interface}: capture ended ({reason}), opening it again in {seconds:g} s",
        note="while the interface is there and up",
    ),
    "capture-failed": Event("error", "{interface}: not listened on: {reason}"),
    "interfaces-problem": Event("error", "cannot ask which interfaces there are ({reason}), trying again"),
    "privileges": Event("warning", "packet process keeps more rights than it should: {reason}"),
    "command-rights": Event("warning", "{door}: {command} needs {rights}, which knockd does not have here"),
    "log-problem": Event(
        "error", "could not write to {sink}: {reason}", note="once, to the other sinks and standard error"
    ),
    "log-lost": Event(
        "error",
        "{count} lines could not be written to {sink} ({reason})",
        note="to all sinks when it works again, to the others at most once a minute before",
    ),
    "service-manager": Event("warning", "service manager cannot be told how we are: {reason}", note="once"),
    "control-problem": Event(
        "error",
        "control socket {path}: {reason}",
        note="knockd runs all the same, and `knockctl` cannot ask it there",
    ),
    "control-refused": Event(
        "warning",
        "control socket: {count} call[s] refused, the last one of process {pid} of uid {uid}: {reason}",
        note="at most once a minute",
    ),
    "internal-error": Event(
        "error",
        "internal error, please report it: {reason}",
        note="knockd goes on; the same error in a row is logged once; standard error has the traceback. What "
        "fails each time is tried once a second",
    ),
    "worker-state": Event("debug", "packet process: {old} -> {new}"),
    "worker-silent": Event(
        "error", "packet process has not answered for {seconds:.0f} seconds, starting another"
    ),
}
"""By the event's name, in the order of the page."""
