"""The store of a fleet: away, behind TLS and passwords, with sentinels, as a cluster; and VRRP."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.support.daemons.doors import door
from tests.support.daemons.fleet import (
    LOST,
    OPENED,
    OPENED_TOO,
    REACHED,
    STEPS,
    STORE,
    FleetLab,
    Gateway,
    ssh,
    wait_let_in,
)
from tests.support.daemons.keyed import ANNE, KeyedDoor, wait_live
from tests.support.daemons.signed import SignedHost, wait_signed
from tests.support.lab.hosts import Host, LabProcess, execute
from tests.support.lab.services import send_knock
from tests.support.lab.store import StoreServer
from tests.support.lab.tools import need
from tests.support.lab.waiting import wait_until

REFUSED = "not opened: the store of the fleet does not answer"
VIP = "10.9.0.200"
ACL = (
    "user default off",
    "user gate on >first-secret resetchannels &knockd:* ~knockd:* -@all"
    " +set +exists +ping +publish +subscribe +unsubscribe +role +client +select",
)
"""A user that may do what a gateway needs, and nothing else."""


def answer(gateway: Gateway, address: str, name: str) -> str:
    """What the log says of a knock at a door, first: OPENED or REFUSED."""

    def said() -> str | None:
        lines = [line for line in gateway.daemon.log_lines() if line.startswith(f"{address}: {name}: ")]
        return next((word for line in lines for word in (OPENED, REFUSED) if word in line), None)

    return wait_until(said, 10, f"{name} is opened or not")


@pytest.mark.parametrize("required", [None, "no", "yes"])
def test_the_store_is_away(fleet: FleetLab, tmp_path: Path, required: str | None) -> None:
    """Without a store a knock that is used up opens nothing, a plain one opens; Fleet_Required says else."""
    keyed, signed = KeyedDoor(tmp_path, "rotating"), SignedHost(tmp_path)
    (tmp_path / "codes").write_text("2700,2800,2900\n")
    said = {} if required is None else {"Fleet_Required": required}
    once = f"[once]\nOne_Time_Sequences = {tmp_path / 'codes'}\nStart_Command = true\n\n"
    fields = {"Signed_Port": signed.port, "Authorized_Keys": signed.keys_path}
    sections = (door("plain", ",".join(STEPS), start_command="true"), once, keyed.section())
    options = {"Knock_Secret": signed.secret_path, "Clock": "trust", **said}
    text = (*sections, signed.section("signed", **fields))
    gateway = fleet.add_gateway().start(*text, Fleet_Share="no", **options)
    wait_live(gateway.daemon)
    wait_signed(gateway.daemon)
    gateway.daemon.wait_for(LOST)
    client, address = fleet.add_client()
    send_knock(client, gateway.address, *STEPS)
    send_knock(client, gateway.address, "2700", "2800", "2900")
    keyed.knock(client, ANNE, address=gateway.address)
    signed.knock(client, door="signed", to=gateway.address)
    found = {name: answer(gateway, address, name) for name in ("plain", "once", "rotating", "signed")}
    used_up, plain = REFUSED, OPENED
    if required is not None:
        used_up = plain = REFUSED if required == "yes" else OPENED
    assert found == {"plain": plain, "once": used_up, "rotating": used_up, "signed": used_up}


def test_password_and_tls(fleet: FleetLab, tmp_path: Path) -> None:
    """Over TLS with a CA of one's own, as a user with few rights, gateways share what opens."""
    start_with_tls(fleet, tmp_path, f"IP:{STORE}", *ACL)
    gateways = fleet.start_all(2, ssh(), **with_tls(tmp_path))
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)
    signed = [line for line in gateways[0].daemon.log_lines() if "refused" in line or "NOPERM" in line]
    assert signed == []


def test_a_name_that_is_not_the_stores(fleet: FleetLab, tmp_path: Path) -> None:
    """A certificate of the CA for another name is none: the store counts as away, and the log says why."""
    start_with_tls(fleet, tmp_path, "DNS:other.example")
    gateway = fleet.add_gateway().start(ssh(Fleet_Required="yes"), **with_tls(tmp_path, user=""))
    lines = gateway.daemon.wait_for(LOST, timeout=20)
    assert [line for line in lines if LOST in line and "certificate" in line.lower()]
    client, address = fleet.add_client()
    send_knock(client, gateway.address, *STEPS)
    assert answer(gateway, address, "ssh") == REFUSED


def start_with_tls(fleet: FleetLab, directory: Path, name: str, *lines: str) -> None:
    """Starts the store with a certificate of a private CA, for ``name`` as OpenSSL writes it."""
    make_certificates(directory, name)
    files = [
        f"tls-{part}-file {directory / file}" for part, file in (("cert", "store.pem"), ("key", "store.key"))
    ]
    tls = (
        "port 0",
        "tls-port 6379",
        "tls-auth-clients no",
        f"tls-ca-cert-file {directory / 'ca.pem'}",
        *files,
    )
    words = ["--tls", "--insecure", *(("--user", "gate", "--pass", "first-secret") if lines else ())]
    store = StoreServer(
        fleet.lan, directory / "tls", STORE, *tls, *lines, tools=(*words, "--no-auth-warning")
    )
    store.start()


def with_tls(directory: Path, user: str = "gate@") -> dict[str, object]:
    """What a gateway's configuration says of such a store."""
    password = directory / "password"
    password.touch(0o600)
    password.write_text("first-secret\n")
    found = {"Fleet": f"valkeys://{user}{STORE}", "Fleet_CA": directory / "ca.pem"}
    return found | ({"Fleet_Password": password} if user else {})


def make_certificates(directory: Path, name: str) -> None:
    """A CA, and a certificate for ``name``."""
    need("openssl")
    host = ("-subj", "/CN=store", "-addext", f"subjectAltName={name}")
    curve = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2")
    ca = (str(directory / "ca.pem"), str(directory / "ca.key"))
    run = ("openssl", *curve, "-out")
    execute(*run, ca[0], "-keyout", ca[1], "-subj", "/CN=a private CA")
    signed_by = ("-CA", ca[0], "-CAkey", ca[1])
    execute(*run, str(directory / "store.pem"), "-keyout", str(directory / "store.key"), *host, *signed_by)


def test_sentinels(fleet: FleetLab, tmp_path: Path) -> None:
    """The primary that sentinels name is the store; when it is dead, the one that takes its place."""
    fleet.store.start()
    replica = StoreServer(fleet.lan, tmp_path / "replica", STORE, f"replicaof {STORE} 6379", port=6380)
    replica.start()
    watched = (f"sentinel monitor main {STORE} 6379 1", "sentinel down-after-milliseconds main 1000")
    sentinel = StoreServer(
        fleet.lan, tmp_path / "sentinel", STORE, *watched, port=26379, options=("--sentinel",)
    )
    sentinel.start()
    wait_until(lambda: "slave0" in fleet.store.tell("INFO", "replication"), 20, "the replica is there")
    wait_until(lambda: "6380" in sentinel.tell("SENTINEL", "replicas", "main"), 20, "the sentinel knows it")
    gateways = fleet.start_all(2, ssh(), Fleet=f"sentinel+valkey://{STORE}/main")
    fleet.store.kill()
    for gateway in gateways:
        gateway.daemon.wait_for(f"{REACHED} at {STORE}:6380", timeout=60)
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)


def test_replicas(fleet: FleetLab, tmp_path: Path) -> None:
    """With Fleet_Replicas = 1 a packet opens once a replica has it; without a replica it opens nothing."""
    fleet.store.start()
    signed = SignedHost(tmp_path)
    fields = {"Signed_Port": signed.port, "Authorized_Keys": signed.keys_path}
    options = {"Knock_Secret": signed.secret_path, "Clock": "trust", "Fleet_Replicas": 1}
    gateway = fleet.add_gateway().start(signed.section("signed", **fields), Fleet_Share="no", **options)
    wait_signed(gateway.daemon)
    gateway.daemon.wait_for(REACHED)
    client, address = fleet.add_client()
    signed.knock(client, door="signed", to=gateway.address)
    assert answer(gateway, address, "signed") == REFUSED
    StoreServer(fleet.lan, tmp_path / "replica", STORE, f"replicaof {STORE} 6379", port=6380).start()
    wait_until(lambda: "state=online" in fleet.store.tell("INFO", "replication"), 20, "the replica is there")

    def opens() -> bool:  # on a busy machine a replica may be too late, too
        signed.knock(client, door="signed", to=gateway.address)
        time.sleep(0.5)
        return gateway.daemon.count(f"{address}: signed: {OPENED}") > 0

    wait_until(opens, 20, "it opens")


def test_cluster(fleet: FleetLab, tmp_path: Path) -> None:
    """A cluster of three primaries is one store: what opens at one gateway opens at the other, and once."""
    ports = (7001, 7002, 7003)
    nodes = [
        StoreServer(fleet.lan, tmp_path / f"node{port}", STORE, "cluster-enabled yes", port=port)
        for port in ports
    ]
    for node in nodes:
        node.start()
    for number, node in enumerate(nodes):
        node.tell("CLUSTER", "ADDSLOTSRANGE", str(number * 5462), str(min(number * 5462 + 5461, 16_383)))
        node.tell("CLUSTER", "SET-CONFIG-EPOCH", str(number + 1))
    for node in nodes[1:]:
        node.tell("CLUSTER", "MEET", STORE, str(ports[0]))
    for node in nodes:
        wait_until(lambda: "cluster_state:ok" in node.tell("CLUSTER", "INFO"), 30, "the cluster is whole")  # noqa: B023
    urls = ", ".join(f"cluster+valkey://{STORE}:{port}" for port in ports)
    signed = SignedHost(tmp_path)
    fields = {"Signed_Port": signed.port, "Authorized_Keys": signed.keys_path, "Cmd_Timeout": 60}
    sections = (ssh(), signed.section("signed", Stop_Command="true", **fields))
    gateways = fleet.start_all(2, *sections, Fleet=urls, Knock_Secret=signed.secret_path, Clock="trust")
    for gateway in gateways:
        wait_signed(gateway.daemon)
    client, address = fleet.add_client()
    send_knock(client, gateways[0].address, *STEPS)
    wait_let_in(gateways, address)
    packet = signed.packet(door="signed")
    signed.send(client, packet, to=gateways[0].address)
    gateways[1].daemon.wait_for(f"{address}: signed: opened at gateway g1")
    signed.send(client, packet, to=gateways[1].address)
    gateways[1].daemon.wait_for(f"{address}: signed: not opened: it was used at another gateway")


def test_the_address_moves(fleet: FleetLab, tmp_path: Path) -> None:
    """Two routers have an address by VRRP: when it moves, who has knocked at one is let in at the other."""
    need("keepalived")
    fleet.store.start()
    gateways = fleet.start_all(2, ssh())
    for gateway in gateways:
        gateway.host.run(
            "nft", "insert", "rule", "inet", "filter", "input", "ip", "protocol", "vrrp", "accept"
        )
    running = [start_keepalived(one, 150 - number, tmp_path) for number, one in enumerate(gateways)]
    first, second = gateways
    wait_until(lambda: has(first.host, VIP), 20, "the first has the address")
    client, address = fleet.add_client()
    knock_until(client, first, f"{address}: ssh: {OPENED}")
    wait_let_in(gateways, address)
    running[0].terminate()
    wait_until(lambda: has(second.host, VIP) and not has(first.host, VIP), 20, "the address moves")
    assert second.lets_in(address)
    assert second.daemon.count(OPENED_TOO) == 1
    knock_until(client, second, f"{address}: ssh: Stage 3")


def knock_until(client: Host, gateway: Gateway, text: str) -> None:
    """Knocks at the address that moves until a gateway says so; a new address is heard a moment later."""

    def said() -> bool:
        send_knock(client, VIP, *STEPS)
        time.sleep(0.5)
        return gateway.daemon.count(text) > 0

    wait_until(said, 20, f"{gateway.name} says {text!r}")


def has(host: Host, address: str) -> bool:
    """Whether a host has an address."""
    return f" {address}/" in host.run("ip", "-4", "addr", "show", "dev", "eth0")


def start_keepalived(gateway: Gateway, priority: int, directory: Path) -> LabProcess:
    """keepalived at a gateway, in the foreground."""
    path = directory / f"keepalived-{gateway.name}"
    pids = [f"--{kind}={path}.{kind}" for kind in ("pid", "vrrp_pid", "checkers_pid")]
    path.write_text(
        f"vrrp_instance gate {{\n interface eth0\n state BACKUP\n"
        f" virtual_router_id 51\n priority {priority}\n"
        f" advert_int 0.3\n virtual_ipaddress {{\n {VIP}/16\n }}\n}}\n"
    )
    with path.with_suffix(".log").open("wb") as log:
        return gateway.host.popen(
            "keepalived", "-n", "-l", "-P", "-f", str(path), *pids, stdout=log, stderr=log
        )
