"""The store of a fleet on a lab host: valkey-server, or redis-server where there is none.

It is a process of the test, with a configuration and a directory of its own; no service of the machine is
asked.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.support.lab.hosts import Host, LabProcess
from tests.support.lab.packages import find
from tests.support.lab.tools import lacking, need
from tests.support.lab.waiting import wait_until

SERVERS = ("valkey-server", "redis-server")
PORT = 6379


def need_store() -> str:
    """The path of a server; without one, or without the library that speaks with it, the test is left."""
    if find_spec("valkey") is None:
        lacking("valkey is missing: pip install valkey")
    return next((path for name in SERVERS if (path := find(name))), None) or need(SERVERS[-1])


class StoreServer:
    """A server in ``directory``, at ``address`` of a host; ``lines`` are what else its configuration says.

    ``tools``: what the program for a command line needs before its words, such as certificates.
    """

    def __init__(
        self,
        host: Host,
        directory: Path,
        address: str,
        *lines: str,
        port: int = PORT,
        tools: tuple[str, ...] = (),
        options: tuple[str, ...] = (),
    ) -> None:
        self.host, self.address, self.port = host, address, port
        self._program = need_store()
        self._tools = tools
        self._options = options
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self._config = directory / "store.conf"
        chosen = () if any(line.startswith("port ") for line in lines) else (f"port {port}",)
        text = [f"bind {address}", *chosen, "protected-mode no", 'save ""', f"dir {directory}", *lines]
        self._config.write_text("\n".join(text) + "\n")
        self._process: LabProcess | None = None

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        with (self._directory / "store.log").open("ab") as log:
            self._process = self.host.popen(
                self._program, str(self._config), *self._options, stdout=log, stderr=log
            )
        wait_until(lambda: self.host.status(*self._cli("PING")).returncode == 0, 20, "the store answers")

    def tell(self, *words: str) -> str:
        """What it answers to a command. Raises CommandFailed."""
        return self.host.run(*self._cli(*words)).strip()

    def kill(self) -> None:
        """Kills it: what it knew is lost."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It is there inside the block, and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(self._process.pid, signal.SIGCONT)

    def _cli(self, *words: str) -> list[str]:
        program = str(Path(self._program).with_name(Path(self._program).name.replace("-server", "-cli")))
        return [program, "-h", self.address, "-p", str(self.port), *self._tools, *words]


class Liar:
    """A server in the place of a store: it takes connections, and ``answer`` is all that it says, for ever.

    Empty: it says nothing.
    """

    def __init__(self, host: Host, address: str, answer: bytes, port: int = PORT) -> None:
        self.connections = 0
        self._answer = answer
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen()
        self._listener.settimeout(0.1)

    def __enter__(self) -> Liar:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._listener.accept()
                self.connections += 1
                self._begin(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.settimeout(0.1)
            while not self._over.is_set():
                if self._answer:
                    with suppress(TimeoutError):
                        connection.send(self._answer)
                else:
                    time.sleep(0.1)


class Detour:
    """A way to a store that takes ``seconds`` longer in each direction, for those that connect to ``port``.

    It is what netem does, on machines whose kernel has none.
    """

    def __init__(self, host: Host, address: str, port: int, to: int, seconds: float) -> None:
        self._host, self._address, self._to = host, address, to
        self.seconds = seconds
        self._over = threading.Event()
        self._threads: list[threading.Thread] = []
        self._listener = host.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.bind((address, port))
        self._listener.listen()
        self._listener.settimeout(0.1)

    def __enter__(self) -> Detour:
        self._begin(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._over.is_set():
            with suppress(TimeoutError):
                near, _ = self._listener.accept()
                far = self._host.socket(socket.AF_INET, socket.SOCK_STREAM)
                far.connect((self._address, self._to))
                self._begin(self._pass_on, near, far)
                self._begin(self._pass_on, far, near)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        """One direction: what comes waits until its time has come."""
        waiting: list[tuple[float, bytes]] = []
        source.settimeout(0.01)
        with suppress(OSError):
            while not self._over.is_set():
                with suppress(TimeoutError):
                    data = source.recv(65_536)
                    if not data:
                        break
                    waiting.append((time.monotonic() + self.seconds, data))
                while waiting and waiting[0][0] <= time.monotonic():
                    target.sendall(waiting.pop(0)[1])
        target.close()
