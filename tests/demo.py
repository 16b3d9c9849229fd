"""``make demo``: a server that drops everything, a client, and a knock that opens one port for a while.

Two hosts in network namespaces; nothing outside them is touched, and nothing is left behind.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.support.daemons.daemon import OURS, environment
from tests.support.lab import enter
from tests.support.lab.hosts import CommandFailed, Host, Lab
from tests.support.lab.packages import PATH
from tests.support.lab.services import BANNER, TcpService, can_connect
from tests.support.lab.waiting import WaitTimeout, wait_until

SERVER, CLIENT = "10.7.0.1", "10.7.0.2"
PORT = 22
OPEN_FOR = 4
"""Seconds; Cmd_Timeout of the door."""

FIREWALL = f"""
table inet filter {{
    set knocked {{ type ipv4_addr; }}
    chain input {{
        type filter hook input priority 0; policy drop;
        ct state established accept
        ip saddr @knocked tcp dport {PORT} accept
    }}
}}
"""

CONFIG = f"""\
[options]
Interface = eth0

[ssh]
Sequence      = 52614,23187:udp,61940,38471
Seq_Timeout   = 10
TCPFlags      = syn
Start_Command = nft add element inet filter knocked {{ %IP% }}
Cmd_Timeout   = {OPEN_FOR}
Stop_Command  = nft delete element inet filter knocked {{ %IP% }}
"""


class Screen:
    """What the person at the terminal sees; knockd's own lines stand behind a bar."""

    def __init__(self) -> None:
        self._colours = sys.stdout.isatty()
        self._lines: list[str] = []

    def say(self, text: str) -> None:
        """One line of the demo itself."""
        print(text, flush=True)

    def typed(self, where: str, command: str) -> None:
        """A command, as if somebody typed it at a prompt."""
        self.say(f"\n{where}$ {self._paint('1', command)}")

    def good(self, text: str) -> None:
        """Something that came out as it should."""
        self.say(self._paint("32", text))

    def copy(self, process: subprocess.Popen[str]) -> None:
        """Show every line that knockd writes, as it comes, until it ends."""
        assert process.stdout is not None
        for line in process.stdout:
            self._lines.append(line)
            self.say(self._paint("36", f"    | {line.rstrip()}"))

    def wait_for(self, text: str, timeout: float) -> None:
        """Wait until knockd has written a line with ``text``."""
        wait_until(lambda: any(text in line for line in self._lines), timeout, f"knockd says {text!r}")

    def _paint(self, colour: str, text: str) -> str:
        return f"\033[{colour}m{text}\033[0m" if self._colours else text


@contextmanager
def knockd(server: Host, config: Path, screen: Screen) -> Iterator[None]:
    """Our knockd in the foreground on the server, its lines on the screen."""
    process = server.popen(
        *(*OURS, "-i", "eth0", "-c", str(config), "--state-dir", str(config.parent / "state")),
        *("--control-socket", str(config.parent / "control"), "-v"),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL},
        env=environment(),
        text=True,
    )
    reader = threading.Thread(target=screen.copy, args=(process,), daemon=True)
    reader.start()
    try:
        screen.wait_for("listening on", 10)
        yield
    finally:
        process.terminate()
        process.wait(10)
        reader.join(2)


def knock(client: Host, screen: Screen) -> None:
    """Our knock from the client, through the door's sequence."""
    hits = ("52614", "23187:udp", "61940", "38471")
    screen.typed("client", f"knock -d 50 {SERVER} {' '.join(hits)}")
    argv = (sys.executable, "-m", "knockd.client", "-d", "50", SERVER, *hits)
    with client.popen(*argv, env=environment()) as process:
        if process.wait(10) != 0:
            raise RuntimeError(f"knock ended with status {process.returncode}")


def expect(client: Host, screen: Screen, *, opened: bool) -> None:
    """Try the port from the client; raises RuntimeError when it is not as expected."""
    wanted = "open" if opened else "closed"
    if can_connect(client, SERVER, PORT, timeout=1) is not opened:
        raise RuntimeError(f"port {PORT} is not {wanted}")
    seen = f"the server says {BANNER.decode().strip()!r}" if opened else "no answer"
    screen.good(f"client: connects to port {PORT}: {seen}. The port is {wanted}.")


def show(screen: Screen) -> None:
    """The whole story, from the closed port to the closed port."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="knockd-demo-")))
        lab = stack.enter_context(Lab())
        server, client = lab.host("server"), lab.host("client")
        lab.link(server, "eth0", client, "eth0", (f"{SERVER}/24",), (f"{CLIENT}/24",))
        server.run("nft", "-f", "-", stdin=FIREWALL)
        stack.enter_context(TcpService(server, PORT))
        config = folder / "knockd.conf"
        config.write_text(CONFIG.replace("[options]", f"[options]\nLogFile = {config.parent}/knockd.log"))
        config.chmod(0o600)
        screen.say(
            f"server {SERVER}: nftables drops everything that comes in; a service waits on port {PORT}"
        )
        screen.say(f"client {CLIENT}: on the other end of the cable")
        screen.typed("server", "cat knockd.conf")
        screen.say(CONFIG.rstrip())
        screen.typed("server", "knockd -i eth0 -c knockd.conf -v")
        stack.enter_context(knockd(server, config, screen))
        screen.say("")
        expect(client, screen, opened=False)
        knock(client, screen)
        screen.wait_for("running command: nft add", 5)
        wait_until(lambda: can_connect(client, SERVER, PORT, timeout=1), 5, f"port {PORT} opens")
        expect(client, screen, opened=True)
        screen.say(f"\n(Cmd_Timeout: {OPEN_FOR} seconds)")
        screen.wait_for("running command: nft delete", OPEN_FOR + 5)
        wait_until(lambda: not can_connect(client, SERVER, PORT), 5, f"port {PORT} closes")
        expect(client, screen, opened=False)
        screen.say("")
    screen.say("The lab is gone; nothing on this machine was changed.")


def end(number: int, _frame: object) -> None:
    """TERM and HUP end the demo like Ctrl-C, through every clean-up."""
    raise SystemExit(128 + number)


def main() -> int:
    """Run the demo; 0 when everything came out as it should, 130 after Ctrl-C."""
    os.environ["PATH"] = PATH
    if not enter.may_build():
        enter.run([sys.executable, "-m", "tests.demo"])
    # A shell's background job starts with INT ignored; the demo is to be stopped all the same.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        show(Screen())
    except KeyboardInterrupt:
        print("\nstopped; the lab is gone")
        return 130
    except (CommandFailed, OSError, RuntimeError, WaitTimeout) as error:
        print(f"demo failed: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
