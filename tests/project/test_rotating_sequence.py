"""docs/spec: the page's examples, its vectors, and the shell script that was written from the page."""

from __future__ import annotations

import json
import os
import re
import subprocess
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.support.lab.tools import need
from tests.support.oracles.make_rotating_vectors import make_page
from tests.support.oracles.rotating_model import derive
from tests.support.samples.rotating_vectors import PAGE, VECTORS, Vector, read_page

SPEC = PAGE.parent
SCRIPT = SPEC / "rotating-sequence.sh"
TEXT = (SPEC / "rotating-sequence.md").read_text()
SHELLS = ("dash", "busybox")
RAW = {one["name"]: one for one in read_page()["ports"]}

every_shell = pytest.mark.parametrize("shell", SHELLS)


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A key file that nobody else may read."""
    made = tmp_path / "keys"
    made.touch(0o600)
    return made


def words(shell: str) -> list[str]:
    """The command of a shell."""
    return [need(shell), *(["ash"] if shell == "busybox" else [])]


def run(shell: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """The script under a shell."""
    need("openssl")
    command = [*words(shell), str(SCRIPT), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **more)


def write_key(path: Path, key: bytes) -> None:
    """A key file with one key."""
    path.write_text(f"# a key\nalice {b64encode(key).decode()}\n")


def options(vector: Vector) -> list[str]:
    """The command line for the ports of a vector."""
    rule = ["-s", str(vector.number_of_steps), "-r", f"{vector.low}-{vector.high}", "-o", vector.protocol]
    return ["-d", vector.door, "-N", str(vector.period), *rule]


def named(name: str) -> Vector:
    """A vector by its name."""
    return next(one for one in VECTORS if one.name == name)


def test_the_vectors_are_those_of_the_slow_model() -> None:
    """The file is as make rotating-vectors writes it, with nothing of the product's code."""
    assert make_page() == PAGE.read_text()


def test_what_vectors_there_are() -> None:
    """At least 20, with everything in them that an implementation may do otherwise."""
    assert len(VECTORS) >= 20
    assert f"{len(VECTORS)} derivations" in TEXT
    assert len({one.name for one in VECTORS}) == len(VECTORS)
    assert {"tcp", "udp", "mixed"} == {one.protocol for one in VECTORS}
    assert {3, 4, 16} == {one.number_of_steps for one in VECTORS}
    assert {0, 2**32, 2**53 - 1} <= {one.period for one in VECTORS}
    assert {1024, 40_001, 65_535} <= {one.high - one.low + 1 for one in VECTORS}
    assert {"1", "65535"} <= {step.split(":")[0] for one in VECTORS for step in one.steps}
    assert any(not one.door.isascii() for one in VECTORS)
    assert any(one.door != one.door.strip() for one in VECTORS)
    for outcome in ("too_high", "equal", "beside"):
        assert sum(getattr(one, outcome) > 0 for one in VECTORS) >= 2


def test_what_the_rules_leave_out_matters() -> None:
    """Some vectors have other steps where a word that gives nothing would be taken."""
    for name, outcome in (
        ("number-too-high", "limit"),
        ("first-number-too-high", "limit"),
        ("beside", "beside"),
        ("beside-other-protocol", "beside"),
        ("equal-other-protocol", "equal"),
    ):
        found = derive(_plain(named(name)))
        assert outcome in [word.outcome for word in found.words[: named(name).number_of_steps + 1]]


def test_the_worked_example() -> None:
    """Each number of the table, and message, blocks and ports around it are those of the vector."""
    vector = named("defaults")
    found = derive(_plain(vector))
    rows = re.findall(
        r"^\| ([0-9a-f]{8}) \| (\d) \| (\d+) \| (yes|no) \| (\d+) \| (\d+) \| (.+) \|$", TEXT, re.M
    )
    expected = [
        (
            word.hexadecimal,
            str(word.bit),
            str(word.number),
            "yes",
            str(word.number % 40_001),
            str(word.port),
            what,
        )
        for word, what in zip(
            found.words,
            [*(f"step {n}" for n in range(1, 5)), *(f"guard {n}" for n in range(1, 9))],
            strict=True,
        )
    ]
    assert expected[:8] == rows
    assert f"has {len(vector.message)} bytes:" in TEXT
    assert f"\n    {vector.message.hex()}\n" in TEXT
    assert f"\n    {vector.hmac[0]}\n" in TEXT
    assert f"`{vector.hmac[1]}`: guards 5 to 8 are " in TEXT
    assert "are {}, {}, {} and {}, of its".format(*(port.split(":")[0] for port in vector.guards[4:])) in TEXT
    assert f"2^31 mod 40001 = {2**31 % 40_001}, so limit = {2**31 - 2**31 % 40_001}." in TEXT


def test_the_examples_of_words_that_give_nothing() -> None:
    """The words and ports that the page shows are those of the vectors."""
    beside, high = (derive(_plain(named(name))) for name in ("beside", "first-number-too-high"))
    assert "`" + " ".join(word.hexadecimal for word in beside.words[:5]) + "`" in TEXT
    for word in (*beside.words[:5], high.words[1]):
        assert re.search(rf"\b{word.port}\b", TEXT)
    assert f"`{high.words[0].hexadecimal}`: n = {high.words[0].number} is not below" in TEXT
    assert (
        f"`{high.words[1].hexadecimal}`, gives step 1: n = {high.words[1].number}, n mod 65535 = 58026"
        in TEXT
    )
    assert (2**31 % 65_535, 2**31 - 2**31 % 65_535) == (32_768, 2_147_450_880)


@every_shell
@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_the_script_has_the_vectors(shell: str, vector: Vector, keys: Path) -> None:
    """Steps and guards are those of every vector, whatever shell runs the script."""
    write_key(keys, vector.key)
    for more, expected in (([], vector.steps), (["-g"], vector.guards)):
        done = run(shell, "-k", str(keys), *options(vector), *more)
        assert (done.stderr, done.returncode) == ("", 0)
        assert " ".join(expected) + "\n" == done.stdout


@every_shell
@pytest.mark.parametrize(
    "one", read_page()["periods"], ids=lambda one: f"{one['seconds']}/{one['period_seconds']}"
)
def test_the_script_has_the_period_that_is_now(
    shell: str, one: dict[str, int], keys: Path, tmp_path: Path
) -> None:
    """Without -N it is the period of the clock (a date of ours says what time it is)."""
    write_key(keys, bytes(range(32)))
    clock = tmp_path / "date"
    clock.write_text(f'#!/bin/sh\n[ "$*" = +%s ] && echo {one["seconds"]}\n')
    clock.chmod(0o755)
    length = ["-k", str(keys), "-d", "ssh", "-p", str(one["period_seconds"])]
    now = run(shell, *length, env={"PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert run(shell, *length, "-N", str(one["period"])).stdout == now.stdout != ""


@every_shell
@pytest.mark.parametrize("one", read_page()["key_files"], ids=lambda one: repr(one["text"][:20]))
def test_the_script_reads_key_files(shell: str, one: dict[str, Any], keys: Path, tmp_path: Path) -> None:
    """Each key of a file is found by its name, from a file and from standard input."""
    keys.write_bytes(one["text"].encode())
    for key in one["keys"]:
        alone = tmp_path / key["name"]
        alone.touch(0o600)
        write_key(alone, bytes.fromhex(key["key"]))
        expected = run(shell, "-k", str(alone), "-d", "ssh", "-N", "1").stdout
        assert expected
        assert expected == run(shell, "-k", str(keys), "-d", "ssh", "-N", "1", "-n", key["name"]).stdout
        with keys.open() as stream:
            read = run(shell, "-k", "-", "-d", "ssh", "-N", "1", "-n", key["name"], stdin=stream)
        assert expected == read.stdout


@every_shell
@pytest.mark.parametrize("one", read_page()["bad_key_files"], ids=lambda one: str(one["why"]))
def test_the_script_refuses_what_is_no_key_file(shell: str, one: dict[str, str], keys: Path) -> None:
    """Nothing is made of a file with a mistake; the message shows no line of it."""
    keys.write_bytes(one["text"].encode())
    done = run(shell, "-k", str(keys), "-d", "ssh")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(r"rotating-sequence: .+\n", done.stderr)
    assert "AAEC" not in done.stderr


@every_shell
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("", "expected -k FILE, the key file"),
        ("-k KEYS", "expected -d DOOR, a name of 1 to 128 bytes"),
        (f"-k KEYS -d {'d' * 129}", "expected -d DOOR, a name of 1 to 128 bytes"),
        ("-k KEYS -d a\nb", "-d: expected a name without control characters"),
        ("-k KEYS -d ssh -s 2", "-s: expected 3 to 16 steps, got 2"),
        ("-k KEYS -d ssh -p 3601", "-p: expected 10 to 3600 seconds, got 3601"),
        ("-k KEYS -d ssh -r 1-1023", "-r: expected LOW-HIGH with at least 1024 ports, got 1-1023"),
        ("-k KEYS -d ssh -r 20000", "-r: expected LOW-HIGH with at least 1024 ports, got 20000"),
        ("-k KEYS -d ssh -o sctp", "-o: expected tcp, udp or mixed, got sctp"),
        ("-k KEYS -d ssh -N -1", "expected a period from 0 to 9007199254740991, got -1"),
        (
            "-k KEYS -d ssh -N 9007199254740992",
            "expected a period from 0 to 9007199254740991, got 9007199254740992",
        ),
        ("-k KEYS -d ssh -n bob", "there is no key of bob; there are: alice "),
        ("-k KEYS -d ssh more", "expected options only"),
    ],
)
def test_the_script_refuses(shell: str, arguments: str, message: str, keys: Path) -> None:
    """A mistake of the command line is named."""
    write_key(keys, bytes(32))
    done = run(shell, *arguments.replace("KEYS", str(keys)).split(" ") if arguments else ())
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"rotating-sequence: {message}\n")


@every_shell
def test_the_script_chooses_no_key_by_itself(shell: str, keys: Path) -> None:
    """Of several keys one has to be named."""
    lines = (f"{name} {b64encode(bytes([at]) * 32).decode()}\n" for at, name in enumerate(("alice", "bob")))
    keys.write_text("".join(lines))
    done = run(shell, "-k", str(keys), "-d", "ssh")
    assert done.stderr == "rotating-sequence: there are several keys, choose one with -n: alice bob \n"


@every_shell
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o602])
def test_the_script_refuses_a_key_for_everybody(shell: str, mode: int, keys: Path) -> None:
    """A key file that others can use is refused, with the command that mends it."""
    write_key(keys, bytes(32))
    keys.chmod(mode)
    done = run(shell, "-k", str(keys), "-d", "ssh")
    assert done.stderr == f"rotating-sequence: others than its owner may use {keys}, run chmod 600 on it\n"
    assert done.returncode == 1


@every_shell
def test_the_key_is_on_no_command_line(shell: str, keys: Path, tmp_path: Path) -> None:
    """No process that the script starts has the key, or a block made of it, as an argument or variable."""
    vector = named("another-key")
    write_key(keys, vector.key)
    trace = tmp_path / "trace"
    begun = [need("strace"), "-f", "-v", "-x", "-s", "100000", "-e", "trace=execve", "-o", str(trace)]
    exported = {**os.environ, **dict.fromkeys(("rs_key", "rs_inner", "rs_outer", "rs_line"), "")}
    command = [*begun, *words(shell), str(SCRIPT), "-k", str(keys), *options(vector)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=exported)
    assert " ".join(vector.steps) + "\n" == done.stdout
    seen = trace.read_text()
    assert seen.count('/openssl"') >= 4
    for pad in (0, 0x36, 0x5C):
        key = bytes(byte ^ pad for byte in vector.key)
        forms = (key.hex(), b64encode(key).decode(), "".join(f"\\\\0{byte:03o}" for byte in key))
        for form in (*forms, *(form[: len(form) // 4] for form in forms)):
            assert form not in seen


def test_a_shell_that_would_show_the_key(keys: Path) -> None:
    """Where printf is another program the script ends: its arguments would be for everybody to see."""
    write_key(keys, bytes(32))
    text = f'enable -n printf; . "{SCRIPT}"'
    done = subprocess.run(
        [need("bash"), "-c", text, "sh", "-k", str(keys), "-d", "ssh"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "this shell runs another program for printf" in done.stderr
    assert done.stdout == ""


def test_the_uri_of_the_page() -> None:
    """The page's URI and key file have the key of its example."""
    good = read_page()
    assert f"\n    {good['uris'][0]['uri']}\n" in TEXT
    assert f"\n    {good['key_files'][0]['text']}" in TEXT


def _plain(vector: Vector) -> Any:
    """The vector as the slow model takes it."""
    return type("Plain", (), {**RAW[vector.name], "key": vector.key})


def test_the_file_is_json_for_everybody() -> None:
    """Every number is exact where numbers are doubles, and text is UTF-8."""
    again = json.loads(PAGE.read_bytes().decode("utf-8"), parse_int=float)
    assert all(int(one["period"]) == RAW[one["name"]]["period"] for one in again["ports"])
