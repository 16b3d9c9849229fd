#!/usr/bin/env python3
"""Sends a signed knock (docs/spec/signed-knock.md, version 1), written from that page alone.

    signed-knock.py HOST PORT DOOR SECRETFILE KEYFILE [open|renew|close] [ADDRESS]

SECRETFILE has the knock secret in base64. KEYFILE is an SSH key (ssh-ed25519 or sk-ssh-ed25519), or its .pub
file if an agent has it: ssh-keygen signs. With ADDRESS the knock counts only if it comes from there.
"""

import base64
import hashlib
import hmac
import ipaddress
import os
import socket
import struct
import subprocess
import sys
import time

VERBS = {"open": 1, "renew": 2, "close": 3}
NAMESPACE = "signed-knock-1@knockd"


def mac(key, message):
    return hmac.new(key, message, hashlib.sha256).digest()


def xor(some, other):
    return (int.from_bytes(some, "big") ^ int.from_bytes(other, "big")).to_bytes(len(some), "big")


def read_string(data):
    """The first string of SSH in data, and what follows it."""
    end = 4 + struct.unpack(">I", data[:4])[0]
    return data[4:end], data[end:]


def sign(message, key_file):
    """The public key, the signature, and flags and counter of a hardware key, by ssh-keygen."""
    command = ["ssh-keygen", "-q", "-Y", "sign", "-n", NAMESPACE, "-f", key_file]
    done = subprocess.run(command, input=message, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"{key_file}: ssh-keygen did not sign")
    data = base64.b64decode(b"".join(done.stdout.splitlines()[1:-1]))
    public, rest = read_string(data[10:])  # behind "SSHSIG" and its version
    for _ in ("namespace", "reserved", "hash"):
        rest = read_string(rest)[1]
    kind, public = read_string(public)
    made = read_string(read_string(rest)[0])[1]
    signature, hardware = read_string(made)
    if kind not in (b"ssh-ed25519", b"sk-ssh-ed25519@openssh.com"):
        sys.exit(f"{key_file}: expected a key of type ssh-ed25519 or sk-ssh-ed25519, got {kind.decode()}")
    return read_string(public)[0], signature, hardware or bytes(5)


def make_packet(secret, minute, nonce, verb, door, bound, sign):
    """The 124 bytes; sign is called with the message, bound is None or an address as text."""
    name = door.encode()
    host = mac(secret, b"signed-knock-1 host")
    key = mac(secret, b"signed-knock-1 minute" + struct.pack(">Q", minute))
    address = bytes(16)
    if bound is not None:
        packed = ipaddress.ip_address(bound).packed
        address = packed if len(packed) == 16 else bytes(10) + b"\xff\xff" + packed
    head = bytes([VERBS[verb], bound is not None]) + hashlib.sha256(name).digest()[:8]
    message = b"signed-knock-1" + host + struct.pack(">Q", minute) + nonce + head + address + name
    public, signature, hardware = sign(message)
    body = head + hardware + bytes(1) + address + signature
    mask = b"".join(mac(key, b"mask" + nonce + bytes([block])) for block in range(3))
    rest = nonce + xor(body, mask)
    hint, pad = mac(key, b"key" + public)[:8], mac(key, b"hint" + rest)[:8]
    return mac(key, b"tag")[:4] + xor(hint, pad) + rest


def main(host, port, door, secret_file, key_file, verb="open", bound=None):
    with open(secret_file, encoding="ascii") as lines:
        text = [line.strip() for line in lines if not line.startswith("#")]
    secret = base64.b64decode("".join(text), validate=True)
    if len(secret) != 32 or verb not in VERBS:
        sys.exit(
            f"{secret_file}: expected 32 bytes in base64" if verb in VERBS else f"expected {', '.join(VERBS)}"
        )
    begun = time.time()
    packet = make_packet(
        secret, int(begun // 60), os.urandom(16), verb, door, bound, lambda message: sign(message, key_file)
    )
    if time.time() - begun > 60:
        sys.exit("signing took more than a minute, so the packet is no longer good: please try again")
    family = socket.AF_UNSPEC if bound is None else socket.AF_INET6 if ":" in bound else socket.AF_INET
    family, _, _, _, to = socket.getaddrinfo(host, port, family, socket.SOCK_DGRAM)[0]
    with socket.socket(family, socket.SOCK_DGRAM) as sender:
        sender.sendto(packet, to)


if __name__ == "__main__":
    if not 6 <= len(sys.argv) <= 8:
        sys.exit(__doc__)
    main(*sys.argv[1:])
