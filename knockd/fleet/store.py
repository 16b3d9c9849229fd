"""The store: Valkey or Redis, over the library ``valkey``. Only this file knows that library.

A session has one connection that listens, and some for what is sent. It is over when a message of ours does
not come back in time, whatever else the store says; then another one is begun.

World: the network, with Valkey or Redis at its other end.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Final, NamedTuple

import valkey.asyncio as valkey
from valkey.asyncio.sentinel import Sentinel
from valkey.exceptions import ValkeyError

from knockd.fleet.verbs import Verdict
from knockd_conf.model import FleetEndpoint, FleetKind

"localhost".encode("idna")  # imports what TLS asks for later, when Python's files may be out of reach

BUDGET: Final = 0.15
"""Seconds in which the store has answered, or counts as unreachable."""

CONNECT: Final = 5.0
"""Seconds that a session may take to begin."""

ECHO: Final = 2.0
"""Seconds after which a message of ours has come back, or the session is over."""

RETRY: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
"""Seconds until another session is begun, after each that failed."""

CONNECTIONS: Final = 24
"""At most, besides the one that listens: more knocks at once have the store count as unreachable."""

MOST_QUEUED: Final = 10_000
"""Messages that wait to be published; with more the session is over."""

MOST_AT_ONCE: Final = 100
"""Messages that are published in one go."""

_FAILURES: Final = (ValkeyError, OSError, asyncio.TimeoutError, EOFError)


class Access(NamedTuple):
    """Where the store is, and how one gets in. ``ca``: PEM certificates; None: the system's.

    ``replicas``: so many have what is burnt before it counts.
    """

    endpoints: Sequence[FleetEndpoint]
    password: str | None
    ca: str | None
    replicas: int = 0


class Events(NamedTuple):
    """What is called: ``began`` and ``ended`` (with the reason) of a session, ``heard`` with each message."""

    began: Callable[[str], None]
    ended: Callable[[str], None]
    heard: Callable[[bytes], None]


class Store:
    """``prefix`` begins the names of all keys and channels; ``own`` is the channel for this gateway alone."""

    def __init__(self, access: Access, prefix: str, own: str, events: Events) -> None:
        self._access, self._prefix, self._own, self._events = access, prefix, own, events
        self._commands: Any = None
        self._queue: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self._echo: tuple[bytes, float] | None = None
        """A message of ours for all that has not come back yet, and when it is late."""
        self.latency = 0.0
        """Seconds that the last answer has taken."""
        self.refusal = ""
        """What the store has answered last instead of doing what it was told."""

    async def run(self) -> None:
        """Holds a session, and begins another one when it is over, for good."""
        failures = 0
        while True:
            try:
                await self._hold_session()
            except _FAILURES as error:
                reason = explain(error)
            if self._commands is not None:
                failures = 0
            self._commands, self._echo = None, None
            self._queue = asyncio.Queue()
            self._events.ended(reason)
            await asyncio.sleep(RETRY[min(failures, len(RETRY) - 1)])
            failures += 1

    async def burn(self, mark: str, seconds: int) -> Verdict:
        """Notes a mark, unless it is there."""
        key = f"{self._prefix}used:{mark}"
        done = await self._ask(lambda commands: self._set(commands, key, seconds))
        if done is _NO_ANSWER:
            return Verdict.UNREACHABLE
        return Verdict.FRESH if done else Verdict.USED

    async def _set(self, commands: Any, key: str, seconds: int) -> Any:
        """Raises OSError when too few replicas have it in time: it is burnt all the same."""
        wanted = self._access.replicas
        if not wanted:
            return await commands.set(key, b"1", nx=True, ex=seconds)
        async with commands.pipeline(transaction=False) as pipe:
            pipe.set(key, b"1", nx=True, ex=seconds)
            pipe.execute_command("WAIT", wanted, int(BUDGET * 500))
            done, replicas = await pipe.execute()
        if done and replicas < wanted:
            raise OSError(f"{replicas} replicas have it, and {wanted} are to")
        return done

    async def burn_again(self, marks: Sequence[tuple[str, int]]) -> None:
        """Notes marks that a store may have lost."""
        for mark, seconds in marks:
            await self.burn(mark, seconds)

    async def is_burnt(self, mark: str) -> bool:
        """Whether a mark is there; False, too, while the store does not answer."""
        found = await self._ask(lambda commands: commands.exists(f"{self._prefix}used:{mark}"))
        return found is not _NO_ANSWER and bool(found)

    async def reach(self) -> Verdict:
        """Whether the store answers."""
        done = await self._ask(lambda commands: commands.ping())
        return Verdict.UNREACHABLE if done is _NO_ANSWER else Verdict.FRESH

    def publish(self, to: str, data: bytes) -> None:
        """Sends a message, for all or to a channel of a gateway; without a session it is lost."""
        if self._commands is None:
            return
        self._queue.put_nowait((f"{self._prefix}to:{to}" if to else f"{self._prefix}all", data))
        if not to and self._echo is None:
            self._echo = data, time.monotonic() + ECHO

    # A question.

    async def _ask(self, ask: Callable[[Any], Any]) -> Any:
        commands = self._commands
        if commands is None:
            return _NO_ANSWER
        began = time.monotonic()
        try:
            async with asyncio.timeout(BUDGET):
                found = await ask(commands)
        except _FAILURES as error:
            self.refusal = explain(error)
            return _NO_ANSWER
        self.latency = time.monotonic() - began
        self.refusal = ""
        return found

    # A session.

    async def _hold_session(self) -> None:
        """Raises one of the failures when it is over."""
        clients: list[Any] = []
        try:
            async with asyncio.timeout(CONNECT):
                endpoint, plain, commands = await self._connect(clients)
                listening = plain.pubsub()
                clients.append(listening)
                await listening.subscribe(f"{self._prefix}all", f"{self._prefix}to:{self._own}")
                await commands.ping()
            self._commands = commands
            self._events.began(endpoint)
            tasks = [self._listen(listening), self._send(plain), self._watch()]
            running = [asyncio.ensure_future(task) for task in tasks]
            try:
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_EXCEPTION)
                for task in done:
                    task.result()
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        finally:
            for client in clients:
                with suppress(*_FAILURES):  # it is given up anyway
                    async with asyncio.timeout(1.0):
                        await client.aclose()

    async def _listen(self, listening: Any) -> None:
        async for message in listening.listen():
            if message["type"] != "message":
                continue
            if self._echo is not None and message["data"] == self._echo[0]:
                self._echo = None
            self._events.heard(message["data"])
        raise EOFError("the subscription has ended")

    async def _send(self, plain: Any) -> None:
        while True:
            first = await self._queue.get()
            if self._queue.qsize() > MOST_QUEUED:
                raise EOFError("messages are made faster than the store takes them")
            batch = [first]
            while len(batch) < MOST_AT_ONCE and not self._queue.empty():
                batch.append(self._queue.get_nowait())
            async with asyncio.timeout(ECHO), plain.pipeline(transaction=False) as pipe:
                for channel, data in batch:
                    pipe.publish(channel, data)
                await pipe.execute()

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(ECHO / 4)
            if self._echo is not None and time.monotonic() > self._echo[1]:
                raise EOFError(f"it has not passed a message on within {ECHO:.0f} s")

    # Connections.

    async def _connect(self, clients: list[Any]) -> tuple[str, Any, Any]:
        """Who answers, a client for messages, and one for commands; appends what is to be closed."""
        kind = self._access.endpoints[0].kind
        if kind is FleetKind.SENTINEL:
            return await self._connect_by_sentinels(clients)
        problems = []
        for endpoint in self._access.endpoints:
            plain = valkey.Valkey(host=endpoint.host, port=endpoint.port, **self._settings(endpoint))
            clients.append(plain)
            try:
                async with asyncio.timeout(CONNECT / 2):
                    if kind is FleetKind.CLUSTER:
                        return show(endpoint), plain, await self._join_cluster(endpoint, clients)
                    role = (await plain.role())[0]
                if role in {b"master", "master"}:
                    return show(endpoint), plain, plain
                problems.append(f"{show(endpoint)}: it is a replica")
            except _FAILURES as error:
                problems.append(f"{show(endpoint)}: {explain(error)}")
        raise OSError("; ".join(problems))

    async def _connect_by_sentinels(self, clients: list[Any]) -> tuple[str, Any, Any]:
        first = self._access.endpoints[0]
        settings = self._settings(first)
        asking = {name: settings[name] for name in settings if name not in {"db", "username", "password"}}
        sentinels: Any = Sentinel(  # type: ignore[no-untyped-call]
            [(one.host, one.port) for one in self._access.endpoints], sentinel_kwargs=asking, **settings
        )
        clients.extend(sentinels.sentinels)
        host, port = await sentinels.discover_master(first.service)
        plain = sentinels.master_for(first.service)
        clients.append(plain)
        return f"{host}:{port}", plain, plain

    async def _join_cluster(self, endpoint: FleetEndpoint, clients: list[Any]) -> Any:
        settings = {name: value for name, value in self._settings(endpoint).items() if name != "db"}
        settings |= {"cluster_error_retry_attempts": 0, "connection_error_retry_attempts": 0}
        cluster = valkey.ValkeyCluster(host=endpoint.host, port=endpoint.port, **settings)
        clients.append(cluster)
        await cluster.initialize()
        return cluster

    def _settings(self, endpoint: FleetEndpoint) -> dict[str, Any]:
        settings: dict[str, Any] = {
            "db": endpoint.database,
            "username": endpoint.user or None,
            "password": self._access.password,
            "socket_connect_timeout": CONNECT / 2,
            "socket_timeout": None,
            "socket_keepalive": True,
            "max_connections": CONNECTIONS,
        }
        if endpoint.tls:
            settings |= {"ssl": True, "ssl_cert_reqs": "required", "ssl_check_hostname": True}
            settings["ssl_ca_data"] = self._access.ca
        return settings


_NO_ANSWER: Final = object()


def show(endpoint: FleetEndpoint) -> str:
    """An endpoint in words."""
    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    return f"{host}:{endpoint.port}"


def explain(error: BaseException) -> str:
    """A failure in one line."""
    if isinstance(error, TimeoutError) and not str(error):
        return "no answer in time"
    inner = error.__cause__ or error.__context__
    number = inner.errno if isinstance(inner, OSError) and not isinstance(inner, ssl.SSLError) else None
    if number is not None and number in errno.errorcode:
        return os.strerror(number)  # the library's own words have the address twice
    return " ".join(str(error).split())[:300] or type(error).__name__


class ResolvingLoop(asyncio.SelectorEventLoop):
    """An event loop that looks names up itself: this process may start no thread.

    Meanwhile all else waits; but what waits then is only to be told that the store is not reached.
    """

    async def getaddrinfo(self, host: Any, port: Any, **hints: Any) -> Any:
        """As asyncio's. Raises OSError."""
        return socket.getaddrinfo(host, port, **hints)
