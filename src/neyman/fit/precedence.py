"""`&` and `|` beside comparisons.

Python gives `a > 1 & b < 2` to the parser as `a > (1 & b) < 2`, which nobody means. `pandas.DataFrame.query` and C let
comparisons bind more tightly, and so is it read here: both conditions hold. Brackets stay what they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Token = ast.expr | ast.cmpop | ast.operator


def conditions(node: ast.Compare, text: str) -> list[list[ast.expr]]:
    """The conditions that a comparison holds.

    Args:
        node: The comparison, as Python reads it.
        text: The text that it was parsed from.

    Returns:
        Groups of which one has to hold; a group holds if all in it do. `[[node]]` if there is nothing to take apart.

    Examples:
        >>> text = "0 < a < 1 & b < 2 | good"
        >>> found = conditions(ast.parse(text, mode="eval").body, text)
        >>> [[ast.unparse(each) for each in group] for group in found]
        [['0 < a < 1', 'b < 2'], ['good']]
    """
    source = text.encode()  # offsets count bytes
    tokens = list(_tokens(node, source))
    if not any(isinstance(token, ast.operator) for token in tokens):
        return [[node]]
    return [[_condition(part) for part in _split(group, ast.BitAnd)] for group in _split(tokens, ast.BitOr)]


def negated(operand: ast.expr, text: str) -> bool:
    """Whether a `not` before an operand could mean its first condition or all: `not a > 1 & b < 2`."""
    if not isinstance(operand, ast.Compare) or _in_brackets(operand, text.encode()):
        return False
    return conditions(operand, text) != [[operand]]


def _tokens(node: ast.Compare, source: bytes) -> Iterator[Token]:
    """Operands and operators in the order of the text."""
    yield from _operand(node.left, source)
    for operator, operand in zip(node.ops, node.comparators, strict=True):
        yield operator
        yield from _operand(operand, source)


def _operand(node: ast.expr, source: bytes) -> Iterator[Token]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr) and not _in_brackets(node, source):
        yield from _operand(node.left, source)
        yield node.op
        yield from _operand(node.right, source)
    else:
        yield node


def _in_brackets(node: ast.expr, source: bytes) -> bool:
    before, after = source[: node.col_offset].rstrip(), source[node.end_col_offset :].lstrip()
    return before.endswith(b"(") and after.startswith(b")")


def _split(tokens: list[Token], at: type[ast.operator]) -> Iterator[list[Token]]:
    part: list[Token] = []
    for token in tokens:
        if isinstance(token, at):
            yield part
            part = []
        else:
            part.append(token)
    yield part


def _condition(tokens: list[Token]) -> ast.expr:
    """A single operand, or operands with comparisons between them."""
    first, *others = [token for token in tokens if isinstance(token, ast.expr)]
    operators = [token for token in tokens if isinstance(token, ast.cmpop)]
    return ast.Compare(first, operators, others) if operators else first
