"""The tests of a packet's source: a binary search over the addresses that may knock.

Pure.
"""

from __future__ import annotations

from typing import Final

from knockd_bpf import instruction as op
from knockd_bpf.emitter import Emitter
from knockd_bpf.search import emit_search
from knockd_conf.access import Spans
from knockd_conf.text import address_text

_IPV4_SOURCE_AT: Final = 12
_IPV6_SOURCE_AT: Final = 8
_WORD: Final = 1 << 32
_WORDS: Final = 4


def emit_sources(emit: Emitter, network: int, version: int, spans: Spans, then: int, fail: int) -> int:
    """Goes on at ``then`` for a source in one of the spans of an IP version, else at ``fail``.

    ``network`` is the offset of the IP header.
    """
    if version == 4:
        segments = _segments([(low, high, then) for low, high in spans], fail)
        at = emit_search(emit, segments, _WORD, "source", name=lambda k: address_text(k.to_bytes(4, "big")))
        return emit.do(op.LD_W_ABS, network + _IPV4_SOURCE_AT, at, "IPv4: source")
    return _emit_words(emit, network + _IPV6_SOURCE_AT, spans, 0, then, fail, {})


def _emit_words(
    emit: Emitter, start: int, spans: Spans, word: int, then: int, fail: int, known: dict[object, int]
) -> int:
    """Compares from 32-bit word number ``word`` on; spans are of what is left of the address.

    Where what follows a word is the same as behind another, it is emitted once.
    """
    if (word, spans) in known:
        return known[word, spans]
    rest = 32 * (_WORDS - 1 - word)
    full = (1 << rest) - 1
    runs: list[tuple[int, int, int]] = []
    """First and last value of the word, and where they lead."""
    partly: dict[int, list[tuple[int, int]]] = {}
    """Of values behind which the next word decides, what of it passes."""
    for low, high in spans:
        first, last = low >> rest, high >> rest
        begins, ends = low & full, high & full
        if first == last and (begins, ends) != (0, full):
            partly.setdefault(first, []).append((begins, ends))
            continue
        if begins:
            partly.setdefault(first, []).append((begins, full))
            first += 1
        if ends != full:
            partly.setdefault(last, []).append((0, ends))
            last -= 1
        if first <= last:
            runs.append((first, last, then))
    for value, some in sorted(partly.items(), reverse=True):
        label = _emit_words(emit, start, tuple(some), word + 1, then, fail, known)
        runs.append((value, value, label))
    at = emit_search(emit, _segments(sorted(runs), fail), _WORD, f"source word {word + 1}", name=hex)
    at = emit.do(op.LD_W_ABS, start + 4 * word, at, f"IPv6: source, word {word + 1} of 4")
    known[word, spans] = at
    return at


def _segments(runs: list[tuple[int, int, int]], fail: int) -> list[tuple[int, int]]:
    """All values of a word as (first value, label): the runs, and ``fail`` between them."""
    segments: list[tuple[int, int]] = []
    free = 0
    for low, high, label in runs:
        if low > free:
            segments.append((free, fail))
        if not segments or segments[-1][1] != label:
            segments.append((low, label))
        free = high + 1
    if free < _WORD:
        segments.append((free, fail))
    return segments
