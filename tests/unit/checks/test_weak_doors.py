"""Which sequences are called weak, in which words, and that a door is told of once."""

from __future__ import annotations

import random
from ipaddress import ip_address

import pytest

from knockd.checks.weak_doors import CHOOSE, describe_weakness, find_reasons, find_weak_doors, find_weak_lines
from knockd.knocks.taken import number_of
from knockd_conf.errors import Place
from tests.support.doubles.played import door, steps

KNOCKS = "one connection whose first packet is sent again knocks"
REASONS = [
    (
        "7000 8000 9000",
        ["it is printed in the configuration and manual of knockd 0.8", "its ports ascend by 1000 each"],
    ),
    (
        "2222u 3333 4444u",
        ["it is printed in the configuration and manual of knockd 0.8", "its ports ascend by 1111 each"],
    ),
    ("17533 41290 23817", ["it is printed in our own examples"]),
    ("20001", ["it has one step only"]),
    ("20001 30007", ["it has 2 steps only"]),
    ("4001 4001 4001", [f"its steps are all one port, so {KNOCKS} it"]),
    ("4001u 4001u 4001u", ["its steps are all one port"]),
    ("4001 4001", [f"its steps are all one port, so {KNOCKS} it", "it has 2 steps only"]),
    ("41003 5001 5001", [f"steps 2 and 3 are the same, so {KNOCKS} both"]),
    ("41003 5001u 5001u", ["it asks for a port more than once"]),
    ("41003 5001 41003", ["it asks for a port more than once"]),
    ("20001 20003 31000", ["its ports ascend"]),
    ("31000u 20003 20001", ["its ports descend"]),
    ("31000 30000 29000", ["its ports descend by 1000 each"]),
    ("22 443 80", ["its ports are all below 1024"]),
    ("22 1024 80", []),
    ("41003 5001 20007", []),
    ("41003 5001 20007 5002", []),
]


@pytest.mark.parametrize(("sequence", "expected"), REASONS, ids=[row[0] for row in REASONS])
def test_reasons(sequence: str, expected: list[str]) -> None:
    """Every reason is found, the worst first, and none of a sequence that goes up and down."""
    assert expected == [reason.text for reason in find_reasons(steps(sequence))]


def test_ports_in_use() -> None:
    """Steps with a socket on this host are numbered, not named; what to do is another thing then."""
    in_use = {number_of(step) for step in steps("5001 20007 41003u")}
    one, two = (list(find_reasons(steps(text), in_use)) for text in ("3007 5001 2003", "9007 5001 20007"))
    assert ["step 2 has a listening socket on this host, whose visitors make that step"] == [
        r.text for r in one
    ]
    assert ["steps 2 and 3 have listening sockets on this host"] == [r.text for r in two]
    assert {"choose a port that nobody serves"} == {r.cure for r in (*one, *two)}


def test_sockets_of_another_host() -> None:
    """A door for a routed host does not ask what is in use here."""
    in_use = {number_of(step) for step in steps("5001")}
    doors = [door("3007 5001 2003"), door("3007 5001 2003", target=(ip_address("198.51.100.7"),))]
    assert 1 == len(list(find_weak_doors(doors, [one.steps for one in doors], in_use)))


def test_in_words() -> None:
    """A door has one note: the count, the worst reason first, and what to do in its last clause."""
    doors = [door("22 80", name="a"), door("20001", name="b"), door("9 9 9 8", name="c")]
    said = [str(note) for note in find_weak_doors(doors, [one.steps for one in doors])]
    assert said == [
        "/etc/knockd.conf:1: [a]: weak for 2 reasons, as it has 2 steps only and its ports are all below"
        f" 1024: {CHOOSE}",
        f"/etc/knockd.conf:1: [b]: weak, as it has one step only: {CHOOSE}",
        f"/etc/knockd.conf:1: [c]: weak for 2 reasons, as steps 1 and 2 are the same, so {KNOCKS} both"
        f" and its ports are all below 1024: {CHOOSE}",
    ]


def test_our_examples() -> None:
    """Who has copied an example is told to choose ports of his own."""
    [note] = find_weak_doors([door("23817 41290 17533")], [steps("23817 41290 17533")])
    assert f"weak, as it is printed in our own examples: choose your own: {CHOOSE}" == note.message


def test_what_is_told_already() -> None:
    """Where a note says that ordered scans open a door, its order is no reason here."""
    one = door("20001 20003 31000", places=(("steps", Place("x", 7, "Sequence")),))
    assert 1 == len(list(find_weak_doors([one], [one.steps])))
    assert [] == list(find_weak_doors([one], [one.steps], told=[Place("x", 7, "Sequence")]))


def test_a_sequence_of_a_template() -> None:
    """A note stands where the sequence is written, so doors of one template have one note."""
    places = (("steps", Place("x", 7, "Sequence")),)
    doors = [door("20001", name=name, places=places) for name in "ab"]
    assert {("x", 7, "Sequence")} == {
        note[:3] for note in find_weak_doors(doors, [one.steps for one in doors])
    }


def test_one_time_doors() -> None:
    """The live line of a one-time file is judged as a sequence is; a door without one is not."""
    places = (("one_time_file", Place("x", 9, "One_Time_Sequences")),)
    once = door("", one_time_file="/etc/once", places=places)
    [note] = find_weak_doors([once], [steps("7001 7002")])
    assert ("x", 9, "One_Time_Sequences") == note[:3]
    assert [] == list(find_weak_doors([once], [()]))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["7001 7002"], None),
        (["7001 7002", "41003 5001 20007"], None),
        (["7001 7002", "41003 5001 20007", "5"], "the next line is weak, as it has one step only"),
        (["7001 7002", "22 443 80", "5"], "2 of the next lines are weak, as its ports are all below 1024"),
    ],
)
def test_further_lines_of_a_one_time_file(lines: list[str], expected: str | None) -> None:
    """Those behind the live line are one note together."""
    note = find_weak_lines("/etc/once", [steps(line) for line in lines])
    assert expected == (note and note.message.removesuffix(f": {CHOOSE}"))


def test_random_sequences() -> None:
    """Of sequences that are chosen at random few are called weak, and of four steps hardly any."""
    choose = random.Random(5)
    weak = {
        count: sum(
            any(find_reasons(steps(" ".join(map(str, choose.sample(range(1_024, 65_536), count))))))
            for _ in range(1_000)
        )
        for count in (3, 4)
    }
    assert 250 < weak[3] < 420
    assert 40 < weak[4] < 130


def test_no_step_is_shown() -> None:
    """No port of a sequence is in a note but where all the world knows it."""
    for text in ("41003 5001 5001", "31000 20003 20001", "40001"):
        said = describe_weakness(list(find_reasons(steps(text), {number_of(step) for step in steps(text)})))
        assert not any(port in said for port in text.split())
