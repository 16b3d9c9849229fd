"""The text for monitoring: what OpenMetrics and Prometheus ask of it, whatever doors are called."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import parser as prometheus
from prometheus_client.openmetrics import parser as openmetrics

from knockd.ctl.exposition import (
    DOWN,
    METRICS,
    Family,
    format_openmetrics,
    format_prometheus,
    make_families,
    read_counters,
)
from knockd.ctl.fields import UnknownReply
from knockd.ctl.reply import read_status
from knockd_conf.text import printable
from tests.support.samples.statuses import status

STATUS = status(
    waiting=["ppp0"], refused=[{"path": "/etc/knockd.conf", "line": 7, "text": "bad"}], version="0.9.0"
)


def count(
    name: str,
    value: float,
    door: str | None = None,
    interface: str | None = None,
    reason: str | None = None,
) -> dict[str, Any]:
    """A count as the daemon says it."""
    return {"name": name, "door": door, "interface": interface, "reason": reason, "value": value}


def families(*counts: dict[str, Any], left_out: int = 0) -> list[Family]:
    """What is shown of these counts."""
    return make_families(read_counters({"counts": list(counts), "left_out": left_out}), read_status(STATUS))


FEW = (count("openings", 2, "ssh"), count("received", 7, interface="eth0"), count("config_age", 50.25))


def test_openmetrics() -> None:
    """Counters end in _total and info in _info on their samples, units are told, # EOF is last."""
    assert """\
# HELP knockd_up 1 when the daemon answered on its control socket, else 0
# TYPE knockd_up gauge
knockd_up 1
# HELP knockd_build The version of the daemon
# TYPE knockd_build info
knockd_build_info{version="0.9.0"} 1
# HELP knockd_openings Openings by knocks and by hand, those included that came to nothing
# TYPE knockd_openings counter
knockd_openings_total{door="ssh"} 2
# HELP knockd_received_packets Packets that the filter let through
# TYPE knockd_received_packets counter
# UNIT knockd_received_packets packets
knockd_received_packets_total{interface="eth0"} 7
# HELP knockd_config_age_seconds Time since the configuration came into effect
# TYPE knockd_config_age_seconds gauge
# UNIT knockd_config_age_seconds seconds
knockd_config_age_seconds 50.25
""" == format_openmetrics(families(*FEW)).partition("# HELP knockd_config_problems")[0]
    assert format_openmetrics(families()).endswith("\n# EOF\n")


def test_signed_knocks() -> None:
    """What did nothing is shown by reason."""
    text = format_openmetrics(families(count("signed_refusals", 3, reason="repeated")))
    assert 'knockd_signed_refusals_total{reason="repeated"} 3\n' in text


def test_prometheus() -> None:
    """A family of counters has the name of its samples; nothing is there that node_exporter refuses."""
    text = format_prometheus(families(*FEW))
    assert "# TYPE knockd_openings_total counter\nknockd_openings_total{" in text
    assert "# TYPE knockd_build_info gauge\n" in text
    assert {"counter", "gauge"} == {line.split()[-1] for line in text.splitlines() if "# TYPE" in line}
    assert "UNIT" not in text
    assert "EOF" not in text


def test_every_metric_is_read() -> None:
    """Both parsers of Prometheus's Python library read all that can be shown, and find the same values."""
    shown = families(*(count(name, number + 0.5) for number, name in enumerate(METRICS)), left_out=3)
    ours = {one.metric.sample: next(iter(one.samples.values())) for one in shown}
    new = openmetrics.text_string_to_metric_families(format_openmetrics(shown))
    old = prometheus.text_string_to_metric_families(format_prometheus(shown))
    assert ours == {sample.name: sample.value for family in new for sample in family.samples}
    assert ours == {sample.name: sample.value for family in old for sample in family.samples}


def test_types() -> None:
    """What a library reads has the types and units of the table."""
    shown = families(*(count(name, 1) for name in METRICS))
    new = openmetrics.text_string_to_metric_families(format_openmetrics(shown))
    assert {one.metric.name: (one.metric.kind, one.metric.unit, one.metric.help) for one in shown} == {
        family.name: (family.type, family.unit, family.documentation) for family in new
    }


HOSTILE = [
    'a"b',
    "a\\b",
    "a\\",
    "a\nb",
    '"} 1\nknockd_up 0\n#',
    "a{b=,}",
    "",
    "\x1b[2J",
    "\udcff",
    "дверь",
    r"\n",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names(name: str) -> None:
    """A door is called what it likes: one sample says it, printable, and no line comes of it."""
    check_door(name)


@given(st.text())
def test_any_name(name: str) -> None:
    """The same of any text."""
    check_door(name)


def check_door(name: str) -> None:
    """Both parsers find the door's name, with escapes for what is not printable."""
    shown = families(count("openings", 1, name))
    new = openmetrics.text_string_to_metric_families(format_openmetrics(shown))
    old = prometheus.text_string_to_metric_families(format_prometheus(shown))
    plain = families(count("openings", 1, "x"))
    assert format_openmetrics(plain).count("\n") == format_openmetrics(shown).count("\n")
    for read in (new, old):
        labels = [
            one.labels for family in read for one in family.samples if one.name.startswith("knockd_open")
        ]
        assert [{"door": printable(name)}] == labels


def test_two_doors_of_one_name() -> None:
    """Their counts are added up: a sample stands there once."""
    text = format_openmetrics(families(count("openings", 1, "ssh"), count("openings", 2, "ssh")))
    assert 'knockd_openings_total{door="ssh"} 3\n' in text
    assert text.count("knockd_openings_total{") == 1


def test_a_newer_daemon() -> None:
    """A count that has no name here is left out; the others are shown."""
    text = format_openmetrics(families(count("moons", 1), count("up", 9)))
    assert "moons" not in text
    assert "knockd_uptime_seconds 9\n" in text


def test_of_the_status() -> None:
    """What is no count comes from the status: a refused file, interfaces that are not there."""
    lines = format_openmetrics(families(left_out=4)).splitlines()
    assert [
        "knockd_config_problems 1",
        "knockd_interfaces_waiting 1",
        "knockd_interfaces_deaf 0",
        "knockd_counts_left_out 4",
    ] == [line for line in lines[6:] if not line.startswith("#")]


def test_down() -> None:
    """Of a daemon that does not answer there is one sample."""
    assert format_prometheus(DOWN).splitlines()[-1] == "knockd_up 0"
    assert len(format_prometheus(DOWN).splitlines()) == 3


@pytest.mark.parametrize(
    "found",
    [None, {}, {"counts": [{}], "left_out": 0}, {"counts": [count("up", 1) | {"value": "1"}], "left_out": 0}],
)
def test_another_answer(found: object) -> None:
    """An answer that is not as the interface describes it is no answer."""
    with pytest.raises(UnknownReply):
        read_counters(found)


def test_names() -> None:
    """Each metric has a name of its own, in Prometheus's letters and with its unit at the end."""
    names = [metric.name for metric in METRICS.values()]
    assert len(names) == len(set(names))
    assert [] == [one for one in METRICS.values() if one.unit and not one.name.endswith(f"_{one.unit}")]
