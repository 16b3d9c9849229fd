"""What a packet process is started with and keeps for life.

Pure.
"""

from __future__ import annotations

from knockd.process.privileges import User
from knockd_conf.classes import dataclass
from knockd_conf.model import Reader


@dataclass(frozen=True, slots=True)
class Setup:
    """``latency`` is in milliseconds, ``buffer`` the size of each capture ring in KiB.

    ``user``: who the process becomes; None: it stays who it is. With ``user_required`` it ends when it
    cannot. With ``debug`` it prints every packet. Without ``signed`` no view has ports of signed knocks.
    """

    latency: int
    buffer: int
    max_attempts: int
    user: User | None = None
    user_required: bool = False
    ipv6: bool = True
    debug: bool = False
    signed: bool = False
    reader: Reader = Reader.AUTO

    @property
    def slack(self) -> float:
        """Seconds that two packets may come closer together, or be further apart, than they were sent."""
        # A packet may wait a timer period in the ring, and the next one none.
        return 2 * self.latency / 1000
