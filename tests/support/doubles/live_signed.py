"""Doors of signed knocks without children and clocks: a test sets the time and says what files hold.

Keys and signatures are real ones.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from nacl.signing import SigningKey

from knockd.process.answer_child import AnswerChild
from knockd.sequences.burnt_periods import BurntPeriods
from knockd.sequences.key_record import KeyRecord
from knockd.sequences.recorded_clock import RecordedClock
from knockd.signed.signature import explain_missing
from knockd.signed.signed_answers import Answer, FileAnswer, Question, SecretAnswer, write_answer
from knockd.signed.signed_doors import SignedDoors
from knockd.signed.used_nonces import UsedNonces
from knockd.signed.values import Arrival, Granted, Reason, Verdict
from knockd_conf.authorized_keys import AuthorizedKey
from knockd_conf.hashes import hash_sha256
from knockd_conf.model import ClockTrust, Config, Door, Options
from knockd_conf.signed_packet import (
    MINUTE,
    UNBOUND,
    MinuteKeys,
    Request,
    Verb,
    blob_of,
    derive_host,
    derive_minute,
    message_of,
    pack_bound,
    select_door,
)
from tests.support.doubles.keyed import POLICY, AnsweringChild, Clocks
from tests.support.doubles.manual_loop import ManualLoop
from tests.support.doubles.signed import PATH, PORT, signed_door

SECRET_PATH = "/etc/knockd/secret"
SECRET = bytes(range(32))
NOON = 1_790_000_040.0
"""The first moment of a minute."""

NOW = int(NOON) // MINUTE
ALICE, BOB = bytes([203, 0, 113, 9]), bytes([203, 0, 113, 10])
SERVER = bytes([192, 0, 2, 1])


class Signer:
    """Whoever has a private key. ``application`` is that of a hardware key."""

    def __init__(self, name: str, application: str | None = None) -> None:
        self.name, self.application = name, application
        self._key = SigningKey(hash_sha256(name.encode()))
        self.public: bytes = self._key.verify_key.encode()

    def line(self, **fields: Any) -> AuthorizedKey:
        """The key as a file has it."""
        fingerprint = "SHA256:" + self.public.hex()[:43]
        return AuthorizedKey(self.public, self.name, fingerprint, self.application, **fields)

    def knock(
        self,
        *,
        minute: int = NOW,
        nonce: bytes = b"n" * 16,
        door: str = "ssh",
        verb: Verb = Verb.OPEN,
        bound: bytes = b"",
        secret: bytes = SECRET,
        flags: int = 0,
        **fields: Any,
    ) -> bytes:
        """A packet; ``fields`` of its request are put in after it was signed."""
        address = pack_bound(bound) if bound else UNBOUND
        request = Request(verb, bool(bound), select_door(door), flags, 0, 0, address, bytes(64))
        blob = blob_of(message_of(derive_host(secret), minute, nonce, request, door))
        if self.application is not None:
            blob = hash_sha256(self.application.encode()) + bytes((flags, 0, 0, 0, 0)) + hash_sha256(blob)
        sealed = request._replace(**{"signature": self._key.sign(blob).signature, **fields})
        return MinuteKeys(minute, derive_minute(secret, minute)).seal(self.public, nonce, sealed)


ANNE, BERT, TOKEN = Signer("anne@laptop"), Signer("bert@phone"), Signer("token", "ssh:")


def signed_config(*doors: Door, state_dir: str, **options: Any) -> Config:
    """A configuration of these doors."""
    given = {"knock_secret": SECRET_PATH, "clock": ClockTrust.SYNCHRONISED, **options}
    made = Options(interface=("eth0",), state_dir=state_dir, **given)
    return Config("/etc/knockd.conf", made, doors, "host", ("/etc/knockd.conf",))


class SignedScene:
    """A host whose daemon has doors of signed knocks. ``said`` are the lines of its log.

    ``secret`` is the knock secret, or why it cannot be read; ``files`` are the keys of each file, or why they
    cannot be read. ``fault``: what becomes of the next children; ``missing``: PyNaCl is not to be had.
    """

    def __init__(self, directory: Path, *doors: Door, wall: float = NOON) -> None:
        self.loop, self.clocks = ManualLoop(), Clocks(wall)
        self.directory = directory
        self.secret: bytes | str = SECRET
        self.files: dict[str, FileAnswer | tuple[AuthorizedKey, ...]] = {PATH: (ANNE.line(), BERT.line())}
        self.fault: Callable[[], AnsweringChild] | None = None
        self.missing = False
        self.in_memory = False
        self.questions: list[Question] = []
        self.said: list[str] = []
        self.changes = 0
        self.config = signed_config(*(doors or (signed_door(),)), state_dir=str(directory / "state"))
        self.doors = self.make()

    def make(self) -> SignedDoors:
        """The doors of another start."""
        state, run = self.config.options.state_dir, str(self.directory / "run")
        self.record = KeyRecord(state, run, "run-notes", POLICY, self.log, lambda _: self.in_memory)
        BurntPeriods(self.record)
        clock = RecordedClock(self.log, self.record, self.clocks)
        start = cast(Callable[[Question], AnswerChild], self.start)
        nonces = UsedNonces(self.record)
        made = SignedDoors(self.loop.loop, self.log, clock, nonces, start, self.explain)
        made.changed = self.count
        return made

    def explain(self) -> str | None:
        """Why signatures cannot be judged."""
        return "expected PyNaCl, got none" if self.missing else explain_missing()

    def log(self, event: str, **fields: Any) -> None:
        """A line of the log."""
        self.said.append(" ".join((event, *map(str, fields.values()))))

    def count(self) -> None:
        """Something else is watched."""
        self.changes += 1

    def start(self, question: Question) -> AnsweringChild:
        """Starts a child."""
        self.questions.append(question)
        return (
            self.fault() if self.fault is not None else AnsweringChild(write_answer(self._answer(question)))
        )

    def _answer(self, question: Question) -> Answer:
        if isinstance(self.secret, str):
            secret = SecretAnswer(problem=self.secret)
        else:
            minutes = {one: derive_minute(self.secret, one) for one in question.minutes}
            secret = SecretAnswer(derive_host(self.secret), minutes)
        return Answer(secret, tuple(map(self._file, question.files)))

    def _file(self, path: str) -> FileAnswer:
        held = self.files.get(path, FileAnswer(problems=("No such file or directory",)))
        return held if isinstance(held, FileAnswer) else FileAnswer(held)

    def begin(self) -> None:
        """The daemon starts, and its first child answers."""
        self.doors.adopt(self.config)
        self.loop.deliver()

    def reload(self, *doors: Door, **options: Any) -> None:
        """Another configuration; its child answers."""
        self.config = signed_config(*doors, state_dir=self.config.options.state_dir, **options)
        self.begin()

    def restart(self) -> None:
        """Another daemon starts with what the one before has noted: that was killed."""
        self.loop = ManualLoop()
        self.doors = self.make()
        self.begin()

    def boot(self) -> None:
        """The machine boots: the runtime directory is empty, and so is what else is in memory."""
        for folder in ("run", "state") if self.in_memory else ("run",):
            for file in (self.directory / folder).glob("*"):
                file.unlink()
        self.clocks.steady = 10.0
        self.restart()

    def judge(self, packet: bytes, source: bytes = ALICE, destination: bytes = SERVER) -> Verdict:
        """What becomes of a packet."""
        return self.doors.judge(Arrival(source, destination, PORT, packet))

    def reason(self, packet: bytes, source: bytes = ALICE) -> Reason | None:
        """Why a packet does nothing; None: it counts."""
        verdict = self.judge(packet, source)
        return None if isinstance(verdict, Granted) else verdict.reason

    def sleep(self, seconds: float) -> None:
        """Time passes; timers fire when they are due, and children answer."""
        end = self.loop.now + seconds
        while due := [one for one in self.loop.timers if not one.cancelled and one.due <= end]:
            timer = min(due, key=lambda one: one.due)
            self._pass(max(0.0, timer.due - self.loop.now))
            timer.cancel()
            timer.callback()
            self.loop.deliver()
        self._pass(end - self.loop.now)

    def _pass(self, seconds: float) -> None:
        self.loop.now += seconds
        self.clocks.sleep(seconds)
