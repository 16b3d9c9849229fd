"""Deadlines in order: what is due comes first, and what does not hold any more is no deadline."""

from __future__ import annotations

from knockd.leases.deadlines import FEW, Deadlines


class Held:
    """Leases and the deadline each has now."""

    def __init__(self) -> None:
        self.deadlines = Deadlines()
        self.now: dict[str, float] = {}
        self.looks = 0

    def holds(self, lease: str, deadline: float) -> bool:
        """Whether a lease has this deadline."""
        self.looks += 1
        return self.now.get(lease) == deadline

    def set(self, lease: str, deadline: float) -> None:
        """Gives a lease a deadline."""
        self.now[lease] = deadline
        self.deadlines.add(deadline, lease, len(self.now), self.holds)

    def due(self, now: float) -> list[str]:
        """Takes all that is due."""
        taken = []
        while (lease := self.deadlines.take_due(now, self.holds)) is not None:
            taken.append(lease)
            del self.now[lease]
        return taken


def test_none() -> None:
    """Without leases there is no deadline."""
    held = Held()
    assert held.deadlines.find_first(held.holds) is None
    assert held.due(1e9) == []


def test_order() -> None:
    """The first deadline is the next, whenever it was set, and only what is due is taken."""
    held = Held()
    for lease, deadline in (("a", 3.0), ("b", 1.0), ("c", 2.0)):
        held.set(lease, deadline)
    assert held.deadlines.find_first(held.holds) == 1.0
    assert held.due(2.0) == ["b", "c"]
    assert held.deadlines.find_first(held.holds) == 3.0


def test_changed() -> None:
    """A deadline that was put off or is gone counts no more."""
    held = Held()
    for lease in "abc":
        held.set(lease, 1.0)
    held.set("a", 5.0)
    del held.now["b"]
    assert held.due(2.0) == ["c"]
    assert held.deadlines.find_first(held.holds) == 5.0


def test_put_off_for_ever() -> None:
    """However often deadlines are put off, no more is kept than twice the leases and a few."""
    held = Held()
    for number in range(10_000):
        held.set(f"{number % 10}", float(number))
        assert len(held.deadlines) <= 2 * 10 + FEW
    assert held.due(1e9) == [f"{number}" for number in range(10)]


def test_cost() -> None:
    """With 65,536 deadlines a new one is found and taken with as few looks as with one."""
    looks = []
    for count in (1, 65_536):
        held = Held()
        for number in range(count):
            held.set(f"run.{number}", 1_000.0 + number)
        held.looks = 0
        held.set("new", 5.0)
        assert held.deadlines.find_first(held.holds) == 5.0
        assert held.due(5.0) == ["new"]
        looks.append(held.looks)
    assert looks[0] == looks[1]
