"""A parser of options whose --help fits a terminal of 24 lines and 80 columns."""

from __future__ import annotations

from knockd.option_parser import OptionParser


def made(columns: int = 80) -> OptionParser:
    """A parser with an operand, an option with a value, and a rare one."""
    parser = OptionParser("a", "a [OPTION...] FILE", "Does a.", "See a(1).", columns)
    parser.add_argument("file", metavar="FILE", help="what to read")
    parser.add_argument("-c", "--config", metavar="FILE", help="configuration")
    rare = parser.add_argument_group("More")
    rare.add_argument("--vlan", metavar="ID", help="of a VLAN")
    rare.add_argument("-4", "--only", action="store_true", help="no IPv6")
    return parser


def test_help() -> None:
    """Operands and options have a line each, with the value once; rare options are named at the end."""
    assert made().format_help() == (
        "usage: a [OPTION...] FILE\n\n"
        "Does a.\n\n"
        "  FILE               what to read\n"
        "  -h, --help         show this help message and exit\n"
        "  -c, --config FILE  configuration\n\n"
        "More: --vlan ID; -4, --only.\n\n"
        "See a(1).\n"
    )


def test_width() -> None:
    """No line is wider than the terminal."""
    assert max(map(len, made(40).format_help().splitlines())) <= 40


def test_rare_options_are_read() -> None:
    """An option without a line of its own is one like the others."""
    found = made().parse_args(["x", "--vlan", "7", "-4"])
    assert ("x", "7", True) == (found.file, found.vlan, found.only)
