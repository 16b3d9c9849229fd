"""The store as one object: what it is asked with, and what becomes of an answer that is late, or none.

Real stores are in tests/e2e/test_fleet.py and tests/faults/test_fleet.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("valkey", reason="the package valkey is not installed")

from valkey.exceptions import ResponseError

from knockd.fleet.store import BUDGET, Access, Events, ResolvingLoop, Store, explain, show
from knockd.fleet.verbs import Verdict
from knockd_conf.model import FleetEndpoint, FleetKind

PLAIN = FleetEndpoint(FleetKind.SINGLE, False, "store.example", 6379, "anne", 3, "")
TLS = PLAIN._replace(tls=True, host="2001:db8::1")


def ignore(*_: Any) -> None: ...


def store(endpoint: FleetEndpoint = PLAIN, ca: str | None = None) -> Store:
    """A store without a session."""
    return Store(Access((endpoint,), "secret", ca), "knockd:{lab}:", "ab", Events(ignore, ignore, ignore))


class Answering:
    """A client whose every command ends as a test says."""

    def __init__(self, end: Callable[[], Any]) -> None:
        self.end, self.asked = end, list[tuple[Any, ...]]()

    async def set(self, *given: Any, **options: Any) -> Any:
        """SET."""
        self.asked.append((*given, options))
        return await self._answer()

    async def exists(self, *given: Any) -> Any:
        """EXISTS."""
        self.asked.append(given)
        return await self._answer()

    async def ping(self) -> Any:
        """PING."""
        return await self._answer()

    async def _answer(self) -> Any:
        found = self.end()
        if isinstance(found, Exception):
            raise found
        return await found if asyncio.iscoroutine(found) else found


def asked(end: Callable[[], Any]) -> tuple[Verdict, bool, Verdict, Answering, Store]:
    """What comes of a burn, a look and a ping."""
    made, client = store(), Answering(end)
    made._commands = client

    async def ask() -> tuple[Verdict, bool, Verdict]:
        return await made.burn("aa", 60), await made.is_burnt("aa"), await made.reach()

    return *asyncio.run(ask()), client, made


def test_no_session() -> None:
    """Without a session nothing is reached, at once; messages are lost."""
    made = store()

    async def ask() -> None:
        assert await made.burn("aa", 60) is Verdict.UNREACHABLE
        assert await made.reach() is Verdict.UNREACHABLE
        assert await made.is_burnt("aa") is False
        made.publish("", b"x")

    asyncio.run(ask())
    assert made._queue.empty()


def test_answers() -> None:
    """SET NX says whether it was there; the key tells nothing but the fleet's name and a mark."""
    burnt, there, reached, client, _ = asked(lambda: True)
    assert (burnt, there, reached) == (Verdict.FRESH, True, Verdict.FRESH)
    assert client.asked == [
        ("knockd:{lab}:used:aa", b"1", {"nx": True, "ex": 60}),
        ("knockd:{lab}:used:aa",),
    ]
    assert asked(lambda: None)[0] is Verdict.USED


@pytest.mark.parametrize(
    "end",
    [
        lambda: ResponseError("OOM command not allowed"),
        lambda: ConnectionResetError(104, "Connection reset by peer"),
        lambda: asyncio.sleep(10 * BUDGET),
    ],
)
def test_no_answer(end: Callable[[], Any]) -> None:
    """An error, a lost connection and an answer that does not come in time are all the same."""
    burnt, there, reached, _, made = asked(end)
    assert (burnt, there, reached) == (Verdict.UNREACHABLE, False, Verdict.UNREACHABLE)
    assert made.refusal


def test_settings() -> None:
    """Over TLS certificate and name are checked; without a CA of ours by the system's."""
    assert store()._settings(PLAIN)["password"] == "secret"
    assert {"username": "anne", "db": 3}.items() <= store()._settings(PLAIN).items()
    assert "ssl" not in store()._settings(PLAIN)
    found = store(TLS, ca="PEM")._settings(TLS)
    assert (found["ssl"], found["ssl_cert_reqs"], found["ssl_check_hostname"]) == (True, "required", True)
    assert found["ssl_ca_data"] == "PEM"
    assert store(TLS)._settings(TLS)["ssl_ca_data"] is None


def test_words() -> None:
    """Endpoints and failures in one line each."""
    assert [show(PLAIN), show(TLS)] == ["store.example:6379", "[2001:db8::1]:6379"]
    assert explain(TimeoutError()) == "no answer in time"
    assert explain(ResponseError("WRONGPASS\n invalid")) == "WRONGPASS invalid"
    assert explain(EOFError()) == "EOFError"
    assert len(explain(OSError("x" * 5_000))) == 300


def test_names_without_threads() -> None:
    """Names are looked up in the process itself: it may start no thread."""

    async def look() -> list[Any]:
        found: list[Any] = await asyncio.get_running_loop().getaddrinfo("127.0.0.1", 7)
        return found

    with asyncio.Runner(loop_factory=ResolvingLoop) as runner:
        assert runner.run(look())[0][4] == ("127.0.0.1", 7)


class Replicated:
    """A client of a server with so many replicas; ``done`` is what SET answers."""

    def __init__(self, replicas: int, done: Any = True) -> None:
        self.answers, self.asked = [done, replicas], list[tuple[Any, ...]]()

    def pipeline(self, *, transaction: bool) -> Replicated:
        """One connection for all."""
        assert not transaction
        return self

    async def __aenter__(self) -> Replicated:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    def set(self, *given: Any, **_: Any) -> None:
        """SET."""
        self.asked.append(given)

    def execute_command(self, *given: Any) -> None:
        """WAIT."""
        self.asked.append(given)

    async def execute(self) -> list[Any]:
        """The answers."""
        return self.answers


@pytest.mark.parametrize(
    ("replicas", "done", "verdict"),
    [
        (2, True, Verdict.FRESH),
        (3, True, Verdict.FRESH),
        (1, True, Verdict.UNREACHABLE),
        (0, None, Verdict.USED),
    ],
)
def test_replicas(replicas: int, done: Any, verdict: Verdict) -> None:
    """What too few replicas have is not sure to be used up, and opens nothing; what was used is."""
    made = Store(Access((PLAIN,), None, None, replicas=2), "knockd:{lab}:", "ab", Events(*[ignore] * 3))
    made._commands = client = Replicated(replicas, done)
    assert asyncio.run(made.burn("aa", 60)) is verdict
    assert client.asked == [("knockd:{lab}:used:aa", b"1"), ("WAIT", 2, 75)]
