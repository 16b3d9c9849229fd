"""What the classic log says of each event; docs/log-events.md explains them."""

from __future__ import annotations

from collections.abc import Mapping

CLASSIC: Mapping[str, str] = {
    "starting": "starting up, listening on {interface}",
    "stopping": "shutting down",
    "stage": "{who}: {door}: Stage {stage}",
    "open": "{who}: {door}: OPEN SESAME",
    "expired": "{who}: {door}: sequence timeout (stage {stage})",
    "spoiled": "{who}: {door}: wrong knock, starting over (stage {stage})",
    "guarded": "{who}: {door}: guard port, ignored for {seconds:.0f} seconds",
    "command": "{door}: running command: {command}",
    "command-failed": "{door}: command returned non-zero status code ({status})",
    "command-output": "{door}: command said: {line}",
    "command-late": "{door}: command killed after {seconds:.0f} seconds: {command}",
    "command-too-long": "{door}: command not run, its {bytes} bytes are more than {most}: {command}",
    "command-timeout": "{who}: {door}: command timeout",
    "refused": "{who}: {door}: not opened: {reason}",
    "still-open": "{count} doors could not be closed before the end",
    "stop-failed": "{who}: {door}: stop command failed {tries} times, the door may still be open: {command}",
    "held-back": "{count} lines about failed knocks were held back",
    "dropped": "{interface}: the kernel dropped {count} packets, the ring was full",
    "widened": "{interface}: filter widened to fit the kernel, {share:.1%} of all ports pass it",
    "addresses-widened": "{interface}: filter widened to fit the kernel, doors are not told apart by address",
    "small-ring": "{interface}: memory is short, the capture ring has only {kib} KiB",
    "reading": "re-reading config file: {path}",
    "reopening": "re-opening log file: {path}",
    "config-problem": "{problem}",
    "config-kept": "config file has {count} problems, keeping the old configuration",
    "one-time-exhausted": "no more sequences left in the one time sequences file for door {door}"
    " --> disabling the door",
    "one-time-problem": "{door}: one time sequences file {path}: {problem} --> disabling the door",
    "one-time-line": "{door}: one time sequences file {problem}",
    "worker-lost": "packet process ended ({reason}), starting another in {seconds:g} s",
    "worker-malformed": "packet process sent a malformed message ({reason}), stopping it",
    "worker-failed": "cannot listen: {reason}",
    "recovered": "{who}: {door}: recovered an open door of the last run, closing in {seconds:.0f} seconds",
    "recovered-starting": "{who}: {door}: recovered a door whose start command still runs,"
    " closing {seconds:.0f} seconds after its end",
    "recovered-failed": "{who}: {door}: recovered a door that could not be closed, trying again",
    "journal-damaged": "{path}: {count} damaged lines, the good ones are used; the file is kept as {aside}",
    "journal-unknown": "{path}: format {version} is not known here, the doors in it are not closed;"
    " the file is kept as {aside}",
    "state-problem": "open doors cannot be noted in {path} ({reason}), noting them in {place}",
    "state-restored": "open doors are noted in {path} again",
    "keeping": "{count} doors stay open until the next start",
    "waiting": "waiting for interface {interface}",
    "listening": "listening on {interface}",
    "capture-lost": "{interface}: capture ended ({reason}), opening it again in {seconds:g} s",
    "capture-failed": "{interface}: not listened on: {reason}",
    "interfaces-problem": "cannot ask which interfaces there are ({reason}), trying again",
    "privileges": "packet process keeps more rights than it should: {reason}",
    "command-rights": "{door}: {command} needs {rights}, which knockd does not have here",
    "log-problem": "could not write to {sink}: {reason}",
    "log-lost": "{count} lines could not be written to {sink} ({reason})",
    "service-manager": "service manager cannot be told how we are: {reason}",
    "worker-silent": "packet process has not answered for {seconds:.0f} seconds, starting another",
    "internal-error": "internal error, please report it: {reason}",
    "pid-file": "could not create pid file {path}: {reason}",
}
"""Classic text of every event; docs/log-events.md explains each."""
