"""Faults that somebody could have written, one at a time: a source text to source texts."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Lt: "<=",
    ast.LtE: "<",
    ast.Gt: ">=",
    ast.GtE: ">",
    ast.Eq: "!=",
    ast.NotEq: "==",
    ast.In: "not in",
    ast.NotIn: "in",
    ast.Is: "is not",
    ast.IsNot: "is",
}


class Fault(NamedTuple):
    """A piece of a source, from byte ``start`` to byte ``end``, and what stands there instead."""

    start: int
    end: int
    instead: str

    def planted(self, source: str) -> str:
        """The source with the fault."""
        data = source.encode()
        return (data[: self.start] + self.instead.encode() + data[self.end :]).decode()


def find_faults(source: str) -> list[Fault]:
    """All faults that can be planted in a source, in order: no statement, a wrong condition, a wrong number.

    Annotations and docstrings have none, nor has what cannot be written in their place.
    """
    starts = [0]
    for line in source.encode().splitlines(keepends=True):
        starts.append(starts[-1] + len(line))

    def fault(node: ast.expr | ast.stmt, instead: str) -> Fault:
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        start = starts[node.lineno - 1] + node.col_offset
        return Fault(start, starts[node.end_lineno - 1] + node.end_col_offset, instead)

    found = {fault(node, instead) for node, instead in _changes(ast.parse(source))}
    return sorted(one for one in found if _compiles(one.planted(source)))


def _compiles(source: str) -> bool:
    try:
        ast.parse(source)
    except SyntaxError:
        return False
    return True


def _changes(tree: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    for name, value in ast.iter_fields(tree):
        if name in {"annotation", "returns", "type_params"}:
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield from _changes_of(node)
                yield from _changes(node)


def _changes_of(node: ast.AST) -> Iterator[tuple[ast.expr | ast.stmt, str]]:
    match node:
        case ast.Expr(ast.Call() | ast.Await()) | ast.AugAssign() | ast.Delete() | ast.Raise() | ast.Break():
            yield node, "pass"
        case ast.Assign([ast.Attribute() | ast.Subscript()]):
            yield node, "pass"
        case ast.Compare(left, [operator], [right]):
            yield node, f"({_text(left)} {_COMPARISONS[type(operator)]} {_text(right)})"
        case ast.BoolOp(_, values):
            for value in values:
                rest = [_text(one) for one in values if one is not value]
                yield node, f"({(' or ' if isinstance(node.op, ast.Or) else ' and ').join(rest)})"
        case ast.UnaryOp(ast.Not(), operand):
            yield node, f"({_text(operand)})"
        case ast.BinOp(left, ast.Add() | ast.Sub(), right):
            sign = "-" if isinstance(node.op, ast.Add) else "+"
            yield node, f"({_text(left)} {sign} {_text(right)})"
        case ast.IfExp(_, body, orelse):
            yield node, f"({_text(body)})"
            yield node, f"({_text(orelse)})"
        case ast.Constant(bool(value)):
            yield node, str(not value)
        case ast.Constant(int(value) | float(value)):
            yield node, str(value + 1)


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"
