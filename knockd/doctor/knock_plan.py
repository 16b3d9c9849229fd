"""What a knock at a door of the lab is: addresses, packets and flags, for each IP version that it serves.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address

from knockd.client.plan import Signed
from knockd.knocks.watch import Watch
from knockd_conf.access import Access
from knockd_conf.classes import NamedTuple
from knockd_conf.model import Config, Door, Step
from knockd_conf.protocol import FLAG_BITS, Protocol
from knockd_conf.text import printable


class Link(NamedTuple):
    """An address of server and client each, both of one IP version."""

    version: int
    server: str
    client: str


LINKS = (Link(4, "192.0.2.1", "192.0.2.2"), Link(6, "2001:db8::1", "2001:db8::2"))
"""Addresses that nobody has (RFC 5737, RFC 3849)."""

_STEPS = (1, 2, 0)
"""Which addresses of a network are tried: the first one is often that of the network itself."""

_OTHER_CLIENTS = {4: "192.0.2.3", 6: "2001:db8::3"}


class Way(NamedTuple):
    """A knock to be tried. ``flags``: the byte to send in place of an ordinary client's, None: that.

    ``secret``: the name of a door with a key, whose ports of now are not to be shown. ``signed``: what the
    only packet is made of, where that is signed.
    """

    link: Link
    steps: tuple[Step, ...]
    flags: int | None
    secret: str = ""
    signed: Signed | None = None

    def show_step(self, number: int) -> str:
        """The step at a place as it may be shown."""
        return str(self.steps[number].protocol if self.secret else self.steps[number])

    @property
    def command(self) -> str:
        """The command line that sends it."""
        if self.signed is not None:
            identity = (
                "" if self.signed.identity is None else f" --identity {printable(self.signed.identity)}"
            )
            secret, name = printable(self.signed.secret), printable(self.signed.door)
            asked = f"--signed {self.signed.port} --secret {secret} --door {name}{identity}"
            return f"knock {asked} {self.link.server}"
        flags = "" if self.flags is None else f"--flags {_flag_names(self.flags)} "
        if self.secret:
            return f"knock {flags}--key FILE --door {printable(self.secret)} {self.link.server}"
        return f"knock {flags}{self.link.server} {' '.join(map(str, self.steps))}"


class Untried(NamedTuple):
    """An IP version by which the door is not knocked at, and why."""

    version: int
    reason: str


def find_door(config: Config, name: str) -> int | None:
    """The place of the first door of a name, also as it is printed; None when there is none."""
    names = [door.name for door in config.doors]
    shown = [*map(printable, names)]
    return names.index(name) if name in names else shown.index(name) if name in shown else None


def plan_ways(door: Door, watch: Watch, *, ipv6: bool) -> Iterator[Way | Untried]:
    """Yields for IPv4 and IPv6 what is to be tried, or why nothing is."""
    flags = None
    if (
        watch.flags is not None
        and not watch.flags.fit_clients
        and any(step.protocol is Protocol.TCP for step in watch.steps)
    ):
        flags = watch.flags.must_set
    secret = "" if door.sequence_key is None else door.name
    for link in _plan_links(door, watch.access, ipv6=ipv6):
        yield link if isinstance(link, Untried) else Way(link, watch.steps, flags, secret)


def plan_signed(door: Door, signed: Signed, *, ipv6: bool) -> Iterator[Way | Untried]:
    """Yields the same for a signed knock."""
    step = Step(signed.port, Protocol.UDP)
    for link in _plan_links(door, door.access, ipv6=ipv6):
        yield link if isinstance(link, Untried) else Way(link, (step,), None, signed=signed)


def _plan_links(door: Door, access: Access | None, *, ipv6: bool) -> Iterator[Link | Untried]:
    """Yields the addresses by which a door is knocked at, who may, or why it is not."""
    for link in LINKS:
        reason = _explain_unserved(door, link.version, ipv6=ipv6)
        target = _choose_target(door, link.version)
        if reason is None and target == "":
            reason = f"its Target has no IPv{link.version} address that a host could have"
        if reason is not None:
            yield Untried(link.version, reason)
            continue
        server = target or link.server
        client = _choose_client(access, link, server)
        if client is None:
            yield Untried(
                link.version, f"Allow and Deny leave no IPv{link.version} address that a client could have"
            )
            continue
        yield Link(link.version, server, client)


def _explain_unserved(door: Door, version: int, *, ipv6: bool) -> str | None:
    """Why a door serves no knockers of an IP version, None when it does."""
    if version == 6 and not ipv6:
        return "knockd does not listen to IPv6 (-4)"
    start, stop = door.start_for(version), door.stop_for(version)
    if start is None:
        return f"the door has no start command for IPv{version}"
    for verb, command in (("start", start), ("stop", stop)):
        fits = None if command is None else door.facts_of(command).version
        if fits not in (None, version):
            return f"its {verb} command works for IPv{fits} knockers only"
    return None


def _choose_client(access: Access | None, link: Link, server: str) -> str | None:
    """An address that may knock, by choice one that nobody has; None: a client can have none that may."""
    usual = [one for one in (link.client, _OTHER_CLIENTS[link.version]) if one != server]
    if access is None:
        return usual[0]
    size = 4 if link.version == 4 else 16
    spans = access.spans(size)
    numbers = (low + step for step in _STEPS for low, high in spans if low + step <= high)
    allowed = (str(_address(number, size)) for number in numbers if _is_usable(_address(number, size)))
    found = (one for one in (*usual, *allowed) if one != server and access.admits(ip_address(one).packed))
    return next(found, None)


def _address(number: int, size: int) -> IPv4Address | IPv6Address:
    return IPv4Address(number) if size == 4 else IPv6Address(number)


def _is_usable(address: IPv4Address | IPv6Address) -> bool:
    """Whether a host of the lab can have it."""
    return not (
        address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local
    )


def _choose_target(door: Door, version: int) -> str | None:
    """The address to knock at: the first of Target that the lab can have; "": there is none; None: any."""
    if not door.target:
        return None
    usable = (str(one) for one in door.target if one.version == version and _is_usable(one))
    return next(usable, "")


def _flag_names(flags: int) -> str:
    """Flags as the option writes them; without any there is one that must be clear."""
    return ",".join(name for name, bit in FLAG_BITS.items() if flags & bit) or "!syn"
