"""The power is cut at every step of a change of a file with keys: the old one is found, or the new one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest

from knockd.files import secret_file, trusted
from knockd.files.secret_file import change_public, change_secret
from knockd_conf.walk import End
from tests.support.doubles.disk_without_power import Disk, PowerCutError


def put(disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts a disk in the place of the real one."""

    @contextmanager
    def walk(path: str, _follows: object) -> Iterator[End]:
        folder, name = os.path.split(path)
        yield End(disk.open(folder, os.O_RDONLY), name, None, True, ())

    monkeypatch.setattr(secret_file, "os", disk)
    monkeypatch.setattr(trusted, "os", disk)
    monkeypatch.setattr(secret_file, "fcntl", disk.fcntl)
    monkeypatch.setattr(secret_file, "walk", walk)


def put_text(text: bytes, _old: bytes) -> bytes:
    """What a file is to hold, whatever it held."""
    return text


def found_in(disk: Disk) -> bytes | None:
    """What the file holds; None: there is none."""
    file = disk.top.names["etc"].names.get("keys")
    return None if file is None else bytes(file.data)


@pytest.mark.parametrize("change", [change_secret, change_public])
def test_every_cut(monkeypatch: pytest.MonkeyPatch, change: Callable[..., bool]) -> None:
    """After a cut the file has what it had, or all of the new; once the change returned it has that."""
    texts = [b"one\n", b"one\ntwo\n" * 100, b"one\ntwo\nthree\n" * 200]
    seen: set[bytes | None] = set()
    done = False
    for step in range(1_000):
        disk = Disk(cut=step)
        returned: list[bytes | None] = [None]
        try:
            disk.mkdir("/d/etc", 0o700)
            disk.fsync(disk.open("/d", os.O_RDONLY))
            put(disk, monkeypatch)
            for text in texts:
                change("/d/etc/keys", partial(put_text, text))
                returned.append(text)
            done = True
        except PowerCutError:
            pass
        begun = texts[len(returned) - 1] if len(returned) <= len(texts) else texts[-1]
        empty = {b""} if len(returned) == 1 else set()  # a file that is made is empty at first
        for left in disk.survivors():
            if "etc" in left.top.names:
                assert found_in(left) in {returned[-1], begun} | empty
                seen.add(found_in(left))
                put(left, monkeypatch)
                change("/d/etc/keys", partial(put_text, b"next"))
                assert b"next" == found_in(left)
        if done:
            break
    assert done
    assert {None, b"", *texts} == seen
