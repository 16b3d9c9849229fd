"""The daemon's life: which state follows which."""

from __future__ import annotations

import pytest

from knockd.keeper.life import Life, Lifecycle


@pytest.fixture
def entered() -> list[tuple[Life, Life]]:
    """Every transition so far."""
    return []


@pytest.fixture
def life(entered: list[tuple[Life, Life]]) -> Lifecycle:
    """A daemon that is starting."""
    return Lifecycle(lambda before, now: entered.append((before, now)))


def test_from_start_to_end(life: Lifecycle, entered: list[tuple[Life, Life]]) -> None:
    """Started, reloaded, ended: listeners get each transition with the state before."""
    for state in (Life.UP, Life.RELOADING, Life.UP, Life.ENDING):
        life.enter(state)
        assert life.now is state
    assert entered == [
        (Life.STARTING, Life.UP),
        (Life.UP, Life.RELOADING),
        (Life.RELOADING, Life.UP),
        (Life.UP, Life.ENDING),
    ]


@pytest.mark.parametrize("state", list(Life))
def test_nothing_follows_the_end(life: Lifecycle, entered: list[tuple[Life, Life]], state: Life) -> None:
    """A daemon that ends stays in that state, and listeners hear of it once."""
    life.enter(Life.ENDING)
    life.enter(state)
    assert life.now is Life.ENDING
    assert entered == [(Life.STARTING, Life.ENDING)]


def test_up_again_is_no_news(life: Lifecycle, entered: list[tuple[Life, Life]]) -> None:
    """A packet process that takes over while the daemon is up changes nothing."""
    life.enter(Life.UP)
    life.enter(Life.UP)
    assert entered == [(Life.STARTING, Life.UP)]


def test_a_reload_during_the_start(life: Lifecycle, entered: list[tuple[Life, Life]]) -> None:
    """A HUP before the daemon is up does not end its start."""
    life.enter(Life.RELOADING)
    assert life.now is Life.STARTING
    assert entered == []


@pytest.mark.parametrize("states", [(Life.ENDING,), (Life.UP, Life.RELOADING, Life.ENDING)])
def test_the_end_can_come_at_any_time(life: Lifecycle, states: tuple[Life, ...]) -> None:
    """TERM ends a start and a reload, too."""
    for state in states:
        life.enter(state)
    assert life.now is Life.ENDING
