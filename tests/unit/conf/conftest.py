"""Writing configurations and reading them back with every outside thing given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.model import Config
from knockd_conf.trust import TrustPolicy

Load = Callable[..., Config]
Problems = Callable[..., list[str]]


def no_resolver(name: str) -> Sequence[str]:
    """Stands where nothing may be looked up."""
    raise OSError(0, f"nobody should have asked for {name}")


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Loads a configuration given as text (or bytes) from a file knockd.conf in tmp_path."""

    def loader(
        text: str | bytes,
        host: str = "web1.example.org",
        resolve: object = no_resolver,
        is_user: Callable[[str], bool] = lambda _: True,
    ) -> Config:
        path = tmp_path / "knockd.conf"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        path.chmod(0o600)
        trust = TrustPolicy(enforce=False)
        return load(str(path), host=host, trust=trust, resolve=resolve, is_user=is_user)  # type: ignore[arg-type]

    return loader


@pytest.fixture
def problems(load_text: Load, tmp_path: Path) -> Problems:
    """The messages that a configuration given as text is refused with, paths relative to tmp_path."""

    def loader(text: str | bytes, **given: object) -> list[str]:
        with pytest.raises(ConfigError) as refused:
            load_text(text, **given)
        assert str(refused.value) == "\n".join(str(one) for one in refused.value.problems)
        return [str(one).replace(f"{tmp_path}/", "") for one in refused.value.problems]

    return loader
