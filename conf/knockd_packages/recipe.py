"""What a recipe of OpenWrt's SDK says: variables, and what it defines of a package. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple


class Recipe(NamedTuple):
    """One package of a recipe, in the words of OpenWrt's control files."""

    name: str
    title: str
    section: str
    depends: tuple[str, ...]
    """Names of packages."""
    user: str
    """``user:group`` that has to exist; empty: none."""
    licence: str
    release: str
    description: tuple[str, ...]
    """Lines."""
    conffiles: tuple[str, ...]
    """Paths; one with a slash at its end is a folder."""


class RecipeError(ValueError):
    """A recipe lacks something; the text says what."""


def read_recipe(text: str, name: str) -> Recipe:
    """The package ``name`` of a recipe. Raises RecipeError."""
    text = text.replace("\\\n", " ")
    package = _defined(text, f"Package/{name}")
    depends = [word for word in _variable(package, "DEPENDS").split() if not word.startswith("@")]
    return Recipe(
        name=name,
        title=_variable(package, "TITLE"),
        section=_variable(package, "SECTION"),
        depends=tuple(word.removeprefix("+") for word in depends),
        user=_variable(package, "USERID", ""),
        licence=_variable(text, "PKG_LICENSE"),
        release=_variable(text, "PKG_RELEASE"),
        description=tuple(map(str.strip, _defined(text, f"Package/{name}/description").splitlines())),
        conffiles=tuple(_defined(text, f"Package/{name}/conffiles", "").split()),
    )


def _defined(text: str, name: str, default: str | None = None) -> str:
    """What stands between ``define NAME`` and ``endef``."""
    found = re.search(rf"^define {re.escape(name)}\n(.*?)^endef$", text, flags=re.MULTILINE | re.DOTALL)
    return _known(found[1].rstrip("\n") if found else default, f"define {name}")


def _variable(text: str, name: str, default: str | None = None) -> str:
    found = re.search(rf"^\s*{re.escape(name)}:=(.*)$", text, flags=re.MULTILINE)
    return _known(found[1].strip() if found else default, f"{name}:=")


def _known(value: str | None, wanted: str) -> str:
    if value is None:
        raise RecipeError(f"the recipe has no line {wanted!r}")
    return value
