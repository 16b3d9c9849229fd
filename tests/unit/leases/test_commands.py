"""Command lines: placeholders and quoting, environment, what needs a shell."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest

from knockd.leases.commands import environment, expand, script, words
from knockd.leases.opened_by import by_key, by_signature
from knockd.leases.values import Knock
from tests.support.doubles.played import door

KNOCK = Knock(
    door=door("1 2", name="ssh", cmd_timeout=30.0),
    source="192.0.2.1",
    version=4,
    destination="10.0.0.1",
    interface="eth0",
)
HOSTILE = [
    "a b",
    "$(reboot)",
    "`id`",
    "a;b",
    "a'b",
    'a"b',
    "a\\b",
    "a|b",
    "a&b",
    "a>b",
    "*",
    "~",
    "",
    "a\nb",
    "#x",
]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("open %IP%", "open 192.0.2.1"),
        ("%IP% %IP%", "192.0.2.1 192.0.2.1"),
        ("x%IP%y", "x192.0.2.1y"),
        ("%DOOR%", "ssh"),
        ("%DST%", "10.0.0.1"),
        ("%IFACE%", "eth0"),
        ("%TIMEOUT%", "30"),
        ("%NET%", "192.0.2.1"),
        ("%IP %ip% %% %FOO% 100%", "%IP %ip% %% %FOO% 100%"),
        ("%%IP%%", "%192.0.2.1%"),
        ("echo '%IP%' # said", "echo '192.0.2.1' # said"),
    ],
)
def test_placeholders(command: str, expected: str) -> None:
    """Each placeholder becomes its value wherever it stands; everything else stays as it is."""
    assert expand(command, KNOCK) == expected


def test_ipv6_addresses_are_not_quoted() -> None:
    """An IPv6 address needs no quotes."""
    assert expand("open %IP%", KNOCK._replace(source="2001:db8::1", version=6)) == "open 2001:db8::1"


def test_values_are_not_expanded_again() -> None:
    """A value that looks like a placeholder stays a value."""
    knock = KNOCK._replace(door=replace(KNOCK.door, name="%IP%"))
    assert expand("open %DOOR%", knock) == "open %IP%"


FINGERPRINT = "SHA256:" + "x" * 43


@pytest.mark.parametrize(
    ("by", "key"),
    [
        (by_signature("a $(reboot) key", FINGERPRINT), FINGERPRINT),
        (by_key("anne@example.org"), "anne@example.org"),
        ("", None),
        ("by hand, root", None),
    ],
)
def test_key(by: str, key: str | None) -> None:
    """A command hears by which key its door was opened; by none it does not, whatever we inherited."""
    found = environment(KNOCK._replace(by=by), {"KNOCKD_KEY": "forged", "PATH": "/bin"})
    assert found.get("KNOCKD_KEY") == key
    assert found["PATH"] == "/bin"
    assert found["KNOCKD_IP"] == "192.0.2.1"


@pytest.mark.parametrize("value", HOSTILE)
def test_door_names_are_quoted(value: str) -> None:
    """A door's name is one word to the shell, whatever is in it."""
    knock = KNOCK._replace(door=replace(KNOCK.door, name=value))
    assert shlex.split(expand("open %DOOR% now", knock)) == ["open", value, "now"]


@pytest.mark.parametrize("value", HOSTILE)
def test_interface_names_are_quoted(value: str) -> None:
    """An interface's name is one word to the shell, whatever is in it."""
    assert shlex.split(expand("open %IFACE% now", KNOCK._replace(interface=value))) == ["open", value, "now"]


@pytest.mark.parametrize("value", [value for value in HOSTILE if value])
def test_quoted_values_need_a_shell(value: str) -> None:
    """A command with a value that had to be quoted is read by a shell, which takes the quotes off."""
    assert words(expand("open %IFACE%", KNOCK._replace(interface=value))) is None


def test_environment() -> None:
    """The values are in the environment too, unquoted, beside what was inherited."""
    knock = KNOCK._replace(door=replace(KNOCK.door, name="front door"))
    assert environment(knock, {"PATH": "/bin", "KNOCKD_IP": "old"}) == {
        "PATH": "/bin",
        "KNOCKD_IP": "192.0.2.1",
        "KNOCKD_NET": "192.0.2.1",
        "KNOCKD_DOOR": "front door",
        "KNOCKD_DST": "10.0.0.1",
        "KNOCKD_IFACE": "eth0",
        "KNOCKD_TIMEOUT": "30",
    }


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("/usr/sbin/nft add x", ["/usr/sbin/nft", "add", "x"]),
        ("  ip   route  ", ["ip", "route"]),
        (
            "iptables -I INPUT -s 2001:db8::1 -j ACCEPT",
            ["iptables", "-I", "INPUT", "-s", "2001:db8::1", "-j", "ACCEPT"],
        ),
        ("set --mark=7 +x a@b 50% a,b", ["set", "--mark=7", "+x", "a@b", "50%", "a,b"]),
    ],
)
def test_words(command: str, expected: list[str]) -> None:
    """A command without anything that a shell would read is split at its spaces."""
    assert words(command) == expected


@pytest.mark.parametrize("character", sorted("|&;<>()$`\\\"'*?[]#~!{}^\t\n\r\0\x85\xa0é"))
def test_needs_a_shell(character: str) -> None:
    """A command with a character that a shell might read otherwise is left to a shell."""
    assert words(f"open a{character}b") is None


@pytest.mark.parametrize("command", ["MARK=7 open", "A=", "=x open"])
def test_assignments_need_a_shell(command: str) -> None:
    """A first word with an equals sign sets a variable: the shell's business."""
    assert words(command) is None


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (" nft add element a", "exec nft add element a"),
        ("/usr/bin/open 192.0.2.1", "exec /usr/bin/open 192.0.2.1"),
        ("ulimit -t 5", "ulimit -t 5"),
        ("time open", "time open"),
        ("open; sleep 30; close", "open; sleep 30; close"),
        ("MARK=7 open", "MARK=7 open"),
        ("-l", "-l"),
        (" ", " "),
    ],
)
def test_script(command: str, text: str) -> None:
    """A program that needs no shell takes the place of the one that starts it."""
    assert script(command) == text


@pytest.mark.parametrize("command", ["", "   "])
def test_nothing_needs_a_shell(command: str) -> None:
    """A command without a word has none to execute."""
    assert words(command) is None


@pytest.mark.parametrize(
    ("source", "version", "prefix", "network"),
    [
        ("192.0.2.77", 4, (24, 56), "192.0.2.0/24"),
        ("192.0.2.77", 4, (32, 56), "192.0.2.77"),
        ("2001:db8:1:2ff::7", 6, (24, 56), "2001:db8:1:200::/56"),
        ("2001:db8:1:2ff::7", 6, (24, 128), "2001:db8:1:2ff::7"),
    ],
)
def test_network(source: str, version: int, prefix: tuple[int, int], network: str) -> None:
    """%NET% is the knocker's network, unquoted as it needs no quotes, and %IP% stays the address."""
    knock = KNOCK._replace(door=replace(KNOCK.door, open_prefix=prefix), source=source, version=version)
    assert expand("add %NET% # %IP%", knock) == f"add {network} # {source}"
    assert words(expand("add %NET%", knock)) == ["add", network]
    assert environment(knock, {})["KNOCKD_NET"] == network
