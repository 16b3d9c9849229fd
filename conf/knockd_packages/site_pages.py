"""The sources of the web site: the project's own pages, laid out so that their links hold there.

World: files of the checkout.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from knockd_packages.manual_html import convert_manual

ROOT = Path(__file__).resolve().parents[2]
FRONT, INDEX, EXAMPLES = "README.md", "docs/README.md", "conf/examples"
_LINK = re.compile(r"(?<=\]\()(?!https?:|mailto:|#)([^)#\s]+)(#[^)]*)?(?=\))")
_ORPHAN = "---\norphan: true\n---\n\n"


def lay_out(target: Path) -> None:
    """Writes the front page, every page that it leads to, and every file that these show or name."""
    manuals = {path.name for suffix in "158" for path in (ROOT / "docs").glob(f"*.{suffix}")}
    listed = _listed_pages()
    todo, done = [FRONT], set[str]()
    while todo:
        name = todo.pop()
        if name in done:
            continue
        done.add(name)
        source = ROOT / name
        if name == EXAMPLES:
            text, others = _show_examples(source), set[str]()
        elif source.name in manuals:
            text, others = convert_manual(source, manuals), set()
        elif name.endswith(".md"):
            text, others = _rewrite(name)
        else:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target / name)
            continue
        todo += sorted(others)
        place = target / _staged(name)
        place.parent.mkdir(parents=True, exist_ok=True)
        in_menu = name == FRONT or name in {page for pages in listed.values() for page in pages}
        place.write_text((text if in_menu else _ORPHAN + text) + (_menu(listed) if name == FRONT else ""))


def _listed_pages() -> dict[str, list[str]]:
    """The pages of the menu, by its headings: those that docs/README.md lists."""
    sections = re.split(r"^## (.+)\n", (ROOT / INDEX).read_text(), flags=re.MULTILINE)[1:]
    return {
        title: [_resolve(INDEX, link) for link in re.findall(r"^- \[[^]]*\]\(([^)]+)\)", text, re.MULTILINE)]
        for title, text in zip(sections[::2], sections[1::2], strict=True)
    }


def _menu(listed: dict[str, list[str]]) -> str:
    """The menu as Sphinx wants it."""
    return "".join(
        f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n"
        + "".join(f"{_staged(page).removesuffix('.md')}\n" for page in pages)
        + "```\n"
        for title, pages in listed.items()
    )


def _staged(name: str) -> str:
    """Where a page is among the sources of the site."""
    return "index.md" if name == FRONT else name if name.endswith(".md") else f"{name}.md"


def _resolve(name: str, link: str) -> str:
    """The file that a link of a page leads to, from the root of the project."""
    return str((ROOT / name).parent.joinpath(link).resolve().relative_to(ROOT))


def _rewrite(name: str) -> tuple[str, set[str]]:
    """A page with its links as they are on the site, and the files that they lead to."""
    found: set[str] = set()

    def place(link: re.Match[str]) -> str:
        to, anchor = _resolve(name, link[1]), link[2] or ""
        if to.startswith(f"{EXAMPLES}/"):
            to, anchor = EXAMPLES, "#" + re.sub(r"[^\w-]", "", Path(to).name)
        found.add(to)
        is_page = to == EXAMPLES or to.endswith((".md", ".1", ".5", ".8"))
        depth = _staged(name).count("/")
        return f"{'../' * depth}{_staged(to) if is_page else to}{anchor}"

    text = _LINK.sub(place, (ROOT / name).read_text())
    return text.replace("```varlink\n", "```text\n"), found  # a language that no highlighter knows


def _show_examples(folder: Path) -> str:
    """A page with every example, as it is."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    blocks = [f"## {path.relative_to(folder)}\n\n```text\n{path.read_text()}```\n" for path in files]
    return "# Example configurations\n\n" + "\n".join(blocks)
