"""``python -m tests.differential.logs``: records the logs of 0.8 and of ours, from files, syslog and journal.

Each daemon runs on a lab host, once with rsyslog, once with busybox's syslogd and -l, once with systemd's
journal, while the same people knock. Needs root, and rsyslog besides what the tests need.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.differential.compare import Wire
from tests.support.daemons.daemon import OURS, PEER, environment
from tests.support.lab import enter
from tests.support.lab.disks import with_devlog
from tests.support.lab.hosts import Lab
from tests.support.lab.waiting import wait_until
from tests.support.samples.frames import ethernet, packet
from tests.support.samples.recorded_logs import FOLDER, ZONE

START = """
set -e
files=$1 collector=$2 TZ=$3; shift 3
export TZ
hostname gate
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/log
mkdir -p /run/systemd/journal /run/log/journal /var/log/journal
for name in hosts knockd.conf machine-id; do mount --bind "$files/$name" "/etc/$name"; done
cp "$files/once" /run/once
case $collector in
rsyslog) rsyslogd -n -f "$files/rsyslog.conf" -i /run/rsyslogd.pid & ;;
busybox) busybox syslogd -n -O /var/log/syslog & ;;
journal)
    mount -t cgroup2 cgroup2 /sys/fs/cgroup  # journald names what a line comes from by it
    /lib/systemd/systemd-journald &
    ;;
esac
collecting=$!
until [ -S /run/systemd/journal/dev-log ]; do sleep 0.1; done
"$@" > /var/log/output 2> "$files/errors" & echo $! > "$files/pid"
logger -t sshd --id=77 'Connection closed by 192.0.2.7 port 50022'
wait $! || true
logger -t cron --id=78 '192.0.2.7: ssh: OPEN SESAME'
sleep 1
if [ $collector = journal ]; then
    for form in short short-iso short-iso-precise short-full; do
        journalctl -q -o $form > "/var/log/journal-$form"
    done
fi
kill $collecting
wait $collecting || true
rm -r /var/log/journal
cp /var/log/* "$files/"
"""

RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="/run/systemd/journal/dev-log" CreatePath="on")
action(type="omfile" file="/var/log/syslog" template="RSYSLOG_TraditionalFileFormat")
action(type="omfile" file="/var/log/syslog-iso" template="RSYSLOG_FileFormat")
action(type="omfile" file="/var/log/syslog-rfc5424" template="RSYSLOG_SyslogProtocol23Format")
"""

ONCE = "7300,7400\n7500,7600\n"
"""Two sequences, of which one is used: 0.8 aborts when it has used the last one."""

HOSTS = "127.0.0.1 localhost\n192.0.2.7 alice.example\n2001:db8::7 carol.example.org\n"

CONFIG = """[options]
    LogFile = /var/log/knockd.log
    UseSyslog

[ssh]
    sequence = 7000,8000,9000
    seq_timeout = 2
    tcpflags = syn
    start_command = true -A INPUT -s %IP% -p tcp --dport 22 -j ACCEPT
    cmd_timeout = 1
    stop_command = true -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT

[web: admin page]
    sequence = 7100,7200
    seq_timeout = 2
    tcpflags = syn
    command = false %IP%

[once]
    one_time_sequences = /run/once
    seq_timeout = 2
    tcpflags = syn
    command = true %IP%
"""

ALICE, BOB, CAROL, MALLORY = "192.0.2.7", "192.0.2.8", "2001:db8::7", "198.51.100.66"
SERVER = {4: "192.0.2.1", 6: "2001:db8::1"}


class Recording:
    """One daemon and one collector of syslog; ``files`` is an empty directory of theirs."""

    def __init__(self, on: Wire, files: Path, collector: str, program: tuple[str, ...], config: str) -> None:
        self._on, self._files = on, files
        texts = {"hosts": HOSTS, "knockd.conf": config, "once": ONCE, "rsyslog.conf": RSYSLOG}
        for name, text in {**texts, "machine-id": f"{'0123456789abcdef' * 2}\n"}.items():
            (files / name).write_text(text)
            (files / name).chmod(0o600 if name in {"knockd.conf", "once"} else 0o644)
        (files / "devlog").symlink_to("/run/systemd/journal/dev-log")
        start = (
            "unshare",
            "--mount",
            "--uts",
            "sh",
            "-c",
            START,
            "sh",
            str(files),
            collector,
            ZONE,
            *program,
        )
        self._process = on.server.popen(
            *with_devlog(start, files), env=environment(), stdin=subprocess.DEVNULL
        )

    def log(self) -> str:
        """The log file so far."""
        root = Path(f"/proc/{self.pid()}/root")
        try:
            return (root / "var/log/knockd.log").read_text()
        except OSError:
            return ""

    def pid(self) -> int:
        """Process id of the daemon, 0 before there is one."""
        path = self._files / "pid"
        return int(path.read_text() or 0) if path.exists() else 0

    def wait_for(self, text: str, times: int = 1) -> None:
        """Waits until so many lines of the log hold a text."""
        try:
            wait_until(lambda: self.log().count(text) >= times, 20, f"{times} lines with {text}")
        except AssertionError as error:
            error.add_note(f"{self.log()}{(self._files / 'errors').read_text()}")
            raise

    def knock(self, who: str, *ports: int) -> None:
        """SYNs of a source, one after the other."""
        version = 6 if ":" in who else 4
        macs = self._on.server.mac("eth0"), self._on.client.mac("eth0")
        with self._on.client.socket(socket.AF_PACKET, socket.SOCK_RAW) as out:
            out.bind(("eth0", 0))
            for port in ports:
                out.send(ethernet(*macs, packet(who, SERVER[version], port)))
                time.sleep(0.05)

    def signal(self, number: int) -> None:
        """Sends a signal to the daemon."""
        os.kill(self.pid(), number)

    def finish(self) -> None:
        """Ends the daemon, and waits until all logs are written."""
        self.signal(signal.SIGTERM)
        self._process.wait(30)


@dataclass(frozen=True)
class Subject:
    """A daemon to record: how it is started, and what its log says when it listens, opens and reads again."""

    program: tuple[str, ...]
    config: str = CONFIG
    listening: str = "listening on"
    opened: str = "OPEN SESAME"
    reading: str = "re-reading"


def play(recording: Recording, subject: Subject) -> None:
    """What happens to each daemon."""
    recording.wait_for(subject.listening)
    time.sleep(0.5)  # in which 0.8 comes to listen
    recording.knock(MALLORY, 7000)
    recording.knock(ALICE, 7000, 8000, 9000)
    recording.wait_for(subject.opened, 1)
    recording.knock(BOB, 7000, 8000)
    time.sleep(2.5)
    recording.knock(BOB, 7000, 8000, 9000)
    recording.wait_for(subject.opened, 2)
    recording.knock(MALLORY, 7000, 9000, 7001)
    recording.knock(CAROL, 7100, 7200)
    recording.wait_for(subject.opened, 3)
    recording.knock(CAROL, 7300, 7400)
    recording.wait_for(subject.opened, 4)
    time.sleep(2.5)
    recording.signal(signal.SIGHUP)
    recording.wait_for(subject.reading)
    time.sleep(0.5)
    recording.knock(ALICE, 7000, 8000, 9000)
    recording.wait_for(subject.opened, 5)
    time.sleep(2)
    recording.finish()


NEW = (*OURS, "-i", "eth0", "--state-dir", "/run/knockd")
SUBJECTS = {
    "old": Subject((*PEER, "-i", "eth0")),
    "ours": Subject(NEW),
    "json": Subject(
        NEW,
        CONFIG.replace("UseSyslog", "UseSyslog\n    LogFormat = json"),
        '"event": "starting"',
        '"event": "open"',
        '"event": "reading"',
    ),
}
COLLECTORS = {"rsyslog": (), "busybox": ("-l", "-D"), "journal": ()}
KEPT = {
    "rsyslog": {
        "knockd.log": "file",
        **{f"syslog{form}": f"rsyslog{form}" for form in ("", "-iso", "-rfc5424")},
    },
    "busybox": {"knockd.log": "file-names", "syslog": "busybox", "output": "debug"},
    "journal": {
        f"journal-{form}": f"journal-{form}"
        for form in ("short", "short-iso", "short-iso-precise", "short-full")
    },
}
"""Which files of a run are kept, and as what."""


def main() -> int:
    """Records all logs anew."""
    with Lab() as lab:
        on = Wire(lab.host("server"), lab.host("client"))
        lab.link(on.server, "eth0", on.client, "eth0", (f"{SERVER[4]}/24", f"{SERVER[6]}/64"))
        for name, subject in SUBJECTS.items():
            for collector, more in COLLECTORS.items():
                with tempfile.TemporaryDirectory() as directory:
                    files = Path(directory)
                    program = *subject.program, *more
                    play(Recording(on, files, collector, program, subject.config), subject)
                    for written, kept in KEPT[collector].items():
                        shutil.copy(files / written, FOLDER / f"{name}-{kept}.log")
    return 0


if __name__ == "__main__":
    if not enter.may_build():
        enter.run([sys.executable, "-m", "tests.differential.logs"])
    sys.exit(main())
