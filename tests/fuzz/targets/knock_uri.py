"""Any text is a door that is written and read again the same, or is refused in a line without a secret.

The input is the URI.
"""

from __future__ import annotations

from knockd_conf.knock_uri import format_uri, parse_uri
from tests.support.samples.knock_uris import find_secrets


def check(data: bytes) -> None:
    """Reads a URI."""
    text = data.decode("utf-8", "surrogateescape")
    uri = None
    try:
        uri = parse_uri(text)
    except ValueError as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        assert len(refused) < 300
        assert refused.isprintable()
        assert not find_secrets(refused, text)
        return
    assert uri is not None
    again = format_uri(uri)
    assert again.isascii()
    assert parse_uri(again) == uri
