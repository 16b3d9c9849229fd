"""Debian's fwknopd beside ours: one client key, a command in place of firewall rules, packets made ahead."""

from __future__ import annotations

import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from tests.bench.kernel import PacketStatistics, packet_sockets
from tests.bench.subject import Usage, measure_usage
from tests.support.lab.hosts import Host
from tests.support.lab.waiting import wait_until

KEY, HMAC_KEY = (b64encode(letter * 32).decode() for letter in (b"k", b"h"))


CLIENT = ("fwknop", "--no-save-args", "-T", "-n", "server")


class Fwknopd:
    """fwknopd in the foreground, from its start to its end, on one port."""

    def __init__(self, host: Host, port: int, command: str, directory: Path) -> None:
        """``command`` is run for each opening; ``$IP`` in it is the address that is let in."""
        self._host, self._folder = host, directory / "fwknopd"
        self._folder.mkdir(parents=True)
        (self._folder / "run").mkdir()
        self._write(
            "fwknopd.conf",
            f"PCAP_INTF eth0;\nENABLE_PCAP_PROMISC N;\nPCAP_FILTER udp dst port {port};\n"
            f"FWKNOP_RUN_DIR {self._folder}/run;\n",
        )
        self._write(
            "access.conf",
            f"SOURCE ANY\nKEY_BASE64 {KEY}\nHMAC_KEY_BASE64 {HMAC_KEY}\nFW_ACCESS_TIMEOUT 30\n"
            f"CMD_CYCLE_OPEN {command}\nCMD_CYCLE_CLOSE NONE\n",
        )
        self.log_path = self._folder / "output"

    def _write(self, name: str, text: str) -> None:
        path = self._folder / name
        path.write_text(text)
        path.chmod(0o600)

    def __enter__(self) -> Fwknopd:
        files = ("-c", str(self._folder / "fwknopd.conf"), "-a", str(self._folder / "access.conf"))
        with self.log_path.open("wb") as output:
            self._process = self._host.popen(
                "fwknopd", "-f", *files, stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        wait_until(lambda: "main event loop" in self.log_path.read_text(), 10, "fwknopd listens")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def pids(self) -> list[int]:
        """Its one process."""
        return [self._process.pid]

    def usage(self) -> Usage:
        """What it has used until now."""
        return measure_usage(self.pids(), self.log_path)

    def captured(self) -> PacketStatistics:
        """Frames that passed its filter and frames its ring had no room for, since the last call."""
        total = PacketStatistics(0, 0)
        for sock in packet_sockets(self._process.pid):
            with sock:
                total += sock.statistics()
        return total


@contextmanager
def packet_maker() -> Iterator[SpaPackets]:
    """What makes packets, while its files are there."""
    with tempfile.TemporaryDirectory(prefix="knockd-bench-fwknop-") as folder:
        yield SpaPackets(Path(folder))


class SpaPackets:
    """Packets of fwknop's own client, made and not sent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make(self, source: str) -> bytes:
        """A packet that lets an address in."""
        file, settings = self._folder / "packet", self._folder / "fwknoprc"
        settings.write_text(
            "[default]\n[server]\nSPA_SERVER 192.0.2.1\nACCESS tcp/22\nUSE_HMAC Y\n"
            f"KEY_BASE64 {KEY}\nHMAC_KEY_BASE64 {HMAC_KEY}\n"
        )
        settings.chmod(0o600)
        file.write_text("")
        subprocess.run(
            (*CLIENT, "--rc-file", str(settings), "-a", source, "-B", str(file)),
            check=True,
            capture_output=True,
        )
        return file.read_bytes().strip()
