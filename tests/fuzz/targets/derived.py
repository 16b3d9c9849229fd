"""What the child that reads keys says is an answer to what it was asked, or is refused and not shown.

The input is what comes through the pipe.
"""

from __future__ import annotations

from knockd.sequences.derived_keys import Answer, Question, parse_answers, write_answers
from knockd_conf.protocol import Protocol
from knockd_conf.timed import GUARDS, Rule

ASKED = (
    Question("/etc/keys", "ssh", Rule(3, 30, 20_000, 30_000, "mixed"), 7, 8),
    Question("/etc/keys", "web", Rule(3, 30, 20_000, 30_000, "tcp"), 9, 9),
)


def check(data: bytes) -> None:
    """Reads two answers."""
    refused, answers = "", tuple[Answer, ...]()
    try:
        answers = parse_answers(data, ASKED)
    except ValueError as error:
        refused = str(error)
    if refused:
        assert refused.startswith("an answer that is none (")
        assert len(refused) < 60
        return
    for answer, question in zip(answers, ASKED, strict=True):
        assert bool(answer.keys) is not bool(answer.problem)
        for key in answer.keys:
            assert set(key.ports) in (set(question.periods), set())
            for ports in key.ports.values():
                both = (*ports.steps, *ports.guards)
                assert (len(ports.steps), len(set(both))) == (3, 3 + GUARDS)
                assert all(question.rule.low <= port.port <= question.rule.high for port in both)
                assert question.door == "ssh" or {port.protocol for port in both} == {Protocol.TCP}
    assert parse_answers(write_answers(answers), ASKED) == answers
