"""Text for people, as reports and explanations write it: wrapped lines, counts with their noun.

Pure.
"""

from __future__ import annotations

import textwrap


def wrap(text: str, columns: int, head: str = "", indent: str | None = None) -> list[str]:
    """Lines of at most so many columns, the first behind ``head``.

    The others are indented by ``indent``, where it is None by as much as the head is long.
    """
    return textwrap.wrap(
        text,
        columns,
        initial_indent=head,
        subsequent_indent=" " * len(head) if indent is None else indent,
        break_on_hyphens=False,
        break_long_words=False,
    )


def count_packets(count: int) -> str:
    """``1 packet``, ``2,000 packets``."""
    return f"{count:,} packet{'s' if count != 1 else ''}"
