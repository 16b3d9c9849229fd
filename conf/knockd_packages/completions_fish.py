"""Completions for fish: a line an option.

Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from knockd_packages.command_lines import CommandLine, Option
from knockd_packages.completions_names import COMMANDS, CONFIG_HOME, MADE

_CONFIG_HOME = "(set -q XDG_CONFIG_HOME; and echo $XDG_CONFIG_HOME; or echo ~/.config)"

_RUN = """
function __{name}_command
    set -l words (commandline -opc)
    set -e words[1..(contains -i -- -- $words)]
    complete -C (string join ' ' -- (string escape -- $words) (commandline -ct))
end
complete -c {name} -n 'contains -- -- (commandline -opc)' -a '(__{name}_command)'"""


def format_completion(line: CommandLine) -> str:
    """The file for a program."""
    lines = [MADE]
    used = sorted({one.kind for each in (line, *line.subcommands) for one in (*each.options, *each.operands)})
    for kind in used:
        if kind in COMMANDS:
            lines += [
                "",
                f"function __{line.name}_{kind}",
                f"    {COMMANDS[kind].replace(CONFIG_HOME, _CONFIG_HOME)}",
                "end",
            ]
    lines += ["", f"complete -c {line.name} -f"]
    if line.subcommands:
        first = "-n __fish_use_subcommand"
        lines += _format_options(line, line.name, first)
        for one in line.subcommands:
            lines.append(f"complete -c {line.name} {first} -a {one.name} -d {_quote(one.help)}")
        for one in line.subcommands:
            lines += _format_options(one, line.name, f"-n '__fish_seen_subcommand_from {one.name}'")
    else:
        lines += _format_options(line, line.name, "")
    if line.runs:
        lines.append(_RUN.format(name=line.name))
    return "\n".join(lines) + "\n"


def _format_options(line: CommandLine, program: str, condition: str) -> Iterator[str]:
    start = f"complete -c {program} {condition}".rstrip()
    for one in line.options:
        names = " ".join(
            f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in one.names
        )
        yield f"{start} {names}{_format_value(one, program)} -d {_quote(one.help)}"
    for one in line.operands:
        if one.kind:
            before = " -n 'not contains -- -- (commandline -opc)'" if line.runs else ""
            yield f"{start}{before}{_format_value(one, program).replace(' -r', '')}"


def _format_value(option: Option, program: str) -> str:
    if not option.value:
        return ""
    if option.choices:
        return f"{'' if option.optional else ' -x'} -a {_quote(' '.join(option.choices))}"
    if option.kind in COMMANDS:
        return f" {'-x ' if option.names else ''}-a '(__{program}_{option.kind})'"
    if option.kind == "folder":
        return " -x -a '(__fish_complete_directories)'"
    if option.kind == "file":
        return "" if option.optional else " -r -F"
    return "" if option.optional else " -x"


def _quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
