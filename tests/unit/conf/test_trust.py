"""Who may have written a configuration that root obeys."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from knockd_conf import trust
from knockd_conf.errors import ConfigError
from knockd_conf.load import load
from knockd_conf.trust import Held, TrustPolicy, exposed, judge
from tests.support.lab.other_user import STRANGER, give_away
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

ROOT = TrustPolicy(enforce=True)
ESCAPE = "or start with --allow-insecure-config"


def held(path: str, mode: int, uid: int = 0) -> Held:
    """Something opened, with its type, permissions and owner."""
    return Held(path, os.stat_result((mode, 1, 1, 1, uid, 0, 0, 0, 0, 0)))


def file(mode: int, uid: int = 0) -> Held:
    """A file of these permissions and owner."""
    return held("/e/k.conf", stat.S_IFREG | mode, uid)


def directory(mode: int, uid: int = 0) -> Held:
    """A directory of these permissions and owner."""
    return held("/e", stat.S_IFDIR | mode, uid)


def messages(policy: TrustPolicy, what: Held, where: Held) -> list[str]:
    """The messages of a judgement."""
    return [str(one) for one in judge(policy, what, (where,))]


def test_good() -> None:
    """Root's own file in root's own directory is trusted."""
    assert messages(ROOT, file(0o600), directory(0o755)) == []


@pytest.mark.parametrize("mode", [0o620, 0o602, 0o666])
def test_writable_file(mode: int) -> None:
    """A file that its group or others can write is refused, with the command that mends it."""
    assert [
        f"/e/k.conf: expected a file that only its owner can write, got mode 0{mode:o}: "
        f"run 'chmod go-w /e/k.conf' {ESCAPE}"
    ] == messages(ROOT, file(mode), directory(0o755))


def test_writable_directory() -> None:
    """So is a file in a directory that others can write: they could put another in its place."""
    assert [
        f"/e: expected a directory that only its owner can write, got mode 0775: run 'chmod go-w /e' {ESCAPE}"
    ] == messages(ROOT, file(0o600), directory(0o775))


def test_sticky_directory() -> None:
    """In a sticky directory others cannot touch root's files, so it is trusted."""
    assert messages(ROOT, file(0o600), directory(0o1777)) == []


def test_sticky_file() -> None:
    """The sticky bit of a file excuses nothing."""
    assert len(messages(ROOT, file(0o1666), directory(0o755))) == 1


def test_strange_owner() -> None:
    """A file or a directory of another user is refused: its owner can change it at will."""
    assert [
        f"/e/k.conf: expected a file owned by root, got uid 1000: run 'chown root /e/k.conf' {ESCAPE}",
        f"/e: expected a directory owned by root, got uid 1000: run 'chown root /e' {ESCAPE}",
    ] == messages(ROOT, file(0o600, 1000), directory(0o755, 1000))


def test_link_of_another_user() -> None:
    """So is a link of another user, who could lead us to any file of root's; a link has no permissions."""
    link = held("/t/k.conf", stat.S_IFLNK | 0o777, 1000)
    mine = held("/t/k.conf", stat.S_IFLNK | 0o777)
    assert [
        f"/t/k.conf: expected a link owned by root, got uid 1000: run 'chown -h root /t/k.conf' {ESCAPE}"
    ] == messages(ROOT, file(0o600), link)
    assert messages(ROOT, file(0o600), mine) == []


def test_second_name() -> None:
    """A file with a second name is refused where others can write: they may have given it that name."""
    twice = Held("/t/k.conf", os.stat_result((stat.S_IFREG | 0o600, 1, 1, 2, 0, 0, 0, 0, 0, 0)))
    assert [
        "/t/k.conf: expected a file with one name in a directory that others can write, got one with 2"
    ] == messages(ROOT, twice, directory(0o1777))
    assert messages(ROOT, twice, directory(0o755)) == []


def test_trusted_owner() -> None:
    """In a user namespace root's files belong to the overflow uid, which then counts as root."""
    policy = TrustPolicy(enforce=True, owners=frozenset({0, 65534}))
    assert messages(policy, file(0o600, 65534), directory(0o755, 65534)) == []


def test_allowed() -> None:
    """Nothing is refused when the policy is not enforced."""
    assert messages(TrustPolicy(enforce=False), file(0o666, 1000), directory(0o777)) == []


def test_commands_are_quoted() -> None:
    """A path with a space is quoted in the command that mends it."""
    [message] = messages(ROOT, held("/e/my k.conf", stat.S_IFREG | 0o666), directory(0o755))
    assert f"run 'chmod go-w '/e/my k.conf'' {ESCAPE}" in message


def test_readable_by_all() -> None:
    """A file that everybody can read earns a warning."""
    note = exposed(file(0o644), directory(0o755))
    assert str(note) == (
        "/e/k.conf: everybody on this machine can read the sequences: run 'chmod o-r /e/k.conf'"
    )


@pytest.mark.parametrize(("mode", "where"), [(0o640, 0o755), (0o644, 0o750)])
def test_not_readable_by_all(mode: int, where: int) -> None:
    """There is no warning when the file or its directory keeps others out."""
    assert exposed(file(mode), directory(where)) is None


@pytest.mark.parametrize(
    ("uid", "allow", "enforce"), [(0, False, True), (0, True, False), (1000, False, False)]
)
def test_current(monkeypatch: pytest.MonkeyPatch, uid: int, allow: bool, enforce: bool) -> None:
    """Root refuses by default; everyone else runs at their own risk."""
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    policy = TrustPolicy.current(allow_insecure=allow)
    assert (enforce, True) == (policy.enforce, {0, uid} <= policy.owners)


@pytest.mark.parametrize(
    ("uid_map", "overflow", "expected"),
    [
        ("         0          0 4294967295\n", "65534\n", {0}),
        ("         0       1000          1\n", "65534\n", {0, 65534}),
        ("1 0 1\n0 1 1\n", "7\n", {0, 7}),
        ("0 100000 65536\n", "65534\n", {0}),
        ("0 1000 1\n1 100000 65533\n", "65534\n", {0, 65534}),
        ("0 1000 1\n65534 65534 1\n", "65534\n", {0}),
        ("0 1000 1\n", "nonsense", {0}),
        ("nonsense\n", "65534\n", {0}),
        (None, "65534\n", {0}),
    ],
)
def test_user_namespace(
    monkeypatch: pytest.MonkeyPatch, uid_map: str | None, overflow: str, expected: set[int]
) -> None:
    """The overflow uid counts as root where no user has that number; when that is not known, it does not."""
    texts = {"/proc/self/uid_map": uid_map, "/proc/sys/kernel/overflowuid": overflow}

    def read(path: str) -> str:
        text = texts[path]
        if text is None:
            raise FileNotFoundError
        return text

    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(trust, "_read", read)
    assert expected == TrustPolicy.current().owners


@pytest.mark.parametrize(("uid_map", "trusted"), [("0 0 1\n", True), ("0 0 1\n65534 65534 1\n", False)])
def test_files_of_nobody(tmp_path: Path, uid_map: str, *, trusted: bool) -> None:
    """In a real namespace a configuration of ``nobody`` is root's only where ``nobody`` is not there."""
    need("unshare", "util-linux")
    path = write(tmp_path / "k.conf", "")
    try:
        os.chown(path, 65_534, -1)
    except OSError as error:
        pytest.skip(f"files cannot be given to another user here: {error.strerror}")
    ask = (
        "import sys; sys.stdin.readline()\n"
        "from knockd_conf.trust import TrustPolicy\n"
        "import os; print(os.stat(sys.argv[1]).st_uid in TrustPolicy.current().owners)"
    )
    command = ("unshare", "--user", sys.executable, "-c", ask, str(path))
    environment = {**os.environ, "PYTHONPATH": str(Path(trust.__file__).parents[1])}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment) as process:
        try:
            wait_until(lambda: _is_alone(process.pid), 10, "the namespace is there")
            Path(f"/proc/{process.pid}/uid_map").write_text(uid_map, encoding="ascii")
        except OSError as error:
            process.kill()
            pytest.skip(f"no such user namespace can be made here: {error.strerror}")
        said, _ = process.communicate("\n", timeout=30)
    assert f"{trusted}\n" == said


def _is_alone(pid: int) -> bool:
    """Whether a process has a user namespace of its own."""
    return os.readlink(f"/proc/{pid}/ns/user") != os.readlink("/proc/self/ns/user")


def own() -> TrustPolicy:
    """The rule for root, applied to the user who runs the tests."""
    return TrustPolicy(enforce=True, owners=frozenset({0, os.getuid()}))


def write(path: Path, text: str, mode: int = 0o600) -> Path:
    """A file with these permissions in a directory that only its owner can write."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
    path.write_text(text)
    path.chmod(mode)
    return path


def refused(path: Path) -> list[str]:
    """The start of each message that a configuration is refused with."""
    with pytest.raises(ConfigError) as error:
        load(str(path), trust=own())
    return [str(one).partition(", got")[0] for one in error.value.problems]


def test_untrusted_file_is_not_read(tmp_path: Path) -> None:
    """For a file that others can write this is the only problem: its content is not read."""
    path = write(tmp_path / "k.conf", "nonsense", 0o666)
    assert [f"{path}: expected a file that only its owner can write"] == refused(path)


def test_directory_of_the_file(tmp_path: Path) -> None:
    """The directory of the main file is judged as it is on disk."""
    path = write(tmp_path / "d/k.conf", "")
    path.parent.chmod(0o777)
    assert [f"{path.parent}: expected a directory that only its owner can write"] == refused(path)


def test_included_file(tmp_path: Path) -> None:
    """An included file is judged like the main one, and problems of both come together."""
    path = write(tmp_path / "k.conf", "[options]\ninclude = i\nlatency = 0\n")
    included = write(tmp_path / "i", "", 0o660)
    assert [
        f"{path}:3: latency: expected a whole number of milliseconds from 1 to 1000",
        f"{included}: expected a file that only its owner can write",
    ] == refused(path)


def test_searched_directory(tmp_path: Path) -> None:
    """A directory that is searched for files is judged even when there are none yet."""
    path = write(tmp_path / "k.conf", "[options]\ninclude = d/*.conf\n")
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o777)
    assert [f"{tmp_path}/d: expected a directory that only its owner can write"] == refused(path)


def test_directory_behind_a_link(tmp_path: Path) -> None:
    """A link leads to another directory, and that one is judged too."""
    path = write(tmp_path / "open/k.conf", "")
    path.parent.chmod(0o777)
    link = tmp_path / "k.conf"
    link.symlink_to("open/k.conf")
    assert [f"{path.parent}: expected a directory that only its owner can write"] == refused(link)


def test_link_in_an_open_directory(tmp_path: Path) -> None:
    """A link that others could replace is refused however safe its destination is."""
    path = write(tmp_path / "safe/k.conf", "")
    (tmp_path / "open").mkdir()
    link = tmp_path / "open/k.conf"
    link.symlink_to(path)
    link.parent.chmod(0o777)
    assert [f"{link.parent}: expected a directory that only its owner can write"] == refused(link)


def test_warning_is_a_note(tmp_path: Path) -> None:
    """A configuration that everybody can read is used, and a note warns."""
    tmp_path.chmod(0o755)
    path = write(tmp_path / "k.conf", "[a]\nsequence=1\n", 0o644)
    config = load(str(path), trust=own())
    [note] = config.notes
    assert f"{path}: everybody on this machine can read the sequences: run 'chmod o-r {path}'" == str(note)


@pytest.mark.parametrize(
    "text",
    [
        "[options]\nSigned_Port = 9\nKnock_Secret = /s\nAuthorized_Keys = /k\n[a]\nStart_Command = true\n",
        "[a]\nSequence_Key = /k\nStart_Command = true\n",
        "[a]\nOne_Time_Sequences = /o\nStart_Command = true\n",
    ],
)
def test_no_sequence_to_read(tmp_path: Path, text: str) -> None:
    """No note warns of a configuration that has no sequence in it: everybody may read it."""
    tmp_path.chmod(0o755)
    assert () == load(str(write(tmp_path / "k.conf", text, 0o644)), trust=own()).notes


def test_included_sequences(tmp_path: Path) -> None:
    """The note names the file that has the sequences, and no other."""
    tmp_path.chmod(0o755)
    write(tmp_path / "door", "[a]\nsequence=1\n", 0o644)
    path = write(tmp_path / "k.conf", "[options]\nInclude = door\n", 0o644)
    (note,) = load(str(path), trust=own()).notes
    assert str(tmp_path / "door") == note.path


def test_directory_further_up(tmp_path: Path) -> None:
    """Each directory from the root on is judged: whoever owns one of them chooses what lies below."""
    path = write(tmp_path / "open/ours/k.conf", "")
    (tmp_path / "open").chmod(0o777)
    assert [f"{tmp_path}/open: expected a directory that only its owner can write"] == refused(path)


def test_directory_of_another_user_further_up(tmp_path: Path) -> None:
    """The message about it says where to keep the file instead: giving the directory to root is no cure."""
    path = write(tmp_path / "hers/ours/k.conf", "[options]\ninclude = i\n")
    give_away(tmp_path / "hers")
    with pytest.raises(ConfigError) as error:
        load(str(path), trust=own())
    [problem] = error.value.problems
    assert str(problem) == (
        f"{tmp_path}/hers: expected a directory owned by root, got uid {STRANGER}:"
        f" keep the file where every directory above it is root's {ESCAPE}"
    )


def test_link_further_up(tmp_path: Path) -> None:
    """A link above the file is judged too, and so is the directory that it is in."""
    path = write(tmp_path / "real/k.conf", "")
    (tmp_path / "open").mkdir()
    (tmp_path / "open/link").symlink_to(path.parent)
    (tmp_path / "open").chmod(0o777)
    assert [f"{tmp_path}/open: expected a directory that only its owner can write"] == refused(
        tmp_path / "open/link/k.conf"
    )


def test_searched_directory_further_up(tmp_path: Path) -> None:
    """What is above a directory that is searched for files is judged as well, once for all of them."""
    path = write(tmp_path / "k.conf", "[options]\ninclude = open/d/*.conf\n")
    (tmp_path / "open/d").mkdir(parents=True)
    write(tmp_path / "open/d/a.conf", "")
    (tmp_path / "open").chmod(0o777)
    assert [f"{tmp_path}/open: expected a directory that only its owner can write"] == refused(path)


def test_groups_of_the_system() -> None:
    """Where they may write, a group below 100 is as good as root; for a configuration it is not."""
    staff = Held("/e", os.stat_result((stat.S_IFDIR | 0o2775, 1, 1, 1, 0, 50, 0, 0, 0, 0)))
    users = Held("/e", os.stat_result((stat.S_IFDIR | 0o2775, 1, 1, 1, 0, 100, 0, 0, 0, 0)))
    lenient = TrustPolicy(enforce=True, system_groups=True)
    assert [1, 0] == [len(judge(policy, None, (staff,))) for policy in (ROOT, lenient)]
    assert [1, 1] == [len(judge(policy, None, (users,))) for policy in (ROOT, lenient)]


def test_a_file_of_many_names_below_a_sticky_directory() -> None:
    """A second name matters in the file's own directory: a Nix store is sticky and full of hard links."""
    twice = Held("/s/x/k.conf", os.stat_result((stat.S_IFREG | 0o444, 1, 1, 2, 0, 0, 0, 0, 0, 0)))
    store = held("/s", stat.S_IFDIR | 0o1775)
    assert () == judge(ROOT, twice, (store, held("/s/x", stat.S_IFDIR | 0o555)))
    assert 1 == len(judge(ROOT, twice, (store,)))
