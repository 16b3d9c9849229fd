"""Per-host variants: ``key[hostname] = value``, one file for a fleet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from knockd_conf.model import Config, Step

Load = Callable[..., Config]

PLAIN_AND_VARIANT = ["timeout = 1\ntimeout[{}] = 2\n", "timeout[{}] = 2\ntimeout = 1\n"]


@pytest.mark.parametrize("order", PLAIN_AND_VARIANT, ids=["variant last", "variant first"])
@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("web1", 2.0),
        ("WEB1.Example.ORG", 2.0),
        ("web1.example.org", 2.0),
        ("web2", 1.0),
        ("web1.example", 1.0),
    ],
)
def test_variant_of_this_host(load_text: Load, order: str, variant: str, expected: float) -> None:
    """A variant for this host's full or short name, in any case, wins wherever it stands."""
    [door] = load_text("[a]\nsequence=1\n" + order.format(variant), host="web1.example.org").doors
    assert expected == door.seq_timeout


def test_full_name_wins(load_text: Load) -> None:
    """A variant for the full name wins over one for the short name."""
    [door] = load_text("[a]\nsequence=1\ntimeout[web1.example.org]=1\ntimeout[web1]=2\n").doors
    assert door.seq_timeout == 1.0


def test_later_variant_replaces(load_text: Load) -> None:
    """Of two variants for one name the later one holds."""
    [door] = load_text("[a]\nsequence=1\ntimeout[web1]=1\nseq_timeout [ web1 ] = 2\n").doors
    assert door.seq_timeout == 2.0


def test_full_variant_on_a_short_host(load_text: Load) -> None:
    """A variant for a full name does not hold on a host that is known by its short name only."""
    [door] = load_text("[a]\nsequence=1\ntimeout[web1.example.org]=1\n", host="web1").doors
    assert door.seq_timeout == 25.0


def test_child_wins_over_the_variant_of_its_template(load_text: Load) -> None:
    """A key of the child, plain or not, wins over every variant of its template."""
    [door] = load_text("[t]\ntimeout[web1]=1\n[d:t]\nsequence=1\ntimeout=2\n").doors
    assert door.seq_timeout == 2.0


def test_variant_of_a_template(load_text: Load) -> None:
    """A template's variant for this host is inherited; a child's variant for another host hides nothing."""
    [door] = load_text("[t]\ntimeout[web1]=1\ntimeout=3\n[d:t]\nsequence=1\ntimeout[web2]=2\n").doors
    assert door.seq_timeout == 1.0


def test_options(load_text: Load) -> None:
    """Options have variants too, also those that stand without '='."""
    options = load_text("[options]\ninterface[web1]=ppp0\ninterface=eth0\nusesyslog[web1]\n").options
    assert (options.interface, options.use_syslog) == (("ppp0",), True)


def test_door_of_other_hosts(load_text: Load) -> None:
    """A door whose only sequences are for other hosts is no door here, and a note says so."""
    config = load_text("[a]\nsequence[web2]=1\nsequence[web3]=1\n[b]\nsequence=2\n")
    assert [door.name for door in config.doors] == ["b"]
    assert (
        f"{config.path}:1: [a]: not a door on this host (web1.example.org): its sequence is for web2, web3"
        in map(str, config.notes)
    )


def test_sequence_variant_beats_a_file(load_text: Load) -> None:
    """A sequence for this host wins over a one-time file for all."""
    [door] = load_text("[a]\none_time_sequences=/f\nsequence[web1]=1\n").doors
    assert ((Step(1),), None) == (door.steps, door.one_time_file)


def test_file_variant_beats_a_sequence(load_text: Load) -> None:
    """A one-time file for this host wins over a sequence for all, whichever stands first."""
    [door] = load_text("[a]\none_time_sequences[web1]=/f\nsequence=1\n").doors
    assert (door.steps, door.one_time_file) == ((), "/f")


def test_names_of_other_hosts_are_not_resolved(load_text: Load) -> None:
    """A Target for another host is not looked up here."""
    [door] = load_text("[a]\nsequence=1\ntarget[web2]=lan.example\n").doors
    assert door.target == ()


def test_host_is_kept(load_text: Load) -> None:
    """The configuration says for which host it holds."""
    assert load_text("", host="router").host == "router"
