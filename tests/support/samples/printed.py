"""Examples as they are printed: the configuration of a file or page, and the firewall in its comments."""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path

from tests.support.lab.hosts import Host
from tests.support.samples.fw4 import print_fw4

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = ROOT / "conf/examples"


def example(name: str) -> str:
    """The text of an example."""
    return (EXAMPLES / f"{name}.conf").read_text()


def set_up(host: Host, name: str) -> None:
    """Set up the firewall of an example: the lines behind ``#`` and a tab.

    They are a file of nft, sections of OpenWrt's firewall (with eth0 as its wan), or commands.
    """
    lines = [line[2:] for line in example(name).splitlines() if line.startswith("#\t")]
    if lines[0].startswith("config"):
        host.run("nft", "-f", "-", stdin=print_fw4("\n".join(lines), "eth0"))
    elif lines[0].startswith("table"):
        host.run("nft", "-f", "-", stdin="\n".join(lines) + "\n")
    else:
        host.run("sh", "-e", stdin="\n".join(lines) + "\n")


def readme_configuration() -> str:
    """The configuration that the README shows: the indented lines from its ``[options]`` on."""
    shown = (ROOT / "README.md").read_text().partition("    [options]\n")[2].splitlines()
    lines = takewhile(lambda line: not line or line.startswith("    "), shown)
    return "[options]\n" + "".join(f"{line[4:]}\n" for line in lines)


def guide_netcat(address: str) -> str:
    """The command by which the guide to the first door knocks with netcat."""
    shown = (ROOT / "docs/guides/first-door.md").read_text()
    return next(line for line in shown.splitlines() if line.startswith("    nc ")).replace(
        "your.server", address
    )
