"""What goes into the files of a client's ``knock``, so that it can knock at a door.

Pure.
"""

from __future__ import annotations

from knockd.client.profile_file import is_profile_name
from knockd.client.uri_profile import format_checked, make_hidden, make_profile
from knockd_conf.knock_uri import KnockUri

_FOLDER = "~/.config/knock"


def format_files(uri: KnockUri) -> str:
    """The lines of a profile that is called as its host, and of the file with its key or secret.

    A comment in front of each says where they go. Raises ValueError for a door that no profile can name.
    """
    name = uri.host if is_profile_name(uri.host) else "home"
    hidden = make_hidden(name, uri)
    text = f"# {_FOLDER}/config:\n{format_checked(make_profile(name, uri, hidden), _find_no_service)}"
    if hidden is not None:
        text += f"\n# {_FOLDER}/{hidden.name}, for its owner alone (chmod 600):\n{hidden.line}\n"
    return text.removesuffix("\n")


def _find_no_service(_name: str, _protocol: str) -> None:
    """Ports of a URI are numbers."""
