"""Close_When_Idle with the keys beside it."""

from __future__ import annotations

from collections.abc import Callable

from knockd_conf.model import Config, Service
from knockd_conf.protocol import Protocol

Load = Callable[..., Config]
Problems = Callable[..., list[str]]

SSH = Service(22, 22, Protocol.TCP)
START = "start_command = iptables -I INPUT -s %IP% -p tcp --dport 22 -j ACCEPT\n"
STOP = "stop_command = iptables -D INPUT -s %IP% -p tcp --dport 22 -j ACCEPT\n"
NO_SERVICE = (
    "expected a Service beside it, as Service = 22/tcp, got none:"
    " the start command does not say for certain which ports it opens"
)


def test_service_as_given(load_text: Load) -> None:
    """A Service that is given counts, whatever the start command opens."""
    text = f"[a]\nsequence = 1\n{START}{STOP}close_when_idle = 300\nservice = 443/tcp\nopen_max = 3600\n"
    [door] = load_text(text).doors
    assert 300.0 == door.close_when_idle
    assert (Service(443, 443, Protocol.TCP),) == door.service
    assert 3600.0 == door.open_max


def test_service_of_the_start_command(load_text: Load) -> None:
    """Without a Service the ports count that the start command opens for certain."""
    [door] = load_text(f"[a]\nsequence = 1\n{START}{STOP}close_when_idle = 300\n").doors
    assert (SSH,) == door.service
    assert 86_400.0 == door.open_max


def test_off(load_text: Load) -> None:
    """0 is as good as no key: nothing else is asked of the door."""
    [door] = load_text("[a]\nsequence = 1\nclose_when_idle = 0\n").doors
    assert () == door.service


def test_no_stop_command(problems: Problems) -> None:
    """A door that nothing closes cannot close when it is idle."""
    message = "expected a Stop_Command beside it, got none: nothing would close the door"
    text = f"[a]\nsequence = 1\n{START}stop_command_6 =\nclose_when_idle = 9\nservice = 1/tcp\n"
    assert [f"knockd.conf:5: close_when_idle: {message}"] == problems(text)


def test_no_service(problems: Problems) -> None:
    """Where the ports are not certain they have to be written; the key that needs them says so."""
    text = f"[a]\nsequence = 1\nstart_command = open %IP%\n{STOP}close_when_idle = 9\n"
    assert [f"knockd.conf:5: close_when_idle: {NO_SERVICE}"] == problems(text)
    text = f"[a]\nsequence = 1\n{START}start_command_6 = open %IP%\n{STOP}close_when_idle = 9\n"
    assert [f"knockd.conf:6: close_when_idle: {NO_SERVICE}"] == problems(text)


def test_of_a_template(load_text: Load, problems: Problems) -> None:
    """The keys may come from a template; what is wrong is said of its line."""
    template = "[base]\nclose_when_idle = 60\nservice = 22/tcp\n"
    [door] = load_text(f"{template}[a:base]\nsequence = 1\n{STOP}").doors
    assert (SSH,) == door.service
    assert ["knockd.conf:2: close_when_idle: " + NO_SERVICE] == problems(
        f"[base]\nclose_when_idle = 60\n[a:base]\nsequence = 1\n{STOP}"
    )
