"""The text of an authorized_keys file to keys."""

from __future__ import annotations

import subprocess
from base64 import b64encode
from pathlib import Path

import pytest

from knockd_conf.access import make_networks
from knockd_conf.authorized_keys import (
    DOORS,
    EXPIRY,
    FROM,
    MAX_COMMENT,
    MAX_KEYS,
    MAX_PROBLEMS,
    MAX_SIZE,
    AuthorizedFile,
    AuthorizedKey,
    format_authorized,
    parse_authorized_keys,
)
from knockd_conf.expiry_time import Moment, utc_seconds
from knockd_conf.key_line import KeyLine, format_key_line
from knockd_conf.ssh_keys import PublicKey
from tests.support.lab.tools import need


def line_of(number: int, comment: str = "") -> str:
    """The line of a key of its own for each number."""
    return format_key_line(KeyLine(PublicKey(number.to_bytes(32, "big")), comment))


KEY = line_of(1)
TOKEN = format_key_line(KeyLine(PublicKey(bytes(32), "ssh:"), "token"))
PRIVATE = """-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx
AAAEDdFakeFakeFake==
-----END OPENSSH PRIVATE KEY-----
"""


def east(moment: Moment) -> float:
    """A time zone two hours east of Greenwich."""
    return utc_seconds(moment) - 7_200


def parse(text: str | bytes) -> AuthorizedFile:
    """What a file says."""
    return parse_authorized_keys(text if isinstance(text, bytes) else text.encode(), east)


def test_defaults() -> None:
    """A key without options may be used from everywhere, for ever, at every door."""
    (key,) = parse(KEY).keys
    assert key == AuthorizedKey((1).to_bytes(32, "big"), "", key.fingerprint, line=1)
    assert (key.allow, key.deny, key.expires, key.doors) == ((), (), None, None)


def test_a_file() -> None:
    """Comments, blank lines, blanks in front, tabs between, CRLF, no newline at the end, as sshd reads it."""
    first = line_of(1, "me@laptop  of  work")
    text = f"# who may\r\n\r\n \t{first}\r\n\n  # old\n" + TOKEN.replace(" ", "\t\t")
    found = parse(text)
    assert () == found.problems
    assert ["me@laptop  of  work", "token"] == [key.comment for key in found.keys]
    assert [None, "ssh:"] == [key.application for key in found.keys]
    assert [3, 6] == [key.line for key in found.keys]


def test_options() -> None:
    """from=, expiry-time= and knock-doors=, in any case and order, with quotes that are escaped."""
    options = 'Knock-Doors="ssh,my \\"home\\"",FROM="192.0.2.*,!192.0.2.7",expiry-time="20270101"'
    found = parse(f"{options}  {KEY} a")
    assert () == found.problems
    (key,) = found.keys
    assert ("ssh", 'my "home"') == key.doors
    assert ["192.0.2.0/24"] == [str(one) for one in key.allow]
    assert ["192.0.2.7"] == [str(one) for one in key.deny]
    assert utc_seconds(Moment(2026, 12, 31, 22)) == key.expires
    assert "a" == key.comment


def test_a_line_with_a_mistake_lets_nobody_knock() -> None:
    """The keys of the other lines count: sshd reads a file so, and no line too many locks others out."""
    found = parse(f"{line_of(1)}\nssh-rsa AAAA\n{line_of(2)}\n")
    assert [1, 3] == [key.line for key in found.keys]
    assert 1 == len(found.problems)


OURS = "from=, expiry-time= or knock-doors="
SESSIONS = "it is about SSH sessions, leave it out here"
TYPES = "ssh-ed25519 or sk-ssh-ed25519@openssh.com"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ssh-rsa AAAA", f"expected a key of type {TYPES}, got ssh-rsa: 'ssh-keygen -t ed25519' makes one"),
        (f"restrict,pty {KEY}", f"expected {OURS}, got restrict: {SESSIONS}"),
        (f'from="192.0.2.1",command="rm -rf /" {KEY}', f"expected {OURS}, got command: {SESSIONS}"),
        (f"no-X11-forwarding {KEY}", f"expected {OURS}, got no-X11-forwarding: {SESSIONS}"),
        (
            f"cert-authority {KEY}",
            f"expected {OURS}, got cert-authority: no certificate is taken: give each key a line of its own",
        ),
        (
            f"no-touch-required {TOKEN}",
            f"expected {OURS}, got no-touch-required: a hardware key has to be touched for each knock: leave"
            " it out",
        ),
        (
            f"verify-required {TOKEN}",
            f"expected {OURS}, got verify-required: whether a PIN was asked for is not looked at: leave it"
            " out",
        ),
        (f'knock-door="ssh" {KEY}', f"expected {OURS}, got 'knock-door'"),
        (f'AbCdEf="ssh" {KEY}', f"expected {OURS}, got something else"),
        (f"from=192.0.2.1 {KEY}", 'expected from="..." with the quotes'),
        (f'from="192.0.2.1",from="192.0.2.2" {KEY}', "expected from= once, got it twice"),
        (f'from="192.0.2.1"pty {KEY}', "expected a comma and another option, or a blank, behind from="),
        (f',from="192.0.2.1" {KEY}', f"expected options divided by commas ({OURS}), got something else"),
        (f'from="192.0.2.1 {KEY}', "expected a closing quote in the options"),
        (f'knock-doors="a\\" {KEY}', "expected a closing quote in the options"),
        ('from="192.0.2.1"', "expected a key behind the options, got none"),
        ('from="192.0.2.1" hello', f"expected {TYPES} behind the options, got 'hello'"),
        ('from="192.0.2.1" HelloThere', f"expected {TYPES} behind the options, got something else"),
        ('from="192.0.2.1" ssh-ed25519', "expected a key behind 'ssh-ed25519', got none"),
        (KEY.split()[1], "expected ssh-ed25519 in front of the key, got a key without its type"),
        ("hello", f"expected [OPTIONS] {TYPES} KEY [COMMENT], got 'hello'"),
        (f"{KEY[:-4]} me", "expected a key behind ssh-ed25519, got one that was cut or changed"),
        (f'knock-doors="" {KEY}', "expected knock-doors=\"DOOR,DOOR\", names without blanks around, got ''"),
        (
            f'knock-doors="a, b" {KEY}',
            "expected knock-doors=\"DOOR,DOOR\", names without blanks around, got 'a, b'",
        ),
        (
            f'expiry-time="tomorrow" {KEY}',
            "expected expiry-time=\"YYYYMMDD[HHMM[SS]][Z]\", a day of the calendar, got 'tomorrow'",
        ),
        (
            f'from="home" {KEY}',
            "from=: expected an address or a network, got 'home': a name is no rule, as whoever answers for"
            " it would say who may knock",
        ),
        (
            PRIVATE,
            "expected a public key, got a private key: take it out of this file, put in the line of the file"
            " that ends in .pub, and use the private key no more",
        ),
        (
            "PuTTY-User-Key-File-3: ssh-ed25519\nPrivate-Lines: 1\nAAAA\n",
            "expected a public key, got a private key of PuTTY: PuTTYgen shows the line to put here",
        ),
        (
            "---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----\n",
            "expected a key on one line: 'ssh-keygen -i -f FILE' converts this format",
        ),
    ],
)
def test_mistakes(text: str, expected: str) -> None:
    """The message says the line, what was expected and what was seen, and nothing of a key."""
    found = parse(f"# first\n{text}")
    assert (f"line 2: {expected}",) == found.problems
    assert () == found.keys


def test_the_first_of_two_lines_of_a_key_counts() -> None:
    """The second one is refused, whatever its options are: the same key twice has no meaning."""
    found = parse(f'{KEY} a\n#\nfrom="192.0.2.1" {KEY} b\n')
    assert ("line 3: expected each key once, this one is in line 1 too",) == found.problems
    assert ["a"] == [key.comment for key in found.keys]


@pytest.mark.parametrize("text", ["", "\n", "# nobody\n", "\xef\xbb\xbf"])
def test_an_empty_file(text: str) -> None:
    """Is no list of nobody, but a mistake: it says how to add a key."""
    problem = "expected a line with a key, got none: 'knockctl authorize FILE.pub' adds one"
    assert AuthorizedFile((), (problem,)) == parse(text.encode("latin-1"))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"#" * (MAX_SIZE + 1), f"expected at most {MAX_SIZE} bytes, got more"),
        (
            KEY.encode("utf-16"),
            "expected text with one byte a letter, got zero bytes (UTF-16?): save it as UTF-8",
        ),
        (
            "\n".join(map(line_of, range(MAX_KEYS + 1))).encode(),
            f"expected at most {MAX_KEYS} keys, got {MAX_KEYS + 1}",
        ),
    ],
)
def test_files_of_which_nothing_counts(data: bytes, expected: str) -> None:
    """Too large, too many, or no text."""
    assert AuthorizedFile((), (expected,)) == parse(data)


def test_as_many_keys_as_may_be() -> None:
    """All count; a mark at the start that Windows writes does not matter."""
    found = parse("\ufeff" + "\n".join(map(line_of, range(MAX_KEYS))))
    assert MAX_KEYS == len(found.keys)
    assert () == found.problems


def test_many_mistakes() -> None:
    """A file that is something else does not fill a log."""
    found = parse("x\n" * 100)
    assert MAX_PROBLEMS + 1 == len(found.problems)
    assert "and 80 more" == found.problems[-1]


def test_keys_behind_a_private_key_count() -> None:
    """What is between its first and its last line is one mistake."""
    found = parse(PRIVATE + KEY)
    assert 1 == len(found.problems)
    assert [5] == [key.line for key in found.keys]


def test_comments_are_printable_and_short() -> None:
    """They go into logs: escapes for what would move a cursor, or is no UTF-8."""
    found = parse(KEY.encode() + b" \x1b[2J\xff" + b"x" * 100)
    (key,) = found.keys
    assert key.comment.startswith("\\x1b[2J\\xffxxx")
    assert MAX_COMMENT == len(key.comment)


def test_lines_are_read_as_they_were_written() -> None:
    """What format_authorized writes."""
    key = KeyLine(PublicKey(bytes(32), "ssh:"), "a token")
    options = [(FROM, "192.0.2.0/24"), (EXPIRY, "20270101Z"), (DOORS, 'ssh,"x"')]
    found = parse(format_authorized(key, options))
    assert () == found.problems
    (read,) = found.keys
    assert (make_networks([]), ("ssh", '"x"')) == (read.deny, read.doors)
    assert ("a token", "ssh:") == (read.comment, read.application)
    assert format_key_line(key) == format_authorized(key)


def test_a_value_that_no_line_can_have() -> None:
    """OpenSSH has no way to write a backslash in front of the last quote."""
    key = KeyLine(PublicKey(bytes(32)))
    with pytest.raises(ValueError, match="expected a value of knock-doors= that ends with no backslash"):
        format_authorized(key, [(DOORS, "a\\")])


OPENSSH_TOO = [
    KEY,
    f"{KEY} a comment  of words",
    f" \t{KEY}",
    f"{KEY}\r",
    TOKEN,
    f'from="192.0.2.*,!192.0.2.7" {KEY}',
    f'expiry-time="20270101",from="10.0.0.0/8"\t{KEY} x',
    f'from="10.0.0.0/8", {KEY}',
]
NOR_OPENSSH = [
    KEY.split()[1],
    f"ssh-ed25519 {KEY.split()[1][:-4]}",
    f"ssh-ed25519 {KEY.split()[1]}AAAA",
    f"sk-ssh-ed25519@openssh.com {KEY.split()[1]}",
    f"ssh-rsa {KEY.split()[1]}",
    f'from="192.0.2.1 {KEY}',
    f"ssh-ed25519 {b64encode(bytes(51)).decode()}",
    "hello world",
]


@pytest.mark.parametrize("line", OPENSSH_TOO)
def test_what_is_taken_ssh_keygen_takes(line: str, tmp_path: Path) -> None:
    """And it says the same fingerprint."""
    file = tmp_path / "authorized_keys"
    file.write_text(line + "\n", newline="")
    said = subprocess.run(
        [need("ssh-keygen"), "-l", "-f", str(file)], capture_output=True, text=True, check=True
    )
    assert [said.stdout.split()[1]] == [key.fingerprint for key in parse(line).keys]


@pytest.mark.parametrize("line", NOR_OPENSSH)
def test_what_ssh_keygen_refuses_is_refused(line: str, tmp_path: Path) -> None:
    """No line counts here that is none of OpenSSH's."""
    file = tmp_path / "authorized_keys"
    file.write_text(line + "\n")
    said = subprocess.run([need("ssh-keygen"), "-l", "-f", str(file)], capture_output=True, check=False)
    assert 0 != said.returncode
    assert () == parse(line).keys
