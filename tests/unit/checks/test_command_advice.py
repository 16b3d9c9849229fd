"""What is said of commands by their text: each mistake with its message, and what is no mistake."""

from __future__ import annotations

from typing import Any

import pytest

from knockd.checks.command_advice import find_command_notes, find_leftover
from knockd_conf.errors import Place
from tests.support.doubles.played import door

FOUR = "iptables -{} INPUT -s %IP% -p tcp --dport {} -j ACCEPT"


def said(**values: Any) -> list[str]:
    """The messages about a door with these commands."""
    return [note.message for note in find_command_notes([door("1", name="a", **values)])]


KNOWN = "expected one of %IP%, %NET%, %DOOR%, %DST%, %IFACE%, %TIMEOUT%"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("open %PORT%", f"%PORT% is no placeholder and stays as it is: {KNOWN}"),
        ("open %ip%", "%ip% stays as it is: write %IP%"),
        ("open %Door%", "%Door% stays as it is: write %DOOR%"),
        ("open %%IP%%", "%%IP%% becomes the value between percent signs: write %IP%"),
        ("open %IP", "%IP stays as it is: write %IP%"),
        ("open IP%", "IP% stays as it is: write %IP%"),
        ("open \u201c%IP%\u201d", 'the typographic quote \u201c is a letter to the shell: write "'),
        ("sh -c \u2018open\u2019", "the typographic quote \u2018 is a letter to the shell: write '"),
        ("open\u00a0%IP%", "a no-break space is a letter to the shell: write a plain space"),
        ("open \u2013A %IP%", "the typographic dash \u2013 begins no option: write -"),
        ("open \u2014dport 22", "the typographic dash \u2014 begins no option: write --"),
        ("open -\u2013dport 22", "the typographic dash -\u2013 begins no option: write --"),
        ('"open %IP%"', "the quotes make the whole command the name of one program: write it without them"),
        ("'open %IP%'", "the quotes make the whole command the name of one program: write it without them"),
        (
            "open %IP% \\",
            "a command has one line: write what follows in this line too, without the backslash at its end",
        ),
    ],
)
def test_a_mistake_in_the_text(command: str, expected: str) -> None:
    """Each is said with what to write."""
    assert expected == said(start_command=command)[0]


@pytest.mark.parametrize(
    "command",
    [
        "open %IP% %DOOR% %DST% %IFACE% %TIMEOUT%",
        "echo $(date +%Y%m%d-%H%M%S) %IP% >> /var/log/knocks",
        "curl 'https://example.org/?text=%C3%A4%EF%BB%BF%20%IP%'",
        "printf '%s%s' a b",
        "echo 'the \u201copen\u201d door \u2013 of %IP%'",
        "a\u2013b c",
        '"/usr/bin/open door" "%IP%"',
        '"open"',
        "open '\\'",
        "x=100%; echo $x",
    ],
)
def test_no_mistake_in_the_text(command: str) -> None:
    """Formats of date and printf, text in quotes and quoted words are as they should be."""
    assert [] == said(start_command=command)


@pytest.mark.parametrize("key", ["start_command", "start_command_6", "stop_command", "stop_command_6"])
def test_every_key_is_judged(key: str) -> None:
    """A mistake is said of the key that has it."""
    one = door("1", name="a", **{key: "open %ip%"}, places=((key, Place("x", 7, key)),))
    assert [("x", 7, key)] == [note[:3] for note in find_command_notes([one])]


def test_who_opens_for_everybody() -> None:
    """It is said once a command, with the tool and the cure."""
    rule = "iptables -I INPUT -p tcp --dport 22 -j ACCEPT"
    expected = "iptables opens for everybody, whoever has knocked: add -s %IP%"
    assert [expected] == said(start_command=f"{rule}; {rule}")
    assert [expected] == said(start_command=f"sudo sh -c '{rule}'")


def test_a_stop_command_that_opens() -> None:
    """It may take back what the start has closed; else it is a mistake."""
    rule = "ufw allow 80"
    assert [] == said(start_command="ufw deny 80", stop_command=rule)
    assert [] == said(start_command="ufw delete allow 80", stop_command=rule)
    assert [] == said(start_command="close-web", stop_command=rule)
    assert "ufw opens for everybody" in said(start_command="ufw allow from %IP%", stop_command=rule)[0]


def test_a_time_that_nobody_waits_for() -> None:
    """Cmd_Timeout without a stop command does nothing, unless a template gives it."""
    places = (("cmd_timeout", Place("x", 7, "Cmd_Timeout")),)
    assert ["does nothing: there is no Stop_Command to run then"] == said(places=places)
    assert [] == said(places=places, inherited=(("Cmd_Timeout", "timing"),))
    assert [] == said(places=places, stop_command="close")
    assert [] == said()


def test_no_time_at_all() -> None:
    """0 seconds is said of both times."""
    assert ["0 seconds: the door is closed as soon as it is open"] == said(
        stop_command="close", cmd_timeout=0.0
    )
    assert ["0 seconds: no knock of more than one packet is in time"] == said(seq_timeout=0.0)


@pytest.mark.parametrize(
    ("commands", "expected"),
    [
        ({"stop_command": "x", "stop_command_6": ""}, ["empty: nothing closes what IPv6 knockers open"]),
        ({"stop_command": "", "stop_command_6": "x"}, ["empty: nothing closes what IPv4 knockers open"]),
        (
            {"stop_command_6": "x"},
            ["there is a Stop_Command_6 and no Stop_Command: IPv4 knockers open nothing"],
        ),
        ({"stop_command": "x", "stop_command_6": "", "start_command_6": ""}, []),
        ({"stop_command": "x"}, []),
        ({}, []),
    ],
)
def test_a_door_that_closes_for_one_ip_version(commands: dict[str, str], expected: list[str]) -> None:
    """A stop command that is empty for one IP version may be meant so; one that is missing is not."""
    assert expected == said(start_command="open", **commands)


def test_a_stop_command_that_leaves_a_rule() -> None:
    """The words in which the rules differ are shown."""
    assert [
        "does not remove what Start_Command adds with iptables: there '--dport 22', here '--dport 2222'"
    ] == said(start_command=FOUR.format("I", 22), stop_command=FOUR.format("D", 2222))


def test_the_command_for_ipv6_is_held_against_its_own() -> None:
    """Without Stop_Command_6 the plain one runs, which removes nothing of ip6tables."""
    commands = {"start_command": FOUR.format("I", 22), "stop_command": FOUR.format("D", 22)}
    assert [] == said(**commands)
    assert ["does not remove what Start_Command adds with ip6tables"] == said(
        **commands, start_command_6="ip6tables -I INPUT -s %IP% -j ACCEPT"
    )


@pytest.mark.parametrize(
    ("start", "stop", "expected"),
    [
        ("iptables -A A -s %IP% -j X", "iptables -D B -s %IP% -j X", "there 'A', here 'B'"),
        ("iptables -A A -s %IP% -j ACCEPT", "iptables -A A -s %IP% -j DROP", "adds with iptables"),
        ("iptables -A A -j X; iptables -A B -j X", "iptables -D A -j X", "there 'B', here 'A'"),
        (
            "ufw allow to any port 22",
            "ufw delete allow to any port 23",
            "there 'to port 22', here 'to port 23'",
        ),
        ("nft add element f a { 1 }", "nft delete element f b { 1 }", "there 'ip f a', here 'ip f b'"),
        ("ipset add k %IP%", "ipset del j %IP%", "there 'k', here 'j'"),
        ("firewall-cmd --add-port=1", "firewall-cmd --remove-port=2", "there 'port 1', here 'port 2'"),
    ],
)
def test_what_is_left(start: str, stop: str, expected: str) -> None:
    """Another chain, another port, another set, a rule less: of each tool that adds and removes."""
    assert (find_leftover(start, stop) or "").endswith(expected)


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        (FOUR.format("I", 22), FOUR.format("D", 22)),
        (f"{FOUR.format('I', 22)}; sleep 9; {FOUR.format('D', 22)}", FOUR.format("D", 23)),
        (f"{FOUR.format('D', 22)}; {FOUR.format('I', 22)}", f"logger x; {FOUR.format('D', 22)}"),
        (FOUR.format("I", 22), "iptables -D INPUT 1"),
        (FOUR.format("I", 22), "iptables -F"),
        (FOUR.format("I", 22), "/usr/local/bin/close %IP%"),
        (FOUR.format("I", 22), f"if x; then {FOUR.format('D', 23)}; fi"),
        (FOUR.format("D", 22), FOUR.format("A", 23)),
        ("/usr/local/bin/open", FOUR.format("D", 22)),
        (
            "nft 'add element f k { 1 }; delete element f k { 1 }; add element f k { 1 timeout 9s }'",
            "nft delete element ip f k { 1 }",
        ),
        *(
            (
                f"{tool} add {start} && {FOUR.format('I', 22)}",
                f"{tool} {stop}; {FOUR.format('D', 22)}",
            )
            for tool, start, stop in (
                ("nft", "element f k { 1 }", "'add element f k { 1 }; delete element f k { 1 }'"),
                ("ipset", "k %IP%", "-exist add k %IP%; ipset del k %IP%"),
            )
        ),
        ("ufw allow from %IP% to any port 22 \\", "ufw delete allow from %IP% to any port 22"),
        ("ufw allow from %IP% to any port 22", "ufw delete allow from %IP% to any \\"),
    ],
)
def test_nothing_is_left(start: str, stop: str) -> None:
    """What is removed, and what nobody knows."""
    assert find_leftover(start, stop) is None


def test_many_doors_of_one_template() -> None:
    """A mistake in a template is said of each door at the one place where it is written."""
    place = (("start_command", Place("x", 7, "Command")),)
    doors = [door("1", name=name, start_command="open %ip%", places=place) for name in "abc"]
    assert 1 == len(set(find_command_notes(doors)))
