"""Arguments ``port[:proto]`` become hits."""

from __future__ import annotations

import pytest

from knockd.client.hits import Hit, parse_hit, split_list
from knockd_conf.protocol import Protocol

SERVICES = {("ssh", "tcp"): 22, ("domain", "tcp"): 53, ("domain", "udp"): 53, ("tftp", "udp"): 69}
SERVICES |= {("echo", "tcp"): 7, ("echo", "udp"): 4}


def service(name: str, protocol: str) -> int | None:
    """A small list of services; ``echo`` has another port in each protocol."""
    return SERVICES.get((name, protocol))


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("7000", Hit("7000", 7000, Protocol.TCP)),
        ("7000:tcp", Hit("7000", 7000, Protocol.TCP)),
        ("7000:udp", Hit("7000", 7000, Protocol.UDP)),
        ("7000:UDP", Hit("7000", 7000, Protocol.UDP)),
        ("0", Hit("0", 0, Protocol.TCP)),
        ("65535", Hit("65535", 65535, Protocol.TCP)),
        ("007", Hit("007", 7, Protocol.TCP)),
        ("ssh", Hit("ssh", 22, Protocol.TCP)),
        ("ssh:tcp", Hit("ssh", 22, Protocol.TCP)),
        ("domain:udp", Hit("domain", 53, Protocol.UDP)),
    ],
)
def test_a_port_is_a_number_or_a_service(text: str, hit: Hit) -> None:
    """The port may be a number or a service name, TCP unless a protocol is named."""
    assert hit == parse_hit(text, service)


@pytest.mark.parametrize("text", ["7000", "7000:tcp", "7000:udp"])
def test_udp_overrides_the_protocol_named(text: str) -> None:
    """With -u every hit is UDP, whatever its argument says."""
    assert Hit("7000", 7000, Protocol.UDP) == parse_hit(text, service, udp=True)


def test_a_service_is_looked_up_in_the_hits_own_protocol_first() -> None:
    """A name that means two ports means the one of the hit's protocol."""
    assert [parse_hit(text, service).port for text in ("echo", "echo:udp")] == [7, 4]


@pytest.mark.parametrize(("text", "port"), [("tftp", 69), ("ssh:udp", 22)])
def test_a_service_known_for_the_other_protocol_only_will_do(text: str, port: int) -> None:
    """As in 0.8, ``tftp`` is port 69 for TCP too, though only UDP lists it."""
    assert port == parse_hit(text, service).port


NUMBER_OR_SERVICE = "a number from 0 to 65535 or a service of /etc/services"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("65536", "port '65536': expected a number from 0 to 65535, got '65536'"),
        ("99999999999", "port '99999999999': expected a number from 0 to 65535, got '99999999999'"),
        ("-5", f"port '-5': expected {NUMBER_OR_SERVICE}, got '-5'"),
        ("80abc", f"port '80abc': expected {NUMBER_OR_SERVICE}, got '80abc'"),
        ("²", f"port '²': expected {NUMBER_OR_SERVICE}, got '²'"),
        ("", f"port '': expected {NUMBER_OR_SERVICE}, got ''"),
        (":udp", f"port ':udp': expected {NUMBER_OR_SERVICE}, got ''"),
        ("gopherd:tcp", f"port 'gopherd:tcp': expected {NUMBER_OR_SERVICE}, got 'gopherd'"),
        ("7000:", "port '7000:': expected tcp or udp after the colon, got ''"),
        ("7000:sctp", "port '7000:sctp': expected tcp or udp after the colon, got 'sctp'"),
        ("80:tcp:udp", "port '80:tcp:udp': expected tcp or udp after the colon, got 'tcp:udp'"),
    ],
)
def test_a_bad_port_says_what_was_expected_and_seen(text: str, message: str) -> None:
    """Each kind of mistake has its message."""
    with pytest.raises(ValueError, match="expected") as caught:
        parse_hit(text, service)
    assert message == str(caught.value)


def test_a_bad_protocol_is_wrong_with_udp_too() -> None:
    """-u overrides a protocol, it does not excuse a typing error."""
    with pytest.raises(ValueError, match="expected tcp or udp"):
        parse_hit("7000:upd", service, udp=True)


def test_an_endless_number_is_just_a_bad_port() -> None:
    """Python refuses to convert more than 4300 digits; the user still reads what was expected."""
    with pytest.raises(ValueError, match="expected a number from 0 to 65535"):
        parse_hit("9" * 5000, service)


@pytest.mark.parametrize(
    "operands",
    [
        ["7000,8000:udp,9000"],
        ["7000, 8000:udp, 9000"],
        ["7000,", "8000:udp,", "9000"],
        ["7000", ",", "8000:udp", ",", "9000"],
        ["7000", "8000:udp", "9000"],
        [" 7000 ,8000:udp,", "9000,"],
    ],
)
def test_a_list_of_the_configuration_can_be_pasted(operands: list[str]) -> None:
    """Commas divide ports as they do in a Sequence line, with or without spaces beside them."""
    assert ["7000", "8000:udp", "9000"] == list(split_list(operands))


@pytest.mark.parametrize("operand", ["", ",7000", "7000,,8000", "7000,,"])
def test_an_empty_port_in_a_list_stays(operand: str) -> None:
    """Where a port was left out there is an empty one, which is an error when it is read."""
    assert "" in list(split_list([operand]))
