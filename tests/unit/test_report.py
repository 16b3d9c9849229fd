"""What -t prints for people and for programs."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import knockd
from knockd.checks.keys import DoorKeys
from knockd.checks.signed_strength import describe_signed, signed_values
from knockd.checks.strength import Replay, as_values, describe_strength, judge_rule, judge_steps
from knockd.dryrun import InterfaceFilter
from knockd.knocks.guards import Guards
from knockd.knocks.prefilter import prefilter
from knockd.knocks.watch import watches_of
from knockd.report import Report, format_problems_json, format_report, format_report_json, judge_door
from knockd_bpf.wire import DLT_EN10MB
from knockd_conf.errors import Note, Place, Problem
from knockd_conf.model import Config, Door, FleetEndpoint, FleetKind, GuardPorts, Options, Step
from knockd_conf.timed import Rule
from tests.support.doubles.played import door, steps

PATH = "/etc/knockd.conf"
DOOR = door("7000 8000u 9000", name="ssh", line=4, seq_timeout=7.0)
ONCE = door("", name="once", line=9, path="/etc/more.conf", one_time_file="/etc/once")
LIVE = (steps("7000 8000u 9000"), ())
GUARDS = (Guards((Step(7001),), {Step(6999): "is in use"}), Guards(()))
NOTE = Note(PATH, 7, "Command", "a message", (Place("/etc/more.conf", 3, "command"),))


STRENGTH = judge_steps(LIVE[0], GUARDS[0].ports, timeout=7.0)


def a_report(*problems: Problem, notes: tuple[Note, ...] = ()) -> Report:
    """A report about two doors on one interface."""
    config = Config(PATH, Options(), (DOOR, ONCE), "host", (PATH,))
    made = prefilter(watches_of(config.doors, LIVE), None, DLT_EN10MB, ipv6=True)
    there = [InterfaceFilter("eth9", DLT_EN10MB, False, made)]
    return Report(config, LIVE, GUARDS, (None, None), (None, None), there, notes, problems)


KEYED = door("", name="home", line=14, sequence_key="/etc/home.key", sequence_ports=(30_000, 40_000))


def a_keyed_report(keys: DoorKeys) -> Report:
    """A report about a door with a key."""
    config = Config(PATH, Options(), (KEYED,), "host", (PATH,))
    return Report(config, ((),), (Guards(),), (keys,), (None,), [], (), ())


def as_json(report: Report) -> Any:
    """The object that is printed."""
    return json.loads(format_report_json(report))


def test_for_people() -> None:
    """Doors with their guards, filters, and warnings; one line each."""
    report = a_report(notes=(NOTE,))
    length = len(report.filters[0].prefilter.fitted.program)
    assert [
        f"{PATH}: good, 2 doors",
        "  door ssh (line 4): 3 steps (tcp and udp) within 7 s",
        "    guards: 7001:tcp; left out: 6999:tcp is in use",
        *(f"    {line}" for line in describe_strength(STRENGTH)),
        "  door once (line 9): disabled: no usable line in its one time sequences file",
        "    guards: none",
        "  all doors: a scan in random order opens one of them once in 24 times at most",
        f"  eth9: filter of {length} instructions",
        f"  warning: {NOTE}",
    ] == list(format_report(report))


def test_for_programs() -> None:
    """The same as one object; every note and door has its file and line."""
    report = a_report(notes=(NOTE,))
    length = len(report.filters[0].prefilter.fitted.program)
    timed = {"seq_timeout": 7.0}
    everybody: dict[str, list[str] | None] = {"allow": [], "deny": [], "expires": None}
    assert {
        "version": knockd.__version__,
        "file": PATH,
        "good": True,
        "state_directory": "/var/lib/knockd",
        "doors": [
            {"name": "ssh", "file": PATH, "line": 4, "steps": 3, "disabled": False, **timed, **everybody}
            | {"guards": ["7001:tcp"], "guards_left_out": {"6999:tcp": "is in use"}, "rotating": None}
            | {"strength": as_values(STRENGTH), "signed": None, "fleet": None},
            {"name": "once", "file": "/etc/more.conf", "line": 9, "steps": 0, "disabled": True}
            | {"seq_timeout": 25.0, "guards": [], "guards_left_out": {}, "rotating": None, **everybody}
            | {"strength": None, "signed": None, "fleet": None},
        ],
        "interfaces": [{"name": "eth9", "exists": False, "instructions": length}],
        "notes": [
            {"path": PATH, "line": 7, "key": "Command", "message": "a message"}
            | {"also": [{"path": "/etc/more.conf", "line": 3}]}
        ],
        "problems": [],
    } == as_json(report)


STORE = (
    FleetEndpoint(FleetKind.SINGLE, True, "one.example", 6379, "ann", 2),
    FleetEndpoint(FleetKind.SINGLE, False, "2001:db8::1", 7000, "", 2),
)


def test_fleet() -> None:
    """What doors have of the fleet, and its store; without one there is nothing to say."""
    report = a_report()
    doors = (replace(DOOR, fleet_required=True), replace(ONCE, fleet_share=True))
    config = replace(report.config, doors=doors, options=Options(fleet=STORE, fleet_name="east"))
    report = report._replace(config=config)
    lines = list(format_report(report))
    assert "    opens nothing while the fleet's store does not answer" == lines[2]
    assert "    opens at the fleet's other gateways too" in lines
    assert (
        "  fleet east: store at valkeys://ann@one.example:6379/2, valkey://[2001:db8::1]:7000/2" == lines[-2]
    )
    assert [{"required": True, "share": None}, {"required": None, "share": True}] == [
        one["fleet"] for one in as_json(report)["doors"]
    ]


def test_door_with_a_key_for_people() -> None:
    """A door with a key is described by its rule, and no port of it is a guard for long."""
    _, line, guards, *strength = format_report(a_keyed_report(DoorKeys(("ann", "bob"))))
    assert line == (
        "  door home (line 14): 4 steps (tcp) within 25 s, other ones of 30000-40000 every 30 s,"
        " 2 keys (ann, bob)"
    )
    assert guards == "    guards: 8 of its own in each sequence, and all ports of the two beside it"
    judged = judge_rule(Rule(low=30_000, high=40_000), keys=2)
    assert strength == [f"    {one}" for one in describe_strength(judged)]


def test_door_with_a_key_for_programs() -> None:
    """Names of keys and the rule are in the object; a door that waits is disabled, and says for what."""
    rule = {"period": 30, "ports": [30_000, 40_000], "protocol": "tcp"}
    [found] = as_json(a_keyed_report(DoorKeys(("ann",))))["doors"]
    assert (found["steps"], found["disabled"]) == (4, False)
    assert found["rotating"] == {"keys": ["ann"], "waits": None, **rule}
    [found] = as_json(a_keyed_report(DoorKeys(waits="its key file has a mistake")))["doors"]
    assert (found["steps"], found["disabled"]) == (4, True)
    assert found["rotating"] == {"keys": [], "waits": "its key file has a mistake", **rule}
    [found] = as_json(a_keyed_report(DoorKeys(None)))["doors"]
    assert (found["disabled"], found["rotating"]) == (False, {"keys": None, "waits": None, **rule})


ALONE = door("", name="home", line=14, signed_port=47811, authorized_keys="/k")
BOTH = door("7000 8000u 9000", name="ssh", line=4, signed_port=47811, authorized_keys="/k")


def a_signed_report(keys: DoorKeys, *doors: Door) -> Report:
    """A report about doors of signed knocks."""
    config = Config(PATH, Options(), doors, "host", (PATH,))
    live = tuple(one.steps for one in doors)
    signed = [keys if one.is_signed else None for one in doors]
    return Report(config, live, [Guards()] * len(doors), [None] * len(doors), signed, [], (), ())


def test_doors_of_signed_knocks_for_people() -> None:
    """A door that keys alone open has neither guards nor a chance for scans; one with a sequence has both."""
    signed = [f"    {line}" for line in describe_signed()]
    assert [
        f"{PATH}: good, 2 doors",
        "  door home (line 14): signed knocks to 47811:udp, 2 keys (ann, SHA256:x)",
        *signed,
        "  door ssh (line 4): 3 steps (tcp and udp) within 25 s",
        "    and signed knocks to 47811:udp, 2 keys (ann, SHA256:x)",
        "    guards: none",
        *(f"    {line}" for line in describe_strength(judge_steps(BOTH.steps, ()))),
        *signed,
    ] == list(format_report(a_signed_report(DoorKeys(("ann", "SHA256:x")), ALONE, BOTH)))


def test_doors_of_signed_knocks_that_wait() -> None:
    """It says for what, and nothing of its worth."""
    _, *lines = format_report(a_signed_report(DoorKeys(waits="no key"), ALONE))
    assert ["  door home (line 14): signed knocks to 47811:udp, waits: no key"] == lines
    _, line, *_ = format_report(a_signed_report(DoorKeys(None), ALONE))
    assert "  door home (line 14): signed knocks to 47811:udp, keys on another host" == line


def test_many_keys() -> None:
    """Some are named, all are counted."""
    keys = DoorKeys(tuple(f"k\x1b{n}" for n in range(1_000)))
    _, line, *_ = format_report(a_signed_report(keys, ALONE))
    assert "1000 keys (k\\x1b0, k\\x1b1, " in line
    assert line.endswith("k\\x1b15, ...)")


def test_doors_of_signed_knocks_for_programs() -> None:
    """A door is disabled if nothing opens it, neither a sequence nor a key."""
    good, waits = DoorKeys(("ann",)), DoorKeys(waits="no key")
    values = {"port": 47811, "keys": ["ann"], "waits": None, "strength": signed_values()}
    alone, both = as_json(a_signed_report(good, ALONE, BOTH))["doors"]
    assert (values, 0, False, None) == tuple(
        alone[name] for name in ("signed", "steps", "disabled", "strength")
    )
    assert (values, 3, False) == tuple(both[name] for name in ("signed", "steps", "disabled"))
    alone, both = as_json(a_signed_report(waits, ALONE, BOTH))["doors"]
    assert (True, "no key", []) == (alone["disabled"], alone["signed"]["waits"], alone["signed"]["keys"])
    assert not both["disabled"]
    (alone,) = as_json(a_signed_report(DoorKeys(None), ALONE))["doors"]
    assert (False, None) == (alone["disabled"], alone["signed"]["keys"])


def test_one_door() -> None:
    """Of one door there is no sum."""
    config = Config(PATH, Options(), (DOOR,), "host", (PATH,))
    lines = list(format_report(Report(config, LIVE[:1], GUARDS[:1], [None], [None], [], (), ())))
    assert not any("all doors" in line for line in lines)


def test_strength_of_each_kind() -> None:
    """Guards that are listed, one-time sequences and keys are judged as what they are."""
    options = Options(guard_ports=GuardPorts(False, GUARDS[0].ports))
    config = Config(PATH, options, (DOOR, ONCE), "host", (PATH,))
    listed = judge_door(config, DOOR, LIVE[0], GUARDS[0], None)
    assert judge_steps(LIVE[0], GUARDS[0].ports, timeout=7.0, near=False) == listed
    once = judge_door(config, ONCE, LIVE[0], GUARDS[0], None)
    assert once is not None
    assert once.replay is Replay.NEVER
    keyed = door("", sequence_key="/etc/key", sequence_steps=5, seq_timeout=9.0)
    for keys, count in ((DoorKeys(("ann", "bob")), 2), (DoorKeys(None), 1)):
        judged = judge_door(config, keyed, (), Guards(()), keys)
        assert judge_rule(Rule(steps=5), 9.0, keys=count) == judged
    assert judge_door(config, keyed, (), Guards(()), DoorKeys(waits="no key")) is None
    assert judge_door(config, ONCE, (), Guards(()), None) is None


def test_no_sequence_is_printed() -> None:
    """Neither form shows a step that is no guard."""
    report = a_report(notes=(NOTE,))
    printed = "\n".join(format_report(report)) + format_report_json(report)
    assert not any(port in printed for port in ("7000", "8000", "9000"))


def test_what_is_wrong_on_this_host() -> None:
    """A problem of this host makes it not good, and leaves the doors."""
    found = as_json(a_report(Problem(PATH, 2, "Interface", "no interface eth9 here")))
    assert (False, 2) == (found["good"], len(found["doors"]))
    assert [{"path": PATH, "line": 2, "key": "Interface", "message": "no interface eth9 here"}] == found[
        "problems"
    ]


def test_a_file_with_problems() -> None:
    """Every problem is an object, and there are no doors."""
    problems = [Problem(PATH, 3, "Sequence", "expected a port"), Problem(PATH, None, None, "expected a file")]
    found = json.loads(format_problems_json(PATH, problems))
    assert (False, [], [], []) == (found["good"], found["doors"], found["interfaces"], found["notes"])
    assert found["state_directory"] is None
    assert [3, None] == [one["line"] for one in found["problems"]]
