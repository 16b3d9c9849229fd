"""The text of a command to the simple commands in it, each as words without quotes (POSIX sh, section 2).

Nothing is expanded: ``$x`` and ``%IP%`` stay as they are written. Total: any text gives an answer.

Pure.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from knockd_conf.classes import NamedTuple

MAX_DEPTH: Final = 8
"""How deep substitutions and ``sh -c`` are followed; what is deeper stays one word."""

HARMLESS: Final = frozenset({":", "true", "echo", "printf", "logger", "sleep", "mail", "mailx"})
"""Programs that change nothing of weight."""


class SimpleCommand(NamedTuple):
    """One program with its arguments, as the shell would start it."""

    words: tuple[str, ...]
    """Program and arguments, at least one; neither variables that are set in front of it nor ``through``."""
    through: tuple[str, ...] = ()
    """The programs that start it: ``sudo``, ``nice``, ``sh``."""
    written: tuple[str, ...] = ()
    """The files that its output goes to, without /dev/null."""

    @property
    def program(self) -> str:
        """The program's name without its directory."""
        return self.words[0].rpartition("/")[2]


class Script(NamedTuple):
    """The simple commands of a text, in order."""

    commands: tuple[SimpleCommand, ...]
    plain: bool
    """Whether they are all there is: no branch, loop, function, substitution or open quote."""


@lru_cache(maxsize=4_096)  # each kind of note about a command asks anew
def split_script(text: str, depth: int = 0) -> Script:
    """The simple commands of ``text``, those of substitutions, ``sh -c`` and ``su -c`` too."""
    return _Splitter(text, depth).split()


_BLANK = re.compile(r"(?:[ \t]|\\\n)+")
_COMMENT = re.compile(r"#[^\n]*")
_REDIRECTION = re.compile(r"\d*(<<-?|<>|>>|>\||>&|<&|<|>)")
_OPERATOR = re.compile(r"&&|\|\||;;|[;&|()\n]")
_ORDINARY = re.compile(r"[^ \t\n;&|()<>'\"\\$`]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_WITH_SCRIPT = re.compile(r"-[a-z]*c")

_GROUPS = frozenset({"{", "}", "time"})
_BRANCHES = frozenset({"if", "then", "elif", "else", "fi", "while", "until", "do", "done", "!"})
_HEADS = frozenset({"for", "case", "select", "function", "esac"})
"""Words that begin what is no command: ``for x in a b``, up to the next operator."""

_SHELLS = frozenset({"sh", "bash", "dash", "ash", "ksh", "zsh", "su"})

_WRAPPERS: dict[str, tuple[str, int]] = {
    "sudo": ("CDgpRrTtUu", 0),
    "doas": ("Cu", 0),
    "env": ("Cu", 0),
    "nice": ("n", 0),
    "ionice": ("cn", 0),
    "nohup": ("", 0),
    "setsid": ("", 0),
    "exec": ("a", 0),
    "command": ("", 0),
    "busybox": ("", 0),
    "stdbuf": ("eio", 0),
    "timeout": ("ks", 1),
    "flock": ("EwW", 1),
}
"""Programs that start another one: their options that have a value, and how many operands come before it."""


class _Splitter:
    def __init__(self, text: str, depth: int) -> None:
        self._text = text
        self._depth = depth
        self._at = 0
        self._plain = True
        self._commands: list[SimpleCommand] = []
        self._words: list[str] = []
        self._written: list[str] = []
        self._redirection: str | None = None

    def split(self) -> Script:
        while self._at < len(self._text):
            if self._take(_BLANK) or self._take(_COMMENT):
                continue
            if found := self._take(_REDIRECTION):
                self._redirection = found[1]
                self._plain = self._plain and not found[1].startswith("<<")
            elif found := self._take(_OPERATOR):
                if found[0] == "(" and self._words:  # a function
                    self._plain = False
                self._end_command()
            else:
                self._take_word(self._read_word())
        self._end_command()
        return Script(tuple(self._commands), self._plain)

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        found = pattern.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found

    def _take_word(self, word: str) -> None:
        if self._redirection is not None:
            if self._redirection in (">", ">>", ">|", "<>") and word != "/dev/null":
                self._written.append(word)
            self._redirection = None
        elif self._words:
            self._words.append(word)
        elif word in _BRANCHES or word in _HEADS:
            self._plain = False
            if word in _HEADS:
                self._words.append(word)
        elif word not in _GROUPS and not _ASSIGNMENT.match(word):
            self._words.append(word)

    def _end_command(self) -> None:
        self._redirection = None
        words, self._words = self._words, []
        written, self._written = tuple(self._written), []
        if not words or words[0] in _HEADS:
            return
        command = unwrap(words)._replace(written=written)
        inner = _find_script(command) if self._depth < MAX_DEPTH else None
        if inner is None:
            self._commands.append(command)
            return
        through = (*command.through, command.words[0])
        self._add(inner, through, written)

    def _add(self, text: str, through: tuple[str, ...] = (), written: tuple[str, ...] = ()) -> None:
        script = split_script(text, self._depth + 1)
        self._plain = self._plain and script.plain
        self._commands += (
            one._replace(through=through + one.through, written=one.written + written)
            for one in script.commands
        )

    def _read_word(self) -> str:
        pieces: list[str] = []
        while self._at < len(self._text):
            if found := self._take(_ORDINARY):
                pieces.append(found[0])
                continue
            char = self._text[self._at]
            if char == "'":
                pieces.append(self._read_to("'"))
            elif char == '"':
                pieces.append(self._read_double_quotes())
            elif char == "\\":
                pieces.append(self._read_escaped())
            elif char in "$`":
                pieces.append(self._read_substitution())
            else:
                break
        return "".join(pieces)

    def _read_to(self, end: str) -> str:
        """The text between the character here and the next ``end``; passes both."""
        start = self._at + 1
        found = self._text.find(end, start)
        if found < 0:
            self._plain = False
            found = len(self._text)
        self._at = found + 1
        return self._text[start:found]

    def _read_escaped(self) -> str:
        escaped = self._text[self._at + 1 : self._at + 2]
        self._at += 2
        if not escaped:  # nothing follows: the shell keeps it
            return "\\"
        return "" if escaped == "\n" else escaped

    def _read_double_quotes(self) -> str:
        pieces: list[str] = []
        self._at += 1
        while self._at < len(self._text):
            char = self._text[self._at]
            if char == '"':
                self._at += 1
                return "".join(pieces)
            if char in "$`":
                pieces.append(self._read_substitution())
            elif char == "\\" and self._text[self._at + 1 : self._at + 2] in ("$", "`", '"', "\\", "\n"):
                pieces.append(self._read_escaped())
            else:
                pieces.append(char)
                self._at += 1
        self._plain = False
        return "".join(pieces)

    def _read_substitution(self) -> str:
        """``$(...)``, ``${...}``, backquotes or ``$`` alone, as written; commands inside are added."""
        start = self._at
        if self._text.startswith("$(", start):
            self._at = self._find_closing(start + 2)
            self._substitute(self._text[start + 2 : self._at - 1])
        elif self._text[start] == "`":
            self._substitute(self._read_to("`"))
        elif self._text.startswith("${", start):
            self._at += 1
            self._read_to("}")
        else:
            self._at += 1
        return self._text[start : self._at]

    def _substitute(self, text: str) -> None:
        self._plain = False
        if self._depth < MAX_DEPTH and not text.startswith("("):  # $((...)) computes
            self._add(text)

    def _find_closing(self, at: int) -> int:
        """The index behind the parenthesis that closes the one before ``at``; the end when none does."""
        depth = 1
        quote = ""
        while at < len(self._text):
            char = self._text[at]
            if char == "\\" and quote != "'":
                at += 1
            elif quote:
                quote = "" if char == quote else quote
            elif char in "'\"":
                quote = char
            elif char in "()":
                depth += 1 if char == "(" else -1
            at += 1
            if not depth:
                return at
        return len(self._text) + 1


def unwrap(words: list[str]) -> SimpleCommand:
    """The command that ``words`` start in the end, without ``sudo``, ``env``, ``timeout`` and their like."""
    through: list[str] = []
    while words[0].rpartition("/")[2] in _WRAPPERS:
        with_value, operands = _WRAPPERS[words[0].rpartition("/")[2]]
        at = 1
        while at < len(words) and words[at].startswith("-") and words[at] != "--":
            at += 2 if len(words[at]) == 2 and words[at][1] in with_value else 1
        at += words[at : at + 1] == ["--"]
        at += operands
        while at < len(words) and _ASSIGNMENT.match(words[at]):
            at += 1
        if at >= len(words):
            break
        through.append(words[0])
        words = words[at:]
    return SimpleCommand(tuple(words), tuple(through))


def _find_script(command: SimpleCommand) -> str | None:
    """The text that ``sh -c`` or ``su -c`` is given, None when the command is neither."""
    if command.program not in _SHELLS:
        return None
    for at, word in enumerate(command.words[1:-1], 1):
        if _WITH_SCRIPT.fullmatch(word):
            return command.words[at + 1]
        if not word.startswith("-") and command.program != "su":
            return None
    return None
