"""Completions for zsh: what its ``_arguments`` is told.

Pure.
"""

from __future__ import annotations

from knockd_packages.command_lines import CommandLine, Option
from knockd_packages.completions_names import COMMANDS, MADE

_ACTIONS = {"file": "_files", "folder": "_files -/"}

_RUN = """\
    local -i end=${words[(ie)--]}
    if (( end < CURRENT )); then
        words=("${(@)words[end + 1, -1]}")
        (( CURRENT -= end ))
        _normal
        return
    fi
"""


def format_completion(line: CommandLine) -> str:
    """The file for a program."""
    text = f"#compdef {line.name}\n{MADE}\n"
    used = sorted({one.kind for each in (line, *line.subcommands) for one in (*each.options, *each.operands)})
    for kind in used:
        if kind in COMMANDS:
            text += f'\n_{line.name}_{kind}() {{\n    local -a names=(${{(f)"$({COMMANDS[kind]})"}})\n'
            text += "    compadd -a names\n}\n"
    text += f"\n_{line.name}() {{\n"
    if line.subcommands:
        text += "    if (( CURRENT == 2 )); then\n        local -a commands=(\n"
        text += "".join(f"            {_quote(f'{one.name}:{one.help}')}\n" for one in line.subcommands)
        text += "        )\n        _describe -t commands subcommand commands\n"
        text += _format_arguments(line, line.name, 8) + "        return\n    fi\n"
        text += "    shift words\n    (( CURRENT -= 1 ))\n    case $words[1] in\n"
        for one in line.subcommands:
            text += f"        {one.name})\n{_format_arguments(one, line.name, 12)}            ;;\n"
        text += "    esac\n"
    else:
        text += _RUN * line.runs + _format_arguments(line, line.name, 4)
    return f'{text}}}\n\n_{line.name} "$@"\n'


def _format_arguments(line: CommandLine, program: str, indent: int) -> str:
    specs = [spec for one in line.options for spec in _format_option(one, program)]
    for number, one in enumerate(line.operands, 1):
        place = "*" if one.repeated else str(number)
        specs.append(f"{place}:{_escape(one.value)}:{_action(one, program)}")
    lines = ["_arguments -s -S", *(f"    {_quote(spec)}" for spec in specs)]
    return " \\\n".join(" " * indent + one for one in lines) + "\n"


def _format_option(option: Option, program: str) -> list[str]:
    rest = f"[{_escape(option.help)}]"
    if option.value:
        rest += f":{':' if option.optional else ''}{_escape(option.value)}:{_action(option, program)}"
    before = "*" if option.repeated else f"({' '.join(option.names)})" if option.names else ""
    made = []
    for name in option.names:
        sign = "" if not option.value else "=" if name.startswith("--") else "+"
        made.append(f"{before}{name}{sign}{rest}")
    return made


def _action(option: Option, program: str) -> str:
    if option.choices:
        return f"({' '.join(option.choices)})"
    if option.kind in COMMANDS:
        return f"_{program}_{option.kind}"
    return _ACTIONS.get(option.kind, " ")


def _escape(text: str) -> str:
    for sign in "\\[]:":
        text = text.replace(sign, f"\\{sign}")
    return text


def _quote(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"
