"""A command's text is split as the shell splits it; what is not certain is said not to be plain."""

from __future__ import annotations

import pytest

from knockd_conf.shell_words import MAX_DEPTH, SimpleCommand, split_script


def words_of(text: str) -> list[tuple[str, ...]]:
    """The words of each simple command."""
    return [command.words for command in split_script(text).commands]


@pytest.mark.parametrize("operator", [";", "&&", "||", "|", "&", "\n", " ; ", "&\n"])
def test_an_operator_ends_a_command(operator: str) -> None:
    """Whatever joins two commands, they are two."""
    assert [("a", "1"), ("b", "2")] == words_of(f"a 1{operator}b 2")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a 'b c;d'", ("a", "b c;d")),
        ('a "b c&d"', ("a", "b c&d")),
        ('a "b \\"c\\" \\x"', ("a", 'b "c" \\x')),
        (r"a b\ c \;", ("a", "b c", ";")),
        ("a 'b'\"c\"d", ("a", "bcd")),
        ("a ''", ("a", "")),
        ("a b\\", ("a", "b\\")),
        ("a b#c # d", ("a", "b#c")),
        ("a \\\n b", ("a", "b")),
        ("a '{ %IP% }' $x ${y z}", ("a", "{ %IP% }", "$x", "${y z}")),
        ("X=1 Y='2 3' a", ("a",)),
        ("a >b 2>&1 < c d", ("a", "d")),
        ("{ a; }", ("a",)),
        ("(a)", ("a",)),
    ],
)
def test_a_command_has_the_words_that_the_shell_finds(text: str, expected: tuple[str, ...]) -> None:
    """Quotes, escapes, comments, variables set in front and redirections are read as sh reads them."""
    assert [expected] == words_of(text)
    assert split_script(text).plain


def test_where_output_goes_is_kept() -> None:
    """Files that a command writes are named; /dev/null, another descriptor and input are not."""
    text = "echo x >>/var/log/x 2>&1 </etc/x 2>/dev/null"
    assert (SimpleCommand(("echo", "x"), written=("/var/log/x",)),) == split_script(text).commands


@pytest.mark.parametrize(
    ("text", "through"),
    [
        ("sudo -n -u root a b", ("sudo",)),
        ("/usr/bin/env -i X=1 a b", ("/usr/bin/env",)),
        ("nice -n 5 ionice -c3 a b", ("nice", "ionice")),
        ("timeout -k 1 5 a b", ("timeout",)),
        ("flock -w 5 /run/lock a b", ("flock",)),
        ("sh -c 'a b'", ("sh",)),
        ("/bin/bash -lc 'exec a b'", ("/bin/bash", "exec")),
        ("sudo su root -c 'a b'", ("sudo", "su")),
        ("""sh -c "sh -c 'a b'" """, ("sh", "sh")),
    ],
)
def test_what_starts_another_program_is_looked_through(text: str, through: tuple[str, ...]) -> None:
    """The command is the program that runs in the end."""
    assert (SimpleCommand(("a", "b"), through),) == split_script(text).commands
    assert split_script(text).plain


@pytest.mark.parametrize("text", ["sudo", "sudo -u root", "sh -c", "sh script -c x", "timeout 5", "env X=1"])
def test_what_starts_nothing_else_is_the_command(text: str) -> None:
    """A program of that kind without another one is looked at as it is."""
    assert [tuple(text.split())] == words_of(text)


@pytest.mark.parametrize("text", ["a $(b c)", 'a "$(b c)"', "a `b c`"])
def test_commands_of_substitutions_come_first(text: str) -> None:
    """A substitution is a command too, and the word that it makes is not known."""
    assert ("b", "c") == words_of(text)[0]
    assert not split_script(text).plain


def test_a_parenthesis_in_quotes_ends_no_substitution() -> None:
    """Quotes hold inside a substitution."""
    assert [("b", ")"), ("c", "\\)"), ("a", "$(b ')'; c '\\)')")] == words_of("a $(b ')'; c '\\)')")


@pytest.mark.parametrize(
    "text",
    [
        *(
            "if a; then b; fi",
            "while a; do b; done",
            "! a",
            "case x in y) a;; esac",
            "for x in a b; do c; done",
        ),
        *(
            "f() { a; }",
            "a 'b",
            'a "b',
            "a `b",
            "a <<END",
            "a $((1 + 2))",
            "sh -c 'if a; then b; fi'",
        ),
    ],
)
def test_what_is_not_run_in_order_is_not_plain(text: str) -> None:
    """Branches, loops, functions, here-documents and open quotes leave it uncertain what is run."""
    assert not split_script(text).plain


def test_the_words_of_a_loop_are_no_command() -> None:
    """``for x in a b`` runs neither x nor a."""
    assert [("c",)] == words_of("for x in a b; do c; done")


def test_depth_is_bounded() -> None:
    """What is nested deeper than MAX_DEPTH stays one word, however deep it goes on."""
    text = "$(" * 10_000
    assert MAX_DEPTH + 1 == len(words_of(text))


def test_a_program_has_no_directory() -> None:
    """Its name is what is behind the last slash."""
    assert "iptables" == split_script("/usr/sbin/iptables -L").commands[0].program
