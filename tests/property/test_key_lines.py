"""Lines of authorized_keys files: whatever a file holds, a key comes in and goes out, and all else stays."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from knockd.ctl.key_lines import NotChangedError, add_line, remove_key
from knockd_conf.authorized_keys import AuthorizedKey, format_authorized, parse_authorized_keys
from knockd_conf.expiry_time import utc_seconds
from knockd_conf.key_line import KeyLine
from knockd_conf.ssh_keys import PublicKey

BOUNDED = settings(max_examples=300, deadline=None)

LINES = [format_authorized(KeyLine(PublicKey(bytes([n]) * 32), f"key {n}")) for n in range(4)]
odd = st.sampled_from(
    [
        b"",
        b"# a comment",
        b"nonsense",
        b"ssh-rsa AAAA",
        b'from="192.0.2.1" ' + LINES[0].encode(),
        b'from="" ' + LINES[1].encode(),
        b"-----BEGIN OPENSSH PRIVATE KEY-----",
        b"-----END OPENSSH PRIVATE KEY-----",
        b"\xef\xbb\xbf# a mark",
        b"a\0b",
    ]
)
lines = st.one_of(odd, st.sampled_from(LINES).map(str.encode), st.binary(max_size=20))
files = st.builds(
    lambda parts, end: b"\n".join(parts) + end,
    st.lists(lines, max_size=8),
    st.sampled_from([b"", b"\n", b"\r\n", b"\n\n"]),
)


def keys_of(data: bytes) -> list[AuthorizedKey]:
    """The keys that count, wherever they stand."""
    return [key._replace(line=0) for key in parse_authorized_keys(data, utc_seconds).keys]


def _add(old: bytes, line: str) -> bytes | None:
    """The text with a line more; None: it cannot be added."""
    try:
        return add_line(old, line, utc_seconds)
    except NotChangedError:
        return None


@BOUNDED
@given(old=files, line=st.sampled_from(LINES))
def test_in(old: bytes, line: str) -> None:
    """A key that comes in counts, and so do those that counted, in the same text; else nothing changes."""
    (key,) = keys_of(line.encode())
    found = parse_authorized_keys(old, utc_seconds)
    new = _add(old, line)
    if new is None:
        assert key.public in [one.public for one in found.keys] or found.problems
        return
    assert new.startswith(old)
    assert [*keys_of(old), key] == keys_of(new)


@BOUNDED
@given(old=files, line=st.sampled_from(LINES))
def test_out(old: bytes, line: str) -> None:
    """A key that goes out counts no more in any line, and all others count as they did."""
    (key,) = keys_of(line.encode())
    others = [one for one in keys_of(old) if one.public != key.public]
    try:
        new = remove_key(old, key.public, utc_seconds)
    except NotChangedError:
        assert others == keys_of(old)
        return
    assert others == keys_of(new)
    assert set(new.split(b"\n")) <= {*old.split(b"\n"), b""}


@BOUNDED
@given(old=files, line=st.sampled_from(LINES))
def test_in_and_out(old: bytes, line: str) -> None:
    """What came in goes out again without a trace."""
    (key,) = keys_of(line.encode())
    new = _add(old, line)
    if new is None:
        return
    assert remove_key(new, key.public, utc_seconds) == (
        old if not old or old.endswith(b"\n") else old + b"\n"
    )
