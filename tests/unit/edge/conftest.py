"""What tests of the edges share: a runner on a loop of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.desk import Desk


@pytest.fixture
def desk() -> Iterator[Desk]:
    """A runner on a loop of its own."""
    made = Desk()
    yield made
    made.close()
