"""Asks the shell whether it can read commands, and the firewall which addresses a set holds.

Nothing is changed by it, and no command of a door is run.

World: other programs.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Final

from knockd.checks.sandbox import SERVICE_PATH
from knockd.checks.version_advice import AddressSet
from knockd_conf.firewall_tools import Version
from knockd_conf.shell_words import split_script
from knockd_conf.text import encoded, printable

if TYPE_CHECKING:
    import subprocess

SHELL: Final = "/bin/sh"

PATIENCE: Final = 3.0
"""Seconds that all questions about a configuration may take together: a start waits for them.

A program that has not answered then is killed, none is asked any more, and nothing is known.
"""

_PLAIN = re.compile(r"[\w./:,@%+=\- ]*")
_SAYS = re.compile(r"^(?:\S*sh|-): (?:-c: )?(?:line )?(?:\d+: )?")


def find_syntax_errors(texts: Iterable[str], until: float) -> Iterator[tuple[str, str]]:
    """Yields each text that the shell cannot read, and what it says of it. Nothing without a shell,
    nor after ``until`` on the steady clock.

    Plain words need no asking; what no other text can complete is asked for together.
    """
    whole: list[str] = []
    for text in texts:
        plain = split_script(text).plain
        if plain and _PLAIN.fullmatch(text):
            continue
        if plain and text.count("(") == text.count(")") and text[-1:] not in "|&\\":
            whole.append(text)
        else:
            yield from _search([text], until)
    yield from _search(whole, until)


def _search(texts: Sequence[str], until: float) -> Iterator[tuple[str, str]]:
    said = _read_syntax("\n".join(texts), until) if texts else None
    if said is None:
        return
    if len(texts) == 1:
        yield texts[0], said
        return
    half = len(texts) // 2
    yield from _search(texts[:half], until)
    yield from _search(texts[half:], until)


def _read_syntax(text: str, until: float) -> str | None:
    """What the shell says of a text that it cannot read; None: it can, or there is no answer."""
    done = _run([SHELL, "-n"], encoded(text) + b"\n", until)
    if done is None or not done.returncode:
        return None
    said = done.stderr.decode("utf-8", "replace").strip().split("\n")[0]
    return printable(_SAYS.sub("", said)) or "syntax error"


def ask_version(named: AddressSet, until: float) -> Version | None:
    """The IP version of the addresses in a set of nft or ipset; None: of both, or nobody says until then."""
    if named.tool == "nft":
        done = _run(["nft", "-t", "list", "set", named.family, *named.name.split(" ")], b"", until)
        found = re.search(rb"\btype ipv([46])_addr\b(?! \.)", done.stdout) if done is not None else None
        return None if found is None else 4 if found[1] == b"4" else 6
    done = _run(["ipset", "list", "-t", named.name], b"", until)
    found = re.search(rb"\bfamily (inet6?)\b", done.stdout) if done is not None else None
    return None if found is None else 6 if found[1] == b"inet6" else 4


def ask_networks(named: AddressSet, until: float) -> bool | None:
    """Whether a set of nft or ipset holds networks; None: it is of another kind, or nobody says until then.

    A set of ipset that holds addresses takes all of a network's over IPv4, one by one.
    """
    if named.tool == "nft":
        done = _run(["nft", "-t", "list", "set", named.family, *named.name.split(" ")], b"", until)
        if done is None or done.returncode or not re.search(rb"\btype ipv[46]_addr\b(?! \.)", done.stdout):
            return None
        return re.search(rb"\bflags [^\n]*\binterval\b", done.stdout) is not None
    done = _run(["ipset", "list", "-t", named.name], b"", until)
    kind = re.search(rb"(?m)^Type: hash:(ip|net)$", done.stdout) if done is not None else None
    return None if kind is None else kind[1] == b"net"


def _run(command: Sequence[str], data: bytes, until: float) -> subprocess.CompletedProcess[bytes] | None:
    import subprocess  # here, for most commands need no question

    left = until - time.monotonic()
    if left <= 0:
        return None
    try:
        return subprocess.run(
            command,
            input=data,
            capture_output=True,
            check=False,
            timeout=left,
            env={"PATH": SERVICE_PATH},
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
