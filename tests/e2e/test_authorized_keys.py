"""Lines of authorized_keys files, held to a real sshd: who may knock with a line would be let in by it.

Some lines that sshd takes are refused here, since they mean nothing to a knock; they are in the unit tests.
"""

from __future__ import annotations

import time
from ipaddress import ip_address
from pathlib import Path

import pytest

from knockd.signed.local_time import local_seconds
from knockd_conf.access import Access
from knockd_conf.authorized_keys import parse_authorized_keys
from tests.e2e.conftest import Pair
from tests.support.daemons.doors import CLIENT, SERVER
from tests.support.lab.ssh import CLIENT as OPTIONS
from tests.support.lab.ssh import SshServer, need_ssh
from tests.support.lab.tools import need

IN, OUT = True, False

LINES = [
    ("{key}", IN),
    (' \t{key} a comment, with "quotes\\', IN),
    ("{key}\r", IN),
    ("# {key}", OUT),
    ("{type}\t{blob}", IN),
    ("{blob}", OUT),
    ("{type} {blob}AAAA", OUT),
    ("sk-ssh-ed25519@openssh.com {blob}", OUT),
    ("ssh-rsa {blob}", OUT),
    ('from="10.7.0.2" {key}', IN),
    ('FROM="10.7.0.2"\t{key}', IN),
    ('from="10.7.0.3" {key}', OUT),
    ('from="10.7.0.0/24" {key}', IN),
    ('from="10.7.0.0/31" {key}', OUT),
    ('from="10.7.0.2/24" {key}', OUT),
    ('from="10.7.0.*" {key}', IN),
    ('from="10.*" {key}', IN),
    ('from="10.7.1.*,192.0.2.*" {key}', OUT),
    ('from="*" {key}', IN),
    ('from="*,!10.7.0.2" {key}', OUT),
    ('from="!10.7.0.2,10.7.0.*" {key}', OUT),
    ('from="10.7.0.*,!10.7.0.0/31" {key}', IN),
    ('from="!10.7.0.3" {key}', OUT),
    ('from="" {key}', OUT),
    ("from=10.7.0.2 {key}", OUT),
    ('from="10.7.0.2 {key}', OUT),
    ('from="10.7.0.2", {key}', IN),
    ('from="10.7.0.2"x {key}', OUT),
    ('from="10.7.0.2",from="10.7.0.2" {key}', OUT),
    ('expiry-time="20991231" {key}', IN),
    ('expiry-time="209912312359Z",from="10.7.0.2" {key}', IN),
    ('expiry-time="20200101" {key}', OUT),
    ('expiry-time="20200101000000Z" {key}', OUT),
    ('expiry-time="tomorrow" {key}', OUT),
    ("unknown-option {key}", OUT),
]
FOR_IPV6 = [
    ('from="fd00:7::2" {key}', IN),
    ('from="fd00:7::/64" {key}', IN),
    ('from="fd00:7:*" {key}', IN),
    ('from="fd00:8:*" {key}', OUT),
    ('from="fd00:7::/127" {key}', OUT),
    ('from="10.7.0.*" {key}', OUT),
]


@pytest.mark.parametrize(("version", "lines"), [(4, LINES), (6, FOR_IPV6)])
def test_lines(pair: Pair, tmp_path: Path, version: int, lines: list[tuple[str, bool]]) -> None:
    """sshd lets the client in by each line that lets it knock, and by no other of these."""
    need_ssh()
    server = SshServer(pair.server, tmp_path)
    public = server.key.with_suffix(".pub")
    kind, blob, _ = public.read_text().split(None, 2)
    private = server.key.rename(tmp_path / "private")  # the client, too, reads a file KEY.pub
    command = (need("ssh"), *OPTIONS, "-i", str(private), f"root@{SERVER[version]}", "true")
    for pattern, expected in lines:
        line = pattern.replace("{key}", f"{kind} {blob}").replace("{type}", kind).replace("{blob}", blob)
        public.write_text(f"{line}\n", newline="")
        logged_in = pair.client.status(*command).returncode == 0
        assert expected is logged_in, f"sshd: {line}"
        assert expected is may_knock(line, CLIENT[version]), f"knockd: {line}"


def may_knock(line: str, address: str) -> bool:
    """Whether a file of this line lets somebody knock from an address now."""
    keys = parse_authorized_keys(f"{line}\n".encode(), local_seconds).keys
    return any(
        Access(key.allow, key.deny).admits(ip_address(address).packed)
        and (key.expires is None or time.time() <= key.expires)
        for key in keys
    )
