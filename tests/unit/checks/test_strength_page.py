"""The figures on the page about security are those that the code prints."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from knockd.checks.chances import live_chance, scan_chance
from knockd.checks.strength import RATE, format_count, format_odds, format_time, judge_rule, judge_steps
from knockd.knocks.guards import BESIDE
from knockd_conf.model import Step
from knockd_conf.timed import GUARDS, Rule

PAGE = (Path(__file__).parents[3] / "docs" / "security.md").read_text()


def plain_rows() -> Iterator[str]:
    """The rows about plain knocks of one to five steps."""
    for count in range(1, 6):
        steps = [Step(1_000 * number) for number in range(1, count + 1)]
        guards = [
            Step(step.port + side * far) for step in steps for side in (-1, 1) for far in range(1, BESIDE + 1)
        ]
        found = judge_steps(steps, guards)
        assert found.guess is not None
        assert found.scan.chance is not None
        slow = "no better" if found.scan.slowed is None else format_odds(found.scan.slowed[0])
        yield (
            f"| {count} | {format_odds(found.scan.chance)} | {slow} |"
            f" {format_count(found.guess.packets)} | {format_time(found.guess.packets / RATE)} |"
        )


def rotating_rows() -> Iterator[str]:
    """The rows about rotating sequences of three to six steps."""
    for count in range(3, 7):
        found = judge_rule(Rule(steps=count))
        assert found.guess is not None
        assert found.scan.chance is not None
        yield (
            f"| {count} | {3 * (count + GUARDS)} | {format_odds(found.scan.chance)} |"
            f" {format_count(found.guess.packets)} | {format_time(found.guess.packets / RATE)} |"
        )


def table(name: str) -> list[str]:
    """The rows of a table of the page."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end -->", PAGE, re.DOTALL)
    assert found is not None
    return found[1].splitlines()[2:]


def test_plain_knocks() -> None:
    """Scans, slow scans and guessing."""
    assert list(plain_rows()) == table("plain")


def test_rotating_sequences() -> None:
    """Scans and guessing."""
    assert list(rotating_rows()) == table("rotating")


def test_figures_of_the_default() -> None:
    """Four steps, three periods, 36 ports: what stands in the text."""
    sequence, guessed = float(1 / scan_chance(4, 32)), judge_rule(Rule()).guess
    assert guessed is not None
    words = " ".join(PAGE.split())
    for text in (
        f"3 / {sequence:,.0f} = 1 in {float(1 / live_chance(4, 8, 3)):,.0f}",
        f"{sequence * 30 / 86_400:.0f} days of scanning",
        f"at most 1 in {sequence * 3 / 4 / 1e6:.2f} million",
        f"1 in {sequence / 4.5 / 1_000:.0f},000 at the very worst, 1 in {sequence / 4:,.0f} if no",
        f"the first {guessed.each:,} ports",
        f"1 in {round(guessed.packets / guessed.each, -4):,.0f} for {guessed.each:,} packets",
        f"{guessed.packets / 1e9:.1f} billion packets",
        f"{guessed.packets / RATE / 86_400:.0f} days at 1,000",
    ):
        assert text in words
