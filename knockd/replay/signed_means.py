"""What signed knocks of a configuration are judged by, of a child that alone has the knock secret.

What strangers have sent is parsed by the process that asks, so it has no secret, and learns the keys of those
minutes only that it comes to.

World: a child process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import TracebackType

from knockd.log.stamps import local_day
from knockd.process.fork import fork_child
from knockd.replay.signed_times import Means
from knockd.signed.known_keys import KnownKeys
from knockd.signed.secret_teller import SecretTeller
from knockd.signed.signature import explain_missing, is_right
from knockd.signed.signed_answers import Answer
from knockd_conf.model import Config, Door
from knockd_conf.text import printable
from knockd_conf.trust import TrustPolicy

LEFT_OUT = "signed knocks are left out: "


class SignedMeans:
    """Start it before rights are given up; what it cannot have it says, each thing once."""

    def __init__(self, config: Config, say: Callable[[str], None]) -> None:
        self._doors = [door for door in config.doors if door.is_signed]
        self._say_line = say
        self._said: set[str] = set()
        self._teller: SecretTeller | None = None
        self.means: Means | None = None
        """None: no signed knock can be judged."""
        if self._doors:
            self._start(config)

    def __enter__(self) -> SignedMeans:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the child."""
        if self._teller is not None:
            self._teller.close()
            self._teller = None

    def derive(self, minutes: range) -> Mapping[int, bytes]:
        """The keys of some minutes; none once the child has ended."""
        if self._teller is None:
            return {}
        try:
            return self._teller.derive(minutes)
        except OSError as error:
            self._give_up(error)
            return {}

    def find_minute(self, tag: bytes, near: int) -> int | None:
        """The nearest minute to another one that has a tag, days away at most."""
        if self._teller is None:
            return None
        try:
            return self._teller.find_minute(tag, near)
        except OSError as error:
            self._give_up(error)
            return None

    def _start(self, config: Config) -> None:
        secret = str(config.options.knock_secret)
        files = tuple(dict.fromkeys(str(door.authorized_keys) for door in self._doors))
        if missing := explain_missing():
            self._say(f"{LEFT_OUT}{missing}")
            return
        try:
            policy = TrustPolicy.current(allow_insecure=config.insecure)
            self._teller = SecretTeller(fork_child, secret, files, policy)
            answer = self._teller.tell_files()
        except OSError as error:
            self._give_up(error)
            return
        if answer.secret.problem:
            self._say(f"{LEFT_OUT}{printable(secret)}: {answer.secret.problem}")
            return
        self._tell_troubles(files, answer)
        self.means = Means(self, answer, is_right, _is_past)

    def _tell_troubles(self, files: tuple[str, ...], answer: Answer) -> None:
        for trouble in KnownKeys(files).take(answer.files):
            self._say(f"{printable(trouble.path)}: {trouble.problem}")

    def _give_up(self, error: OSError) -> None:
        self.close()
        self._say(f"{LEFT_OUT}{error.strerror}")

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say_line(text)


def _is_past(door: Door, now: float) -> bool:
    return door.has_expired(local_day(int(now * 1_000_000)))
