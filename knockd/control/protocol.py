"""Varlink's messages: calls and answers as bytes, each a JSON object and a NUL byte (varlink.org).

Total on any bytes: what is no call is a BadMessageError with a reason for people, never another exception.

Pure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, NoReturn

from knockd_conf.classes import NamedTuple
from knockd_conf.text import printable, well_formed

MAX_CALL = 65_536
"""Bytes of the longest call, without its NUL."""

MAX_ANSWER = 1 << 20
"""Bytes of the longest answer."""

MAX_MARKS = 256
"""Brackets, braces and commas in a call, those inside of strings too: what has more is not even parsed.

So the longest call takes less than half a millisecond, and none is nested too deep.
"""

MAX_DIGITS = 20
"""Characters of a whole number: -2**63 and 2**64 fit."""

MAX_SHOWN = 64
"""Characters of what came, in a reason."""

SERVICE = "org.varlink.service"


class BadMessageError(Exception):
    """What came is no call, or no answer."""


class Request(NamedTuple):
    """What a call asks for. ``more``: several answers are welcome; ``oneway``: none is."""

    method: str
    parameters: Mapping[str, Any]
    more: bool = False
    oneway: bool = False


class Answer(NamedTuple):
    """An answer: parameters, or those of the error of that full name. ``continues``: another one follows."""

    parameters: Mapping[str, Any]
    error: str | None = None
    continues: bool = False


def parse_call(data: bytes) -> Request:
    """Returns what a client asks for. Raises BadMessageError."""
    if len(data) > MAX_CALL:
        raise BadMessageError(f"expected at most {MAX_CALL} bytes, got {len(data)}")
    if sum(map(data.count, (b"[", b"{", b","))) > MAX_MARKS:
        raise BadMessageError(f"expected at most {MAX_MARKS} brackets and commas, got more")
    call = _parse(data)
    method = call.pop("method", None)
    if not isinstance(method, str):
        raise BadMessageError(f"expected method, a string, got {_seen(method)}")
    parameters = _take_parameters(call)
    more, oneway, upgrade = (_take_flag(call, name) for name in ("more", "oneway", "upgrade"))
    if call:
        known = "method, parameters, more, oneway and upgrade"
        raise BadMessageError(f"expected {known}, got {_seen(next(iter(call)))}")
    if upgrade:
        raise BadMessageError("expected no upgrade: the connection speaks varlink to its end")
    if more and oneway:
        raise BadMessageError("expected more or oneway, got both")
    return Request(method, parameters, more, oneway)


def parse_answer(data: bytes) -> Answer:
    """Returns what the daemon answers. Raises BadMessageError."""
    answer = _parse(data)
    error = answer.get("error")
    if not isinstance(error, str | None):
        raise BadMessageError(f"expected error, a string, got {_seen(error)}")
    return Answer(_take_parameters(answer), error, _take_flag(answer, "continues"))


def encode_call(
    method: str, parameters: Mapping[str, Any], *, more: bool = False, oneway: bool = False
) -> bytes:
    """Returns a call of the method of that full name, with its NUL."""
    call: dict[str, Any] = {"method": method, "parameters": parameters}
    if more:
        call["more"] = True
    if oneway:
        call["oneway"] = True
    return encode(call)


def encode_answer(parameters: Mapping[str, Any], *, continues: bool = False) -> bytes:
    """Returns an answer, with its NUL. ``continues``: another one follows."""
    return encode({"parameters": parameters, "continues": True} if continues else {"parameters": parameters})


def encode_error(error: str, parameters: Mapping[str, Any]) -> bytes:
    """Returns the error of that full name, with its NUL."""
    return encode({"error": error, "parameters": parameters})


def encode(message: Mapping[str, Any]) -> bytes:
    """Returns a message with its NUL; bytes that are not UTF-8 are written as the log writes them."""
    try:
        return _dump(message)
    except UnicodeEncodeError:
        return _dump(_clean(message))


def _dump(message: Any) -> bytes:
    text = json.dumps(message, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode() + b"\0"


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, Mapping):
        return {well_formed(name): _clean(one) for name, one in value.items()}
    return [_clean(one) for one in value] if isinstance(value, list | tuple) else value


def _parse(data: bytes) -> dict[str, Any]:
    try:
        text = data.decode()
        found = json.loads(
            text,
            object_pairs_hook=_unique,
            parse_int=_whole,
            parse_float=_finite,
            parse_constant=_refuse_constant,
        )
    except UnicodeDecodeError as error:
        raise BadMessageError(f"expected UTF-8, got the byte {data[error.start]:#04x}") from None
    except (ValueError, RecursionError) as error:
        raise BadMessageError(f"expected JSON: {error}") from None
    if not isinstance(found, dict):
        raise BadMessageError(f"expected a JSON object, got {_seen(found)}")
    if not text.isascii() or "\\u" in text:
        _check_characters(found)
    return found


def _check_characters(value: Any) -> None:
    """Raises BadMessageError for half of a surrogate pair, which JSON can write and UTF-8 cannot."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise BadMessageError("expected characters, got half of a surrogate pair") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _whole(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise ValueError("a number is too large")
    return int(text)


def _finite(text: str) -> float:
    value = float(text)
    if not isfinite(value):
        raise ValueError("a number is too large")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _take_parameters(message: dict[str, Any]) -> Mapping[str, Any]:
    """Returns the parameters; missing, null and {} mean the same."""
    parameters = message.pop("parameters", None)
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise BadMessageError(f"expected parameters, an object, got {_seen(parameters)}")
    return parameters


def _take_flag(message: dict[str, Any], name: str) -> bool:
    value = message.pop(name, None)
    if not isinstance(value, bool | None):
        raise BadMessageError(f"expected {name}, true or false, got {_seen(value)}")
    return bool(value)


def _seen(value: object) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    shown = printable(text[: MAX_SHOWN + 1])  # each of them may be written as several characters
    return shown if len(shown) <= MAX_SHOWN else f"{shown[:MAX_SHOWN]}..."
