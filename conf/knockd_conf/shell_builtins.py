"""What a shell has in itself: no program has to be there for it, and for most of it none is.

The keeper imports it, so it imports next to nothing.

Pure.
"""

from __future__ import annotations

from typing import Final

BUILTINS: Final = frozenset(
    {
        *(".", ":", "[", "[[", "alias", "bg", "bind", "break", "builtin", "caller", "cd", "chdir"),
        *("command", "compgen", "complete", "compopt", "continue", "declare", "dirs", "disown", "echo"),
        *("enable", "eval", "exec", "exit", "export", "false", "fc", "fg", "getopts", "hash"),
        *("help", "history", "jobs", "kill", "let", "local", "logout", "mapfile", "popd", "printf"),
        *("pushd", "pwd", "read", "readarray", "readonly", "return", "set", "shift", "shopt"),
        *("source", "suspend", "test", "times", "trap", "true", "type", "typeset", "ulimit"),
        *("umask", "unalias", "unset", "wait"),
    }
)
"""Commands that a shell has in itself (dash, bash, busybox ash)."""

_ALSO_PROGRAMS: Final = frozenset({"[", "echo", "false", "kill", "printf", "pwd", "test", "true"})
"""Those of them that are programs, too, on most systems."""

_KEYWORDS: Final = frozenset(
    {
        *("case", "coproc", "do", "done", "elif", "else", "esac", "fi", "for", "function", "if", "in"),
        *("select", "then", "time", "until", "while"),
    }
)
"""Words with a meaning of their own in front of a command, without those of punctuation."""

WITHOUT_PROGRAM: Final = (BUILTINS - _ALSO_PROGRAMS) | _KEYWORDS
"""What ``exec`` cannot start on most systems."""
