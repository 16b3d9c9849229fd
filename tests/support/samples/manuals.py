"""What manual pages say: options by section, and examples; what guides have typed."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[3] / "docs"
_BEFORE = r'^\s*|&& |\| |\$\(|exec "|[*\d]  |sudo |gateway |[#$] '
"""What stands in front of a call: a prompt, another command, a line of crontab, a word that runs it."""

GUIDES = [DOCS.parent / "README.md", *sorted(DOCS.glob("guides/*.md")), DOCS / "service.md"]
PAGES = sorted(path for suffix in "158" for path in DOCS.glob(f"*.{suffix}"))


def read_sections(page: Path) -> dict[str, str]:
    """The source of each section and subsection of a page, by its heading as it is shown."""
    parts = re.split(r"^\.S[hs] +(.+)\n", page.read_text(), flags=re.MULTILINE)
    return {shown(title): text for title, text in zip(parts[1::2], parts[2::2], strict=True)}


def shown(text: str) -> str:
    """Source without escapes, as a reader sees it."""
    return text.replace("\\&", "").replace("\\-", "-").replace("\\(dq", '"').replace("\\e", "\\")


def read_tags(text: str) -> set[str]:
    """Each option that has an entry in the source of a section: ``-c``, ``--config``."""
    tags = re.findall(r"^\.It (Fl .*)", text, re.MULTILINE)
    return {name for tag in tags for name in re.findall(r"(?<![\w-])--?[\w][\w-]*", flags(tag))}


def flags(tag: str) -> str:
    """The head of an entry with its options as they are typed."""
    return shown(tag.replace("Fl Fl ", "--").replace("Fl ", "-"))


def read_blocks(text: str) -> list[str]:
    """The literal blocks of a section, with continued lines joined."""
    found = re.findall(r"^\.Bd [^\n]*\n(.*?)^\.Ed$", text, re.MULTILINE | re.DOTALL)
    return [shown(block).replace("\\\n", " ") for block in found]


def read_commands(text: str) -> list[str]:
    """The command lines of our programs in a section's examples, without prompt, redirection and pipe."""
    return find_commands([line for block in read_blocks(text) for line in block.splitlines()])


def read_typed(page: Path) -> list[str]:
    """The same of a page of Markdown: of its indented lines."""
    return find_commands([line for line in page.read_text().splitlines() if line.startswith("    ")])


def find_commands(lines: list[str]) -> list[str]:
    """The calls of our programs in lines of a shell."""
    calls = [re.search(rf"(?:{_BEFORE})((?:knock|knockd|knockctl) [^|>)&\"]+)", line) for line in lines]
    return [call[1].strip() for call in calls if call]
