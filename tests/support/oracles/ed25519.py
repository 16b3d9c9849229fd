"""Ed25519 by RFC 8032, slowly: numbers and points as the RFC has them, nothing of a library.

Signing is not safe against who measures its time; the keys of tests are known to everybody.
"""

from __future__ import annotations

from hashlib import sha512

Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates (section 5.1.4)."""

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)
"""A square root of -1."""

NEUTRAL: Point = (0, 1, 1, 0)


def public_of(seed: bytes) -> bytes:
    """The public key (32 bytes) of a private one (32 bytes)."""
    return _compress(_multiply(_scalar_and_prefix(seed)[0], BASE))


def sign(seed: bytes, message: bytes) -> bytes:
    """The signature (64 bytes) of a message (section 5.1.6)."""
    scalar, prefix = _scalar_and_prefix(seed)
    public = _compress(_multiply(scalar, BASE))
    r = _hash_number(prefix + message)
    commitment = _compress(_multiply(r, BASE))
    s = (r + _hash_number(commitment + public + message) * scalar) % L
    return commitment + s.to_bytes(32, "little")


def is_right(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes is that of a public key over a message (section 5.1.7)."""
    point, commitment = _decompress(public), _decompress(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if point is None or commitment is None or s >= L:
        return False
    factor = _hash_number(signature[:32] + public + message)
    return _equal(_multiply(s, BASE), _add(commitment, _multiply(factor, point)))


def _scalar_and_prefix(seed: bytes) -> tuple[int, bytes]:
    hashed = sha512(seed).digest()
    number = int.from_bytes(hashed[:32], "little")
    return number & (2**254 - 8) | 2**254, hashed[32:]


def _hash_number(message: bytes) -> int:
    return int.from_bytes(sha512(message).digest(), "little") % L


def _add(one: Point, other: Point) -> Point:
    a = (one[1] - one[0]) * (other[1] - other[0]) % P
    b = (one[1] + one[0]) * (other[1] + other[0]) % P
    c = 2 * one[3] * other[3] * D % P
    d = 2 * one[2] * other[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(number: int, point: Point) -> Point:
    result = NEUTRAL
    while number:
        if number & 1:
            result = _add(result, point)
        point = _add(point, point)
        number >>= 1
    return result


def _equal(one: Point, other: Point) -> bool:
    return not ((one[0] * other[2] - other[0] * one[2]) % P or (one[1] * other[2] - other[1] * one[2]) % P)


def _x_of(y: int, sign_bit: int) -> int | None:
    """The x of a point whose y and sign are known (section 5.1.3)."""
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P or (x == 0 and sign_bit):
        return None
    return x if x & 1 == sign_bit else P - x


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def _decompress(packed: bytes) -> Point | None:
    number = int.from_bytes(packed, "little")
    y = number & (2**255 - 1)
    x = _x_of(y, number >> 255)
    return None if x is None else (x, y, 1, x * y % P)


_BASE_Y = 4 * pow(5, P - 2, P) % P
_BASE_X = _x_of(_BASE_Y, 0) or 0
BASE: Point = (_BASE_X, _BASE_Y, 1, _BASE_X * _BASE_Y % P)
