"""What tests of the edges share: a runner on a loop of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.doubles.run_commands import CommandRuns


@pytest.fixture
def runs() -> Iterator[CommandRuns]:
    """A runner on a loop of its own."""
    made = CommandRuns()
    yield made
    made.close()
