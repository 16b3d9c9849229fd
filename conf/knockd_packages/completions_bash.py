"""Completions for bash: a function a program, with no name of its own beside it.

Pure.
"""

from __future__ import annotations

from knockd_packages.command_lines import CommandLine, Option
from knockd_packages.completions_names import COMMANDS, MADE

_HEAD = """\
{made}
_{name}()
{{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local command= options= valued= operands= kind= words= name i count=0
    COMPREPLY=()
    # bash makes three words of --option=value.
    [[ $prev == = ]] && prev=${{COMP_WORDS[COMP_CWORD-2]}}
    [[ $cur == = ]] && cur=
"""

_COUNT = """\
    for ((i = {first}; i < COMP_CWORD; i++)); do
        case ${{COMP_WORDS[i]}} in
{stop}            =) ((i++)) ;;
            -*) [[ " $valued " == *" ${{COMP_WORDS[i]}} "* && ${{COMP_WORDS[i+1]}} != = ]] && ((i++)) ;;
            *) ((count++)) ;;
        esac
    done
"""

_STOP = """\
            --)
                if ((i + 1 == COMP_CWORD)); then
                    mapfile -t COMPREPLY < <(compgen -c -- "$cur")
                else
                    compopt -o filenames
                    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
                fi
                return ;;
"""

_TAIL = """\
    if [[ -z $kind ]]; then
        if [[ $cur == -* ]]; then
            kind=words words=$options
        else
            set -- $operands
            ((count < $#)) || count=$(($# - 1))
            ((count < 0)) || {{ shift $count; kind=$1; }}
        fi
    fi
    case $kind in
        words) mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur") ;;
        file | folder)
            compopt -o filenames
            [[ $kind == file ]] && i=-f || i=-d
            mapfile -t COMPREPLY < <(compgen $i -- "$cur") ;;
{names}    esac
}}
complete -F _{name} {name}
"""

_NAMES = """\
        {kind})
            # compgen -W would run what stands in a name.
            while IFS= read -r name; do
                [[ $name == "$cur"* ]] && COMPREPLY+=("$(printf %q "$name")")
            done < <({command}) ;;
"""


def format_completion(line: CommandLine) -> str:
    """The file for a program."""
    text = _HEAD.format(made=MADE, name=line.name)
    if line.subcommands:
        names = " ".join(one.name for one in line.subcommands)
        text += "    ((COMP_CWORD == 1)) || command=${COMP_WORDS[1]}\n    case $command in\n"
        text += f'        "") options="{_names(line)}" operands=words words="{names}" ;;\n'
        for one in line.subcommands:
            text += f"        {one.name})\n" + _format_options(one, 12) + "            ;;\n"
        text += "    esac\n"
    else:
        text += _format_options(line, 4)
    stop = _STOP if line.runs else ""
    text += _COUNT.format(first=2 if line.subcommands else 1, stop=stop)
    used = sorted({one.kind for each in (line, *line.subcommands) for one in (*each.options, *each.operands)})
    names = "".join(_NAMES.format(kind=kind, command=COMMANDS[kind]) for kind in used if kind in COMMANDS)
    return text + _TAIL.format(name=line.name, names=names)


def _names(line: CommandLine) -> str:
    return " ".join(name for one in line.options for name in one.names)


def _format_options(line: CommandLine, indent: int) -> str:
    valued = [one for one in line.options if one.value]
    required = " ".join(name for one in valued if not one.optional for name in one.names)
    operands = " ".join(one.kind or "none" for one in line.operands)
    lines = [f'options="{_names(line)}"', f'valued="{required}"', f'operands="{operands}"']
    if valued:
        lines += ["case $prev in", *(f"    {_format_value(one)} ;;" for one in valued), "esac"]
    return "".join(f"{' ' * indent}{one}\n" for one in lines)


def _format_value(option: Option) -> str:
    # An optional value may be left out: only --option= asks for it.
    what = (
        f'kind=words words="{" ".join(option.choices)}"'
        if option.choices
        else f"kind={option.kind or 'none'}"
    )
    if option.optional:
        what = f"[[ ${{COMP_WORDS[COMP_CWORD]}} == = || ${{COMP_WORDS[COMP_CWORD-1]}} == = ]] && {what}"
    return f"{' | '.join(option.names)}) {what}"
