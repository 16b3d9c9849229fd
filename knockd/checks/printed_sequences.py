"""Sequences that manuals and articles print: who looks for port-knock daemons tries them first.

Ports in the order in which they are knocked; protocols do not matter. A test holds the last rows to our own
README, manual pages and examples.

Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

OUR_EXAMPLES: Final = "our own examples"

PRINTED: Final = {
    "the configuration and manual of knockd 0.8": (
        (7000, 8000, 9000),
        (2222, 3333, 4444),  # 2222:udp,3333:tcp,4444:udp
    ),
    "knock's manual": (
        (123, 456, 789),
        (8284, 4721, 18592, 42912),
    ),
    "articles about knockd": (
        (700, 800, 900),  # linuxaria, and who took it over
        (1000, 2000, 3000),
        (1234, 5678, 9101),
        (1234, 5678, 9012),
        (4444, 3333, 5555),  # BrazilFW's package
        (700, 707, 777),
        (600, 606, 666),
        (123, 124, 125),  # the cookbook chef-knockd
        (1123, 1124, 1125),
        (3389, 80, 21, 53, 23),
    ),
    "articles about port knocking": (
        (1111, 2222, 3333),  # DigitalOcean: with iptables alone; and the client knocker
        (1234, 5678, 9123),  # the client knocker
        (8881, 7777, 9991),  # ArchWiki: with iptables
        (1234, 3456, 2345),  # iptables with the match recent
        (10000, 2345, 3456, 1234),  # nftables, michael.kjorling.se
        (123, 234, 345, 456),  # nftables' wiki
        (888, 555, 222),  # MikroTik's help
        (9000, 6000),  # MikroTik's wiki
        (333, 777, 888),  # MikroTik step by step
        (4002, 4001, 4004),  # xt_pknock(8)
        (2003, 2001, 2005),  # portknocko
        (45, 67, 89),  # the match portkng of iptables
        (1026, 1027, 1029, 1034, 1026, 1044, 1035),  # portknocking.org
        (12, 23, 18, 66),  # the article on knockknock
        (5997, 5959),
    ),
    "exercises for intruders": (
        (7469, 8475, 9842),  # DC-9
        (571, 290, 911),  # Nineveh
        (4, 8, 15, 16, 23, 42),
    ),
    OUR_EXAMPLES: (
        (23817, 41290, 17533),
        (29417, 51208, 23866),
        (31954, 20677, 48012),
        (26491, 43118, 12067),
        (19402, 52231, 36118),
        (27340, 61115, 44906),
        (52718, 33904, 60277),
        (40127, 15880, 33046),
        (29218, 53407, 18865),
        (38751, 22046, 57310),
        (46239, 31570, 24983),
    ),
}
"""Where each is printed; backwards they are printed, too: to close."""


def where_printed(ports: Sequence[int]) -> str | None:
    """Where a sequence is printed, forwards or backwards; None: nowhere that we know."""
    wanted = {tuple(ports), tuple(reversed(ports))}
    return next((place for place, rows in PRINTED.items() if not wanted.isdisjoint(rows)), None)
