"""A URI made a profile."""

from __future__ import annotations

import io
import os
import sys
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path

import pytest

from knockd.client.choices import Choices
from knockd.client.import_uri import VISIBLE, import_profile
from knockd.client.profile_file import Profile
from knockd.client.profiles import read_profiles
from knockd.client.status import BAD_DATA, CANNOT_CREATE, CONFIG, Refused
from knockd_conf.key_file import NamedKey, parse_keys
from knockd_conf.knock_secret import parse_secret
from knockd_conf.knock_uri import KnockUri, format_uri
from knockd_conf.protocol import Protocol
from knockd_conf.timed import Port, Rule

KEY = bytes(range(220, 252))
SECRETS = (urlsafe_b64encode(KEY).decode().rstrip("="), b64encode(KEY).decode())
KEYED = KnockUri("home.example.org", "ssh", KEY, "alice")
SIGNED = KnockUri("home.example.org", "ssh", signed=47811, secret=KEY)
PLAIN = KnockUri("h", "d", sequence=(Port(7000, Protocol.TCP), Port(8000, Protocol.UDP)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file of profiles will be, in a folder that is not there yet."""
    return tmp_path / "x" / "knock" / "config"


def load(uri: KnockUri | str, path: Path, name: str = "", identity: str | None = None) -> None:
    """Import a URI."""
    text = uri if isinstance(uri, str) else format_uri(uri)
    import_profile(text, name, str(path), lambda *_: None, identity)


def profile(path: Path, name: str) -> Profile:
    """The profile of a name."""
    found = read_profiles(str(path), lambda *_: None)
    assert found is not None
    assert () == found.problems
    return found.profiles[name]


def test_a_key(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """The profile has the URI's values, the key is in another file; only their owner may read both."""
    load(KEYED, path, "home")
    key = path.parent / "home.key"
    assert Profile("home", KEYED.host, (), Choices(key=str(key), door="ssh")) == profile(path, "home")
    assert (NamedKey("alice", KEY),) == parse_keys(key.read_bytes()).keys
    assert [0o700, 0o600, 0o600] == [one.stat().st_mode & 0o777 for one in (path.parent, path, key)]
    out, err = capfd.readouterr()
    assert f"profile home is in {path}; to knock: knock home\n" == out
    assert f"knock: {VISIBLE}\n" == err


def test_signed_knocks(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Port, door and secret come from the URI, the secret in a file that only its owner may read."""
    load(SIGNED, path, "home")
    hidden = path.parent / "home.secret"
    choices = Choices(signed=47811, secret=str(hidden), door="ssh")
    assert Profile("home", SIGNED.host, (), choices) == profile(path, "home")
    assert KEY == parse_secret(hidden.read_bytes())
    assert [0o600, 0o600] == [one.stat().st_mode & 0o777 for one in (path, hidden)]
    assert [] == [one for one in SECRETS if one in path.read_text() + "".join(capfd.readouterr())]


def test_all_values_of_signed_knocks(path: Path) -> None:
    """A server may ask that addresses are bound; whose key signs is said beside the URI."""
    load(SIGNED._replace(bind=True, verify=22, both=True), path, identity="/home/me/.ssh/id_home")
    choices = profile(path, SIGNED.host).choices
    assert ("auto", 22, True) == (choices.bind, choices.verify, choices.both)
    assert "/home/me/.ssh/id_home" == choices.identity
    load(SIGNED, path, "other", identity="SHA256:a")
    choices = profile(path, "other").choices
    assert (None, None, None, "SHA256:a") == (choices.bind, choices.verify, choices.both, choices.identity)


@pytest.mark.parametrize("uri", [KEYED, PLAIN])
def test_who_signs_where_nothing_is_signed(uri: KnockUri, path: Path) -> None:
    """That makes no sense, and nothing is written."""
    with pytest.raises(Refused, match="expected --identity with a URI of signed knocks") as caught:
        load(uri, path, "home", identity="id")
    assert (BAD_DATA, False) == (caught.value.status, path.exists())


def test_a_secret_that_is_there_already(path: Path) -> None:
    """A file of this name is never replaced, and then there is no profile either."""
    path.parent.mkdir(parents=True)
    hidden = path.parent / "home.secret"
    hidden.write_text("mine\n")
    with pytest.raises(Refused, match="File exists; nothing was imported") as caught:
        load(SIGNED, path, "home")
    assert (CANNOT_CREATE, "mine\n", False) == (caught.value.status, hidden.read_text(), path.exists())


def test_all_values(path: Path) -> None:
    """Whatever the URI says is in the profile."""
    rule = Rule(5, 60, 30_000, 40_000, "mixed")
    load(KEYED._replace(rule=rule, delay=50, verify=22, both=True), path)
    choices = profile(path, KEYED.host).choices
    assert rule == choices.rule()
    assert (50, 22, True) == (choices.delay, choices.verify, choices.both)


def test_a_sequence(path: Path) -> None:
    """A door without a key needs no file of one."""
    load(PLAIN, path)
    assert Profile("h", "h", ("7000:tcp", "8000:udp")) == profile(path, "h")
    assert [path] == list(path.parent.iterdir())


def test_a_name(path: Path) -> None:
    """It is the URI's host where none is given; characters that no file should have are not in the key's."""
    load(KEYED._replace(host="2001:db8::1"), path)
    assert (path.parent / "2001_db8__1.key").exists()
    assert str(path.parent / "2001_db8__1.key") == profile(path, "2001:db8::1").choices.key


def test_standard_input(
    path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """With - the URI is read from there, and nothing is said of who may have seen it."""
    monkeypatch.setattr(sys, "stdin", io.StringIO(f" {format_uri(KEYED)} \nmore\n"))
    load("-", path, "home")
    assert "ssh" == profile(path, "home").choices.door
    assert "" == capfd.readouterr().err


def test_a_terminal(path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Somebody at a terminal is told what is waited for."""
    typed = io.StringIO(format_uri(KEYED))
    monkeypatch.setattr(typed, "isatty", lambda: True)
    monkeypatch.setattr(sys, "stdin", typed)
    load("-", path)
    assert "knock: paste the URI and press Enter\n" == capfd.readouterr().err


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("# mine\n", "# mine\n\n"), ("[a]\nhost=h\nsequence=1", "[a]\nhost=h\nsequence=1\n\n")],
)
def test_what_is_there_stays(path: Path, before: str, after: str) -> None:
    """The profile is added at the end, behind an empty line."""
    path.parent.mkdir(parents=True)
    path.write_text(before)
    load(PLAIN, path)
    assert f"{after}[h]\nhost = h\nsequence = 7000:tcp, 8000:udp\n" == path.read_text()


def refused(uri: KnockUri | str, path: Path, name: str = "") -> Refused:
    """The refusal of an import, after which everything is as it was; it shows no key."""
    before = {one: one.read_bytes() for one in path.parent.glob("*") if one.is_file()}
    with pytest.raises(Refused) as caught:
        load(uri, path, name)
    assert before == {one: one.read_bytes() for one in path.parent.glob("*") if one.is_file()}
    assert not any(secret in str(caught.value) for secret in SECRETS)
    return caught.value


def test_a_profile_is_never_replaced(path: Path) -> None:
    """Neither a profile nor a key file of the name is touched."""
    load(KEYED, path, "home")
    error = refused(KEYED._replace(key=bytes(32)), path, "home")
    expected = f"profile home is in {path} already; give it another name: knock --import URI NAME"
    assert (CANNOT_CREATE, expected) == (error.status, str(error))
    (path.parent / "other.key").write_text("mine")
    error = refused(KEYED, path, "other")
    assert f"{path.parent}/other.key: File exists; nothing was imported" == str(error)


@pytest.mark.parametrize(
    ("uri", "name", "message"),
    [
        (
            "knock://h/d?v=2",
            "",
            "URI (not shown: it may be secret): v: expected 1, the only version there is",
        ),
        (f"knock://h/d?v=1&key={SECRETS[0]}x", "", "URI (not shown: it may be secret): key: expected 43"),
        ("", "", "URI (not shown: it may be secret): expected a URI that begins with knock://"),
        (PLAIN, "-x", "expected a name for the profile without brackets, not '-x'"),
        (PLAIN, "a]", "expected a name for the profile without brackets, not 'a]'"),
        (KEYED._replace(door=" ssh"), "", "expected a door whose name does not begin or end with a space"),
    ],
)
def test_what_cannot_be_imported(uri: KnockUri | str, name: str, message: str, path: Path) -> None:
    """The message says what was expected and shows no secret; nothing is written."""
    error = refused(uri, path, name)
    assert BAD_DATA == error.status
    assert str(error).startswith(message)
    assert not path.parent.exists()


def test_a_file_of_profiles_with_mistakes(path: Path) -> None:
    """Nothing is added to a file that cannot be read as a whole: the name may be in it."""
    path.parent.mkdir(parents=True)
    path.write_text("host = h\n")
    error = refused(PLAIN, path)
    assert (CONFIG, True) == (error.status, f"{path}:1: expected [name of a profile]" in str(error))


def test_a_folder_that_cannot_be_made(path: Path) -> None:
    """The message names it."""
    path.parents[1].write_text("a file")
    error = refused(PLAIN, path)
    assert (CANNOT_CREATE, f"{path.parent}: Not a directory; nothing was imported") == (
        error.status,
        str(error),
    )


@pytest.mark.parametrize("full", [1, 2])
def test_a_disk_that_is_full(path: Path, full: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where key file or profile cannot be written, all is as it was."""
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    real, calls = os.fsync, []

    def fail_later(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == full:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail_later)
    with pytest.raises(Refused, match="No space left on device; nothing was imported"):
        load(KEYED, path, "home")
    assert [path] == list(path.parent.iterdir())
    assert "# mine\n" == path.read_text()


def test_a_secret_in_a_file_that_others_can_read(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A sequence is in the profile itself: the command that closes the file to others is told."""
    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    path.chmod(0o644)
    load(PLAIN, path)
    assert f"knock: {path}: others than you may use it: run chmod 600 {path}\n" in capfd.readouterr().err


def test_half_a_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes a part of what is written is full, too."""

    class Short(io.FileIO):
        def write(self, data: object) -> int:
            assert isinstance(data, bytes)
            return super().write(data[:10])

    def open_short(name: str, mode: str, buffering: int, opener: object) -> io.FileIO:  # noqa: ARG001
        return Short(name, mode.replace("b", ""), opener=opener)  # type: ignore[arg-type]

    path.parent.mkdir(parents=True)
    path.write_text("# mine\n")
    monkeypatch.setattr("knockd.client.import_uri.open", open_short, raising=False)
    assert "No space left on device" in str(refused(KEYED, path, "home"))
    assert [path] == list(path.parent.iterdir())
