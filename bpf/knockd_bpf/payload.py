"""What the payload of a UDP packet must be: its length and its first word. Pure."""

from __future__ import annotations

from knockd_conf.classes import NamedTuple


class PayloadRule(NamedTuple):
    """A payload of exactly ``size`` bytes, in no fragment, that begins with one of ``words``.

    These are sorted numbers of 32 bits, one at least; ``size`` is no less than the 4 bytes of one.

    Over IPv6 the UDP header comes right behind the fixed header: such a packet has no extension header.
    """

    size: int
    words: tuple[int, ...]

    def accepts(self, payload: bytes) -> bool:
        """Whether a payload satisfies the rule."""
        return len(payload) == self.size and int.from_bytes(payload[:4], "big") in self.words
