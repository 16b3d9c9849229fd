"""The child that alone has the knock secret: what it answers, and that files are judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from knockd.process.fork import fork_child
from knockd.signed.signed_answers import Answer, Question, SecretAnswer, most_bytes, parse_answer
from knockd.signed.signed_child import answer_question, start_signed_child
from knockd_conf.knock_secret import format_secret
from knockd_conf.signed_packet import derive_host, derive_minute
from tests.support.doubles.keyed import POLICY
from tests.support.doubles.live_signed import SECRET
from tests.support.lab.waiting import wait_until
from tests.support.samples.signed_vectors import KEYS


@pytest.fixture
def question(tmp_path: Path) -> Question:
    """A secret and a file of keys."""
    secret, keys = tmp_path / "secret", tmp_path / "keys"
    secret.write_text(f"# of this host\n{format_secret(SECRET)}\n")
    secret.chmod(0o600)
    keys.write_text("".join(f"{key.line}\n" for key in KEYS.values()))
    keys.chmod(0o644)
    return Question(str(secret), (str(keys),), 100, 103)


def ask(question: Question) -> Answer:
    """What a child answers, which is gone then."""
    child = start_signed_child(fork_child, question, POLICY)
    try:
        while child.read_some():
            pass
        return parse_answer(child.take_answer(), question)
    finally:
        child.kill()
        wait_until(child.collect, 10, "the child has ended")


def test_answers(question: Question) -> None:
    """It derives host and minutes of the secret, and reads all keys."""
    secret, (keys,) = ask(question)
    assert secret == SecretAnswer(
        derive_host(SECRET), {one: derive_minute(SECRET, one) for one in range(100, 104)}
    )
    assert [key.public for key in keys.keys] == [key.public for key in KEYS.values()]
    assert [key.fingerprint for key in keys.keys] == [key.fingerprint for key in KEYS.values()]
    assert keys.problems == ()


def test_files_that_are_not_there(question: Question) -> None:
    """Each is a problem of its own."""
    found = ask(question._replace(secret="/none", files=("/none", *question.files)))
    assert found.secret == SecretAnswer(problem="No such file or directory")
    assert found.files[0].problems == ("No such file or directory",)
    assert len(found.files[1].keys) == len(KEYS)


def test_files_of_others(question: Question) -> None:
    """A secret that others can read, and keys that others can write, are not used."""
    Path(question.secret).chmod(0o640)
    Path(question.files[0]).chmod(0o664)
    secret, (keys,) = ask(question)
    assert f"chmod 600 {question.secret}" in secret.problem
    assert keys.keys == ()
    assert len(keys.problems) == 1


def test_secret_that_is_none(question: Question) -> None:
    """What is said of it does not show it."""
    Path(question.secret).write_text("bm90IDMyIGJ5dGVz\n")
    (secret, _) = ask(question)
    assert "bm90" not in secret.problem
    assert "32 bytes" in secret.problem


def test_bad_line(question: Question) -> None:
    """The other keys are there."""
    with Path(question.files[0]).open("a") as file:
        file.write("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ== old\n")
    (keys,) = answer_question(question, POLICY).files
    assert len(keys.keys) == len(KEYS)
    (problem,) = keys.problems
    assert problem.startswith(f"line {len(KEYS) + 1}: ")


def test_longest(question: Question) -> None:
    """More than one file may have the greatest length."""
    assert most_bytes(question._replace(files=("a", "b"))) > most_bytes(question)
