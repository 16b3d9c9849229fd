"""What the daemon counted as text for monitoring: OpenMetrics 1.0, or the older text format of Prometheus.

METRICS says under which name and type each count is shown. No label holds an address.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from knockd.ctl.fields import Fields
from knockd.ctl.reply import Status
from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable

Labels = tuple[tuple[str, str], ...]

COUNTER = "counter"
GAUGE = "gauge"
INFO = "info"


class Metric(NamedTuple):
    """A kind of samples. ``name`` lacks the suffixes of OpenMetrics: _total of counters, _info of info."""

    name: str
    kind: str
    help: str
    unit: str = ""

    @property
    def sample(self) -> str:
        """The name on each line of a sample."""
        return self.name + {COUNTER: "_total", INFO: "_info"}.get(self.kind, "")


class Family(NamedTuple):
    """A metric with its samples: a value for each set of labels."""

    metric: Metric
    samples: Mapping[Labels, float]


UP = Metric("knockd_up", GAUGE, "1 when the daemon answered on its control socket, else 0")
BUILD = Metric("knockd_build", INFO, "The version of the daemon")
PROBLEMS = Metric(
    "knockd_config_problems", GAUGE, "Problems of the configuration that was refused; 0: none was"
)
WAITING = Metric("knockd_interfaces_waiting", GAUGE, "Interfaces that are not there, so nobody listens there")
DEAF = Metric("knockd_interfaces_deaf", GAUGE, "Interfaces that have no address to knock at")
LEFT_OUT = Metric("knockd_counts_left_out", GAUGE, "Counts that were too many to be shown here")

METRICS: Mapping[str, Metric] = {
    "openings": Metric(
        "knockd_openings", COUNTER, "Openings by knocks and by hand, those included that came to nothing"
    ),
    "refusals": Metric(
        "knockd_refusals", COUNTER, "Openings that were refused, start commands that failed not included"
    ),
    "signed_openings": Metric("knockd_signed_openings", COUNTER, "Openings by signed knocks"),
    "signed_refusals": Metric("knockd_signed_refusals", COUNTER, "Signed knocks that did nothing"),
    "fleet_openings": Metric(
        "knockd_fleet_openings", COUNTER, "Openings here of doors that another gateway has opened"
    ),
    "fleet_refusals": Metric("knockd_fleet_refusals", COUNTER, "Knocks that the fleet has refused"),
    "fleet_store_up": Metric(
        "knockd_fleet_store_up", GAUGE, "1 when the store of the fleet is reached, else 0"
    ),
    "fleet_latency": Metric(
        "knockd_fleet_store_latency_seconds", GAUGE, "Time that the store took to answer last", "seconds"
    ),
    "fleet_gateways": Metric("knockd_fleet_gateways", GAUGE, "Other gateways of the fleet that are there"),
    "fleet_skew": Metric(
        "knockd_fleet_clock_skew_seconds", GAUGE, "The most that another gateway's clock differs", "seconds"
    ),
    "fleet_forged": Metric(
        "knockd_fleet_forged_messages", COUNTER, "Messages in the store without the fleet's code"
    ),
    "attempts": Metric("knockd_attempts", COUNTER, "Sequences that somebody began"),
    "spoiled": Metric("knockd_attempts_spoiled", COUNTER, "Attempts that a wrong packet ended"),
    "expired": Metric("knockd_attempts_expired", COUNTER, "Attempts that took longer than Seq_Timeout"),
    "guard_hits": Metric("knockd_guard_hits", COUNTER, "Touches of guard ports"),
    "ignored": Metric("knockd_knocks_ignored", COUNTER, "Knocks begun by sources that a door ignores"),
    "held_back": Metric(
        "knockd_log_lines_held_back", COUNTER, "Lines of the log left out, as strangers caused too many"
    ),
    "received": Metric("knockd_received_packets", COUNTER, "Packets that the filter let through", "packets"),
    "dropped": Metric(
        "knockd_dropped_packets", COUNTER, "Packets that the capture ring had no room for", "packets"
    ),
    "instructions": Metric("knockd_filter_instructions", GAUGE, "Length of the filter in the kernel"),
    "leases": Metric("knockd_leases", GAUGE, "Addresses for which a door is open"),
    "failed_leases": Metric("knockd_leases_failed", GAUGE, "Addresses for which a door could not be closed"),
    "start_failures": Metric("knockd_start_failures", COUNTER, "Start commands that failed"),
    "stop_failures": Metric("knockd_stop_failures", COUNTER, "Stop commands that failed"),
    "worker_starts": Metric("knockd_worker_starts", COUNTER, "Starts of a packet process"),
    "reloads": Metric("knockd_reloads", COUNTER, "Reloads, refused ones included"),
    "reload_refusals": Metric(
        "knockd_reload_refusals", COUNTER, "Reloads that were refused: the file was bad"
    ),
    "journal_failures": Metric(
        "knockd_journal_failures", COUNTER, "Times that open doors could not be noted where they should be"
    ),
    "journal_elsewhere": Metric(
        "knockd_journal_elsewhere", GAUGE, "1 when open doors are not noted in StateDir, else 0"
    ),
    "config_age": Metric(
        "knockd_config_age_seconds", GAUGE, "Time since the configuration came into effect", "seconds"
    ),
    "up": Metric("knockd_uptime_seconds", GAUGE, "Time since the daemon started", "seconds"),
}
"""Under the name that the control method Counters uses, in the order in which they are shown."""

DOWN = (Family(UP, {(): 0}),)
"""What is said when the daemon did not answer."""


class Count(NamedTuple):
    """Something that the daemon counted."""

    name: str
    door: str | None
    interface: str | None
    value: float
    reason: str | None = None


class Counters(NamedTuple):
    """The answer to Counters."""

    counts: tuple[Count, ...]
    left_out: int


def read_counters(found: object) -> Counters:
    """The daemon's answer as a value. Raises UnknownReply."""
    of = Fields(found)
    return Counters(of.items("counts", _read_count), of.count("left_out"))


def _read_count(found: object) -> Count:
    of = Fields(found)
    return Count(
        of.text("name"),
        of.maybe_text("door"),
        of.maybe_text("interface"),
        of.number("value"),
        of.maybe_text("reason"),
    )


def make_families(counters: Counters, status: Status) -> list[Family]:
    """What is shown of the daemon's answers.

    Counts of the same door (two sections may have one name) are added up. A count that METRICS has not is
    left out: it is of a newer daemon.
    """
    samples: dict[str, dict[Labels, float]] = {}
    for count in counters.counts:
        of = (("door", count.door), ("interface", count.interface), ("reason", count.reason))
        labels = tuple((label, printable(text)) for label, text in of if text is not None)
        values = samples.setdefault(count.name, {})
        values[labels] = values.get(labels, 0) + count.value
    return [
        _single(UP, 1),
        Family(BUILD, {(("version", printable(status.version)),): 1}),
        *(Family(metric, samples[name]) for name, metric in METRICS.items() if name in samples),
        _single(PROBLEMS, len(status.refused)),
        _single(WAITING, len(status.waiting)),
        _single(DEAF, len(status.deaf)),
        _single(LEFT_OUT, counters.left_out),
    ]


def _single(metric: Metric, value: float) -> Family:
    return Family(metric, {(): value})


def format_openmetrics(families: Iterable[Family]) -> str:
    """OpenMetrics 1.0 (https://github.com/prometheus/OpenMetrics), with its last line, # EOF."""
    return "".join([*(_format_family(one, one.metric.name, one.metric.kind) for one in families), "# EOF\n"])


def format_prometheus(families: Iterable[Family]) -> str:
    """Prometheus's text format 0.0.4: a counter's family has its suffix, and there is neither info nor unit.

    node_exporter's textfile collector reads this one alone, and no file of which it does not know a type.
    """
    kinds = {INFO: GAUGE}
    return "".join(
        _format_family(
            Family(one.metric._replace(unit=""), one.samples),
            one.metric.sample,
            kinds.get(one.metric.kind, one.metric.kind),
        )
        for one in families
    )


def _format_family(family: Family, name: str, kind: str) -> str:
    return "".join(f"{line}\n" for line in _list_lines(family, name, kind))


def _list_lines(family: Family, name: str, kind: str) -> Iterator[str]:
    metric = family.metric
    yield f"# HELP {name} {metric.help}"
    yield f"# TYPE {name} {kind}"
    if metric.unit:
        yield f"# UNIT {name} {metric.unit}"
    for labels, value in family.samples.items():
        inside = ",".join(f'{label}="{_escape(text)}"' for label, text in labels)
        yield f"{metric.sample}{inside and f'{{{inside}}}'} {_format_value(value)}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _format_value(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else repr(round(value, 3))
