"""What a first door runs, and what its owner types at the firewall, in the words of each tool.

Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from knockd.init.walls import NFT_FILE, Walls
from knockd.init.ways import GATE_CHAIN, Tool, Way
from knockd_conf.classes import NamedTuple
from knockd_conf.firewall_tools import Version
from knockd_conf.model import Service
from knockd_conf.protocol import Protocol

PATIENCE = 5
"""Minutes after which a firewall that was closed is open again, unless its owner says that he came in."""

LONGEST = "1d"
"""When the kernel takes an address out of a set though nobody has told it to: Open_Max's default."""

GATE_PRIORITY = -5
"""Behind the tracking of connections (-200), in front of what filters at priority 0."""

_STRANGERS = "strangers"
"""The chain of a gate for who has not knocked: it is filled to close and emptied to open."""

_DOOR_PRIORITY, _CLOSED_PRIORITY = -100, -50
"""Of firewalld's rich rules: those below 0 come before its services, the lowest first."""


# The first packet of a TCP connection is known by its flags: a kernel that has not tracked connections before
# takes any packet for the first of a new one.
_NFT_BEGINS = {Protocol.TCP: " tcp flags & (fin|syn|rst|ack) == syn", Protocol.UDP: ""}
_IPTABLES_BEGINS = {Protocol.TCP: "--syn", Protocol.UDP: "-m conntrack --ctstate NEW"}


class Command(NamedTuple):
    """What a door runs for knockers of one IP version."""

    start: str
    stop: str


class Work(NamedTuple):
    """Lines for a root shell, in the order in which they are to be run."""

    prepare: tuple[str, ...]
    """Lets nobody in and keeps nobody out."""
    close: tuple[str, ...]
    """Keeps everybody out who has not knocked."""
    undo: tuple[str, ...]
    """Takes back what ``close`` did."""
    keep: tuple[str, ...]
    """For the next boot."""
    advice: tuple[str, ...] = ()
    """Sentences about the next boot, where there is no line for it."""


def make_command(ways: Iterable[Way], service: Service, version: Version) -> Command:
    """What lets a knocker of an IP version in, and what keeps him out again."""
    made = [_COMMANDS[way.tool](way, service) for way in ways if way.version == version]
    unlike = list(dict.fromkeys(made))
    return Command(" && ".join(one.start for one in unlike), "; ".join(one.stop for one in unlike))


def _set_command(way: Way, _service: Service) -> Command:
    element = f"element {way.members} {{ %IP% }}"
    # An element that is gone, as after a reload of the firewall, cannot be deleted: it is put there first.
    return Command(f"{way.program} add {element}", f"{way.program} 'add {element}; delete {element}'")


def _iptables_command(way: Way, service: Service) -> Command:
    rule = f"{_chain(way)} -s %IP% {_iptables_port(service)} -j ACCEPT"
    return Command(f"{way.program} -w -I {rule}", f"{way.program} -w -D {rule}")


def _ufw_command(way: Way, service: Service) -> Command:
    rule = f"allow proto {service.protocol} from %IP% to any port {service.low}"
    return Command(f"{way.program} prepend {rule}", f"{way.program} delete {rule}")


def _firewalld_command(way: Way, service: Service) -> Command:
    rule = (
        f'\'rule priority="{_DOOR_PRIORITY}" family="ipv{way.version}" source address="%IP%"'
        f" {_firewalld_port(service)} accept'"
    )
    program = f"{way.program} --zone={way.place}"
    return Command(f"{program} --add-rich-rule={rule}", f"{program} --remove-rich-rule={rule}")


_COMMANDS: dict[Tool, Callable[[Way, Service], Command]] = {
    Tool.NFT: _set_command,
    Tool.GATE: _set_command,
    Tool.IPTABLES: _iptables_command,
    Tool.UFW: _ufw_command,
    Tool.FIREWALLD: _firewalld_command,
}


def plan_work(ways: Sequence[Way], service: Service, walls: Walls, versions: Sequence[Version]) -> Work:
    """What is to be done for the ways; ``versions`` are those by which others can reach this host."""
    by_set = [way for way in ways if way.tool is Tool.NFT]
    gates = [way for way in ways if way.tool is Tool.GATE]
    open_ways = [way for way in ways if way.wide_open and way.version in versions]
    closing = list(dict.fromkeys(one for way in open_ways for one in _close(way, open_ways, service, walls)))
    kept = bool(by_set) and {_table(way) for way in by_set} <= walls.kept_tables
    keep: list[str] = []
    advice: list[str] = []
    if by_set and not kept:
        advice.append(f"table {_table(by_set[0])} lacks them after a boot: put them where it is set up, too")
    for tool in dict.fromkeys(way.tool for way in open_ways):
        first = next(way for way in open_ways if way.tool is tool)
        lines = _keep(first, closing, walls)
        keep += lines
        if not lines and tool is not Tool.UFW:  # which writes its rules to disk
            advice.append("after a boot it is open again: put what closes it where your firewall is set up")
    return Work(
        (*_prepare_sets(by_set, service, kept=kept), *_prepare_gates(gates, service)),
        tuple(one for one, _ in closing),
        tuple(dict.fromkeys(back for _, back in reversed(closing))),
        tuple(keep),
        tuple(advice),
    )


def _prepare_sets(ways: Sequence[Way], service: Service, *, kept: bool) -> Iterator[str]:
    """Sets, and the rules that ask for them, in chains that are there."""
    sets = list(dict.fromkeys(f"add set {way.members} {_type(way)}" for way in ways))
    rules = [f"insert rule {way.place} {_accept(way, service)}" for way in ways]
    if ways:
        yield _pipe([*sets, *rules], f"tee -a {NFT_FILE} | nft -f -" if kept else "nft -f -")


def _prepare_gates(ways: Sequence[Way], service: Service) -> Iterator[str]:
    """The table of our own, which drops nothing yet."""
    if ways:
        rules = (
            f"type filter hook input priority {GATE_PRIORITY}",
            "ct state established,related accept",
            "iif lo accept",
        )
        lines = (
            f"table {_table(ways[0])} {{",
            *(f"  set {way.members.rpartition(' ')[2]} {_type(way)}" for way in ways),
            f"  chain {_STRANGERS} {{ }}",
            f"  chain {GATE_CHAIN} {{",
            *(f"    {rule}" for rule in ("; ".join(rules), *(_accept(way, service) for way in ways))),
            f"    jump {_STRANGERS}",
            "  }",
            "}",
        )
        yield _pipe(lines, "nft -f -")


def _pipe(lines: Sequence[str], into: str) -> str:
    """One command of several lines; nft does not mind how they are indented."""
    return f"echo '{chr(10).join(lines)}' | {into}"


def _type(way: Way) -> str:
    return f"{{ type ipv{way.version}_addr; flags timeout; timeout {LONGEST}; }}"


def _accept(way: Way, service: Service) -> str:
    field = "ip6" if way.version == 6 else "ip"
    return f"{_nft_port(service)} {field} saddr @{way.members.rpartition(' ')[2]} accept"


def _close(way: Way, among: Sequence[Way], service: Service, walls: Walls) -> Iterator[tuple[str, str]]:
    """Yields each line that closes, and the one that takes it back."""
    if way.tool is Tool.GATE:
        both = len({one.version for one in among if one.tool is Tool.GATE}) == 2
        only = "" if both else f"meta nfproto ipv{way.version} "
        chain = f"{_table(way)} {_STRANGERS}"
        rule = f"{only}{_nft_port(service)}{_NFT_BEGINS[service.protocol]} drop"
        yield f"nft 'add rule {chain} {rule}'", f"nft flush chain {chain}"
    elif way.tool is Tool.IPTABLES:
        rule = f"{_chain(way)} ! -i lo {_iptables_port(service)} {_IPTABLES_BEGINS[service.protocol]} -j DROP"
        yield f"{way.name} -w -I {rule}", f"{way.name} -w -D {rule}"
    elif way.tool is Tool.UFW:
        # ufw puts no rule in front of one for the same packets, whatever that does: it has to go first.
        old = re.compile(rf"ufw (allow|limit) ({service.low}/{service.protocol})(?: comment .*)?")
        for line in walls.ufw_rules:
            if same := old.fullmatch(line):
                yield f"ufw delete {same[1]} {same[2]}", f"ufw {same[1]} {same[2]}"
        rule = f"deny in proto {service.protocol} to any port {service.low}"
        yield f"ufw prepend {rule}", f"ufw delete {rule}"
    elif way.tool is Tool.FIREWALLD:
        rule = f"'rule priority=\"{_CLOSED_PRIORITY}\" {_firewalld_port(service)} drop'"
        program = f"firewall-cmd --zone={way.place}"
        yield f"{program} --add-rich-rule={rule}", f"{program} --remove-rich-rule={rule}"


def _keep(way: Way, closing: Sequence[tuple[str, str]], walls: Walls) -> list[str]:
    """The lines by which what closes is there after a boot; none: there is no such line."""
    if way.tool is Tool.GATE and walls.nft_file:
        boot = " && systemctl enable nftables" if walls.systemd else ""
        return [f"nft -t list table {_table(way)} >> {NFT_FILE}{boot}"]
    if way.tool is Tool.IPTABLES and "netfilter-persistent" in walls.programs:
        return ["netfilter-persistent save"]
    if way.tool is Tool.FIREWALLD:
        return [f"{line} --permanent" for line, _ in closing if line.startswith("firewall-cmd ")]
    return []


def _table(way: Way) -> str:
    return way.place.rpartition(" ")[0]


def _chain(way: Way) -> str:
    """The chain of an iptables command, with its table where that is not the usual one."""
    _, table, chain = way.place.removeprefix("legacy ").split(" ")
    return chain if table == "filter" else f"{chain} -t {table}"


def _nft_port(service: Service) -> str:
    return f"{service.protocol} dport {service.low}"


def _iptables_port(service: Service) -> str:
    return f"-p {service.protocol} --dport {service.low}"


def _firewalld_port(service: Service) -> str:
    return f'port port="{service.low}" protocol="{service.protocol}"'
