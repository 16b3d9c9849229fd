"""Doors that signed knocks open: what is watched, what counts, and files that cannot be used."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.knocks.signed_watch import SignedPort
from knockd.signed.signed_answers import FileAnswer
from knockd.signed.values import Granted, KnownKey, Reason, Refused
from knockd_conf.access import Access, network_of
from knockd_conf.signed_packet import MinuteKeys, Verb, derive_minute
from tests.support.doubles.keyed import AnsweringChild
from tests.support.doubles.live_signed import (
    ALICE,
    ANNE,
    BERT,
    BOB,
    NOON,
    NOW,
    SECRET,
    SECRET_PATH,
    SERVER,
    SignedScene,
    signed_config,
)
from tests.support.doubles.signed import PATH, PORT, signed_door

SSH = signed_door()


@pytest.fixture
def scene(tmp_path: Path) -> SignedScene:
    """A host with one door and two keys, up since noon."""
    made = SignedScene(tmp_path)
    made.begin()
    return made


def minutes(scene: SignedScene) -> list[int]:
    """Which are watched."""
    return [one.minute for one in scene.doors.watch().minutes]


def test_before_the_first_answer(tmp_path: Path) -> None:
    """No minute is live, the ports are known, and the door says why."""
    scene = SignedScene(tmp_path)
    scene.doors.adopt(scene.config)
    assert scene.doors.watch() == ((SignedPort(PORT),), ())
    assert scene.doors.why_waiting(SSH) == "its keys: they are being read"
    assert scene.changes == 0
    scene.loop.deliver()
    assert scene.doors.why_waiting(SSH) is None
    assert (scene.changes, minutes(scene)) == (1, [NOW - 1, NOW, NOW + 1])


def test_watch(scene: SignedScene) -> None:
    """Each minute has its tag and the hints of all keys, in the order of the file."""
    for one in scene.doors.watch().minutes:
        keys = MinuteKeys(one.minute, derive_minute(SECRET, one.minute))
        assert (one.key, one.tag) == (keys.key, keys.tag)
        assert one.hints == (keys.hint_of(ANNE.public), keys.hint_of(BERT.public))


def test_ports(tmp_path: Path) -> None:
    """Doors have ports of their own or one in common, each for whom and where it is; none is said twice."""
    denied = Access(deny=(network_of(BOB, 32),))
    target = signed_door("web", target=(ip_address(SERVER),))
    doors = (SSH, signed_door("again"), target, signed_door("other", signed_port=9, access=denied))
    scene = SignedScene(tmp_path, *doors, replace(SSH, name="plain", signed_port=0))
    scene.begin()
    assert scene.doors.watch().ports == (
        SignedPort(PORT),
        SignedPort(PORT, frozenset({SERVER})),
        SignedPort(9, access=denied),
    )


def test_granted(scene: SignedScene) -> None:
    """A packet counts once; that is noted when it is granted."""
    packet = ANNE.knock()
    assert scene.judge(packet) == Granted(SSH, Verb.OPEN, ANNE.line())
    assert (scene.directory / "state/used-periods").read_text().count(ANNE.line().fingerprint) == 1
    assert scene.judge(packet) == Refused(Reason.REPEATED, SSH, ANNE.line())
    assert scene.judge(packet, BOB) == Refused(Reason.REPEATED, SSH, ANNE.line())


def test_refused_is_not_used(scene: SignedScene) -> None:
    """What is refused from one address counts from the one that it is bound to."""
    packet = ANNE.knock(bound=BOB)
    assert scene.reason(packet) is Reason.BOUND
    assert scene.reason(packet, BOB) is None


def test_nonce_of_somebody_else(scene: SignedScene) -> None:
    """Who has heard a packet and is faster does not use it up with a packet of another key."""
    assert scene.reason(BERT.knock()) is None
    assert scene.reason(ANNE.knock()) is None


def test_minute_boundaries(scene: SignedScene) -> None:
    """At each boundary other minutes are live, and the files are read; in between nothing happens."""
    scene.changes = 0
    for number in range(1, 5):
        scene.sleep(59.9)
        assert (scene.changes, len(scene.questions)) == (number - 1, number)
        scene.sleep(0.1 + 0.01)
        assert minutes(scene) == [NOW + number - 1, NOW + number, NOW + number + 1]
        assert (scene.changes, len(scene.questions)) == (number, number + 1)
        scene.sleep(-0.01)
    assert scene.said == []


def test_no_deaf_window(scene: SignedScene) -> None:
    """Just after a boundary, before a child has answered, all is there that counts."""
    scene.fault = lambda: AnsweringChild(None)
    scene.sleep(60.01)
    assert minutes(scene) == [NOW, NOW + 1, NOW + 2]
    for number, minute in enumerate(minutes(scene)):
        assert scene.reason(ANNE.knock(minute=minute, nonce=bytes([number] * 16))) is None


def test_children_that_fail(scene: SignedScene) -> None:
    """What is live stays for some minutes; then nothing is watched, and the door says why."""
    scene.fault = lambda: AnsweringChild(ValueError("no answer: it ended early"))
    scene.sleep(150)
    assert scene.reason(ANNE.knock(minute=NOW + 2)) is None
    scene.sleep(91)
    assert minutes(scene) == []
    assert scene.doors.why_waiting(SSH) == "its keys: no answer: it ended early"
    assert scene.said == ["keys-problem no answer: it ended early"]
    scene.fault = None
    scene.sleep(60)
    assert scene.reason(ANNE.knock(minute=NOW + 5)) is None


def test_between_looks(scene: SignedScene) -> None:
    """The clock of now judges, not that of the last look."""
    scene.clocks.sleep(120)
    assert scene.reason(ANNE.knock()) is Reason.MINUTE
    assert scene.reason(ANNE.knock(minute=NOW + 2)) is None


def test_limits(scene: SignedScene) -> None:
    """Of one address a few signatures a second are looked at; what fails before that costs none."""
    wrong = [ANNE.knock(nonce=bytes([n] * 16), signature=bytes(64)) for n in range(6)]
    for _ in range(20):
        assert scene.reason(ANNE.knock(bound=BOB)) is Reason.BOUND
    assert [scene.reason(one) for one in wrong] == [Reason.SIGNATURE] * 5 + [Reason.TOO_MANY]
    assert scene.reason(ANNE.knock()) is Reason.TOO_MANY
    assert scene.reason(ANNE.knock(), BOB) is None
    scene.loop.now += 0.25
    assert scene.reason(BERT.knock()) is None


@pytest.mark.parametrize(
    "held", [FileAnswer(problems=("No such file or directory",)), FileAnswer(problems=("a", "b"))]
)
def test_file_that_cannot_be_used(scene: SignedScene, held: FileAnswer) -> None:
    """Its doors close at once, and say why; it is read again soon, and said once."""
    scene.files[PATH] = held
    scene.sleep(60.01)
    assert minutes(scene) == []
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is Reason.MINUTE
    why = "; ".join(held.problems)
    assert scene.doors.why_waiting(SSH) == f"authorized keys {PATH}: {why}"
    scene.sleep(20)
    assert scene.said == [f"signed-waiting authorized keys {PATH}: {one}" for one in held.problems]
    scene.files[PATH] = (ANNE.line(),)
    scene.sleep(30)
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is None
    assert scene.doors.why_waiting(SSH) is None


def test_line_that_cannot_be_used(scene: SignedScene) -> None:
    """The others count; it is said once."""
    scene.files[PATH] = FileAnswer((BERT.line(),), ("line 1: expected a key",))
    scene.sleep(130)
    assert scene.said == [f"authorized-line {PATH} line 1: expected a key"]
    assert scene.doors.why_waiting(SSH) is None
    assert scene.reason(ANNE.knock(minute=NOW + 2)) is Reason.KEY
    assert scene.reason(BERT.knock(minute=NOW + 2)) is None


def test_half_written_file(scene: SignedScene) -> None:
    """A file that is written just when it is read closes doors for seconds, not for a minute."""
    scene.files[PATH] = FileAnswer(problems=("expected a line with a key, got none",))
    scene.sleep(60.01)
    scene.files[PATH] = (ANNE.line(),)
    scene.sleep(5)
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is None


def test_other_files_go_on(tmp_path: Path) -> None:
    """A file that cannot be used is the business of its doors alone."""
    web = signed_door("web", authorized_keys="/etc/knockd/web")
    scene = SignedScene(tmp_path, SSH, web)
    scene.begin()
    assert scene.doors.why_waiting(web) == "authorized keys /etc/knockd/web: No such file or directory"
    assert scene.reason(ANNE.knock(door="web")) is Reason.DOORS
    assert scene.reason(ANNE.knock()) is None


def test_files_of_their_own(tmp_path: Path) -> None:
    """A key opens the doors whose file it is in, as that file has it."""
    web = signed_door("web", authorized_keys="/etc/knockd/web")
    scene = SignedScene(tmp_path, SSH, web)
    expired = ANNE.line(expires=NOON - 1, line=7)
    scene.files["/etc/knockd/web"] = (BERT.line(), expired)
    scene.files[PATH] = (ANNE.line(),)
    scene.begin()
    assert scene.judge(ANNE.knock(door="web")) == Refused(Reason.KEY_EXPIRED, web, expired)
    assert scene.judge(BERT.knock()) == Refused(Reason.DOORS, SSH, BERT.line())
    assert isinstance(scene.judge(ANNE.knock()), Granted)
    assert len(scene.doors.watch().minutes[0].hints) == 2


@pytest.mark.parametrize("problem", ["No such file or directory", "others than its owner may use it"])
def test_secret_that_cannot_be_used(scene: SignedScene, problem: str) -> None:
    """Every door waits at once; that is said once, and the secret is read again soon."""
    scene.secret = problem
    scene.sleep(80)
    assert minutes(scene) == []
    assert scene.doors.why_waiting(SSH) == f"knock secret {SECRET_PATH}: {problem}"
    assert scene.said == [f"signed-waiting knock secret {SECRET_PATH}: {problem}"]
    scene.secret = SECRET
    scene.sleep(30)
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is None


def test_another_secret(scene: SignedScene) -> None:
    """What is made with the one before counts no more, a minute later at the latest."""
    other = SECRET[::-1]
    scene.secret = other
    scene.sleep(60.01)
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is Reason.MINUTE
    assert scene.reason(ANNE.knock(minute=NOW + 1, secret=other)) is None


def test_no_pynacl(tmp_path: Path) -> None:
    """Doors wait, and say which package is missing; a reload tries again."""
    scene = SignedScene(tmp_path)
    scene.missing = True
    scene.begin()
    scene.sleep(70)
    why = "expected PyNaCl, got none, and reload"
    assert (minutes(scene), scene.doors.why_waiting(SSH)) == ([], why)
    assert scene.said == [f"signed-waiting {why}"]
    scene.missing = False
    scene.begin()
    assert scene.doors.why_waiting(SSH) is None
    assert scene.reason(ANNE.knock(minute=NOW + 1)) is None


def test_nobody_for_a_door(scene: SignedScene) -> None:
    """A door that no key may open, or no key any more, says so."""
    scene.files[PATH] = (ANNE.line(doors=("web",)),)
    scene.sleep(60.01)
    assert scene.doors.why_waiting(SSH) == f"authorized keys {PATH}: no key in it may open this door"
    scene.files[PATH] = (ANNE.line(expires=NOON),)
    scene.sleep(60)
    assert scene.doors.why_waiting(SSH) == f"authorized keys {PATH}: every key for this door has expired"
    assert scene.said == []


def test_keys(scene: SignedScene) -> None:
    """Each key is listed, with when and where from it knocked last: also after a restart."""
    assert scene.doors.keys() == (KnownKey(ANNE.line(), PATH), KnownKey(BERT.line(), PATH))
    scene.clocks.sleep(5)
    assert scene.reason(BERT.knock()) is None
    known = (KnownKey(ANNE.line(), PATH), KnownKey(BERT.line(), PATH, NOON + 5, "203.0.113.9"))
    assert scene.doors.keys() == known
    scene.restart()
    assert scene.doors.keys() == known


def test_reload(scene: SignedScene) -> None:
    """Doors of another configuration are there at once, with what is known of files that stay."""
    web = signed_door("web")
    scene.fault = lambda: AnsweringChild(None)
    scene.reload(web)
    assert scene.reason(ANNE.knock()) is Reason.DOOR
    assert scene.reason(ANNE.knock(door="web")) is None
    assert scene.doors.why_waiting(web) is None
    assert scene.doors.why_waiting(SSH) is None


def test_reload_with_other_files(scene: SignedScene) -> None:
    """Nothing counts until they were read."""
    scene.fault = lambda: AnsweringChild(None)
    other = signed_door(authorized_keys="/etc/other")
    scene.reload(other)
    assert minutes(scene) == []
    assert scene.doors.why_waiting(other) == "its keys: they are being read"
    scene.reload(SSH, knock_secret="/etc/other-secret")
    assert minutes(scene) == []
    assert scene.doors.why_waiting(SSH) == "its keys: they are being read"
    scene.fault = None
    scene.begin()
    assert minutes(scene) == [NOW - 1, NOW, NOW + 1]


def test_reload_tells_nobody(scene: SignedScene) -> None:
    """Who reloads asks what is watched; only the answer that follows may be a change."""
    scene.changes = 0
    scene.reload(SSH, signed_door("web"))
    assert scene.changes == 0


def test_last_door_goes(scene: SignedScene) -> None:
    """Nothing is watched or waited for any more; what was used is known when there is one again."""
    packet = ANNE.knock()
    assert scene.reason(packet) is None
    scene.reload()
    assert scene.doors.watch() == ((), ())
    assert (scene.loop.waiting, scene.loop.readers, scene.doors.keys()) == ([], {}, ())
    assert scene.reason(packet) is Reason.MINUTE
    scene.reload(SSH)
    assert scene.reason(packet) is Reason.REPEATED


def test_no_doors(tmp_path: Path) -> None:
    """Nothing is read, written, started or waited for."""
    scene = SignedScene(tmp_path)
    scene.doors.adopt(signed_config(state_dir=scene.config.options.state_dir))
    scene.doors.stop()
    assert (scene.loop.timers, scene.questions, list(tmp_path.iterdir())) == ([], [], [])


def test_stop(scene: SignedScene) -> None:
    """Nothing is left behind, and the time is noted."""
    scene.sleep(7)
    scene.doors.stop()
    assert (scene.loop.waiting, scene.loop.readers) == ([], {})
    assert f'["newest", {NOON + 7}]' in (scene.directory / "state/used-periods").read_text()


def test_door_that_is_no_more(scene: SignedScene) -> None:
    """A door of an earlier configuration waits for nothing."""
    assert scene.doors.why_waiting(replace(SSH, cmd_timeout=7.0)) is None
    assert scene.doors.why_waiting(replace(SSH, signed_port=0)) is None


def test_source_and_door(scene: SignedScene) -> None:
    """Whoever the packet process says has sent it is judged by the door as well."""
    door = replace(SSH, access=Access(deny=(network_of(ALICE, 32),)))
    scene.reload(door)
    assert scene.reason(ANNE.knock()) is Reason.ACCESS
    assert scene.reason(ANNE.knock(), BOB) is None
