"""Variables, weights and filters: expressions of columns, as `w_mc * (met > 100)`.

They are read with Python's grammar, and of it only what is listed here is taken, so no config can run code:

- numbers, `True`, `False`, names of columns (also with dots, as `jet.pt`);
- `+ - * / // % **`, comparisons, also chained (`80 < m < 100`);
- `and or not`, or as NumPy writes them `& | ~`; between two integers `&` and `|` work on bits; beside a comparison
  without brackets they join conditions, as `pandas.DataFrame.query` and C read them: `a > 1 & b < 2` means both;
- the functions in `FUNCTIONS`; `min` and `max` are of one event's values, `where(condition, a, b)` chooses.

All is computed in float64 and int64, whatever the file holds, as ROOT's own `TTree::Draw` does.
A comparison with NaN is false.
"""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from neyman.core.errors import ConfigError, near
from neyman.fit.precedence import conditions, negated

Columns = Mapping[str, np.ndarray]
Value = Any
"""An array of the events, or a number for all of them; a name of its own since NumPy's scalars are no arrays."""
Compiled = Callable[[Columns], Value]

EXAMPLE = "an expression such as 'w_mc * (met > 100)'"


class _NoConditionError(Exception):
    """A floating-point number where a condition should be."""


def _smallest(*values: Value) -> Value:
    return functools.reduce(np.minimum, values)


def _largest(*values: Value) -> Value:
    return functools.reduce(np.maximum, values)


def _all(*values: Value) -> Value:
    return functools.reduce(np.logical_and, values)


def _choose(condition: Value, yes: Value, no: Value) -> Value:
    return np.where(_truth(condition), yes, no)


FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    **{name: (getattr(np, name), 1, 1) for name in ("abs", "sqrt", "exp", "log", "log10")},
    **{name: (getattr(np, name), 1, 1) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    "min": (_smallest, 2, 100),
    "max": (_largest, 2, 100),
    "where": (_choose, 3, 3),
}
"""Each function with the smallest and largest number of its arguments."""


def _number(value: Value) -> Value:
    """NumPy adds two truths to a truth; one who adds conditions counts them."""
    return value.astype(np.int64) if value.dtype == bool else value


def _truth(value: Value) -> Value:
    if value.dtype.kind == "f":
        raise _NoConditionError
    return value.astype(bool)


def _condition(value: Value) -> Value:
    """A number beside a comparison is a mistake: `flags & 4 == 4` was meant as `(flags & 4) == 4`."""
    if value.dtype != bool:
        raise _NoConditionError
    return value


def _bits(logical: Callable[..., Any], bitwise: Callable[..., Any]) -> Callable[..., Any]:
    def operate(left: Value, right: Value) -> Value:
        if left.dtype.kind == right.dtype.kind == "i":
            return bitwise(left, right)
        return logical(_truth(left), _truth(right))

    return operate


def _power(base: Value, exponent: Value) -> Value:
    """In floating point: integers have no negative powers, and 9**99 would wrap around."""
    return np.power(base.astype(float), exponent)


_ARITHMETIC: dict[type[ast.operator], Callable[..., Any]] = {
    ast.Add: np.add,
    ast.Sub: np.subtract,
    ast.Mult: np.multiply,
    ast.Div: np.true_divide,
    ast.FloorDiv: np.floor_divide,
    ast.Mod: np.mod,
    ast.Pow: _power,
}
_BITS: dict[type[ast.operator], Callable[..., Any]] = {
    ast.BitAnd: _bits(np.logical_and, np.bitwise_and),
    ast.BitOr: _bits(np.logical_or, np.bitwise_or),
}
_COMPARE: dict[type[ast.cmpop], Callable[..., Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
    ast.Eq: np.equal,
    ast.NotEq: np.not_equal,
}


@dataclass(frozen=True)
class Expression:
    """An expression that was understood, and the columns it needs."""

    text: str
    columns: frozenset[str]
    where: str = ""
    _compiled: Compiled = field(repr=False, compare=False, kw_only=True)

    def numbers(self, columns: Columns, length: int) -> np.ndarray:
        """Its value for each of `length` events, float64; NaN and infinities are the caller's to judge.

        Raises:
            ConfigError: If numbers stand where conditions should.
        """
        return np.broadcast_to(np.asarray(self._evaluate(columns), dtype=np.float64), (length,))

    def conditions(self, columns: Columns, length: int) -> np.ndarray:
        """Whether it holds for each of `length` events; an integer holds if it is not zero.

        Raises:
            ConfigError: If it is no condition.
        """
        value = self._evaluate(columns)
        try:
            return np.broadcast_to(_truth(value), (length,))
        except _NoConditionError:
            raise ConfigError(
                f"'{self.text}' is a number, not a condition", where=self.where, expected="e.g. 'met > 100'"
            ) from None

    def _evaluate(self, columns: Columns) -> Value:
        try:
            with np.errstate(all="ignore"):
                return self._compiled(columns)
        except _NoConditionError:
            raise ConfigError(
                f"'{self.text}' takes a number for a condition",
                where=self.where,
                expected="conditions, as 'met > 100', around &, |, ~, and, or, not",
            ) from None


def parse(text: str, *, where: str = "") -> Expression:
    """Understand an expression.

    Args:
        text: The expression.
        where: Where it stands, for errors.

    Raises:
        ConfigError: If it holds anything but what this module lists.

    Examples:
        >>> sorted(parse("w * (80 < m) & good").columns)
        ['good', 'm', 'w']
        >>> parse("min(x, 2) ** 2").numbers({"x": np.array([1.0, 3.0])}, 2)
        array([1., 4.])
    """
    compiler = _Compiler(" ".join(text.split()), where)
    try:
        tree = ast.parse(compiler.text, mode="eval")
        compiled = compiler.compile(tree.body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        hint = next((f"{good} for {bad}" for bad, good in (("&&", "&"), ("||", "|"), ("!", "~")) if bad in text), "")
        raise ConfigError(f"cannot read '{_short(text)}'", where=where, expected=EXAMPLE, hint=hint) from None
    return Expression(compiler.text, frozenset(compiler.columns), where, _compiled=compiled)


class _Compiler:
    """Turns the tree of an expression into functions of the columns, and notes the columns."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.columns: set[str] = set()

    def compile(self, node: ast.expr) -> Compiled:
        """The function of a node."""
        match node:
            case ast.Constant(value=bool() | int() | float() as value):
                return self._constant(value)
            case ast.Name() | ast.Attribute():
                return self._column(node)
            case ast.Compare():
                return self._comparison(node)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments)
            case ast.BoolOp(op=op, values=values):
                combine = np.logical_and if isinstance(op, ast.And) else np.logical_or
                return self._apply(lambda *each: functools.reduce(combine, each), values, convert=_truth)
        return self._operation(node)

    def _operation(self, node: ast.expr) -> Compiled:
        match node:
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return self._apply(_ARITHMETIC[type(op)], [left, right], convert=_number)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _BITS:
                return self._apply(_BITS[type(op)], [left, right])
            case ast.UnaryOp(op=ast.Not(), operand=operand) if negated(operand, self.text):
                raise self._refuse("'not' before several conditions", "brackets: not (a > 1) & (b < 2)")
            case ast.UnaryOp(op=ast.Invert() | ast.Not(), operand=operand):
                return self._apply(np.logical_not, [operand], convert=_truth)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=operand):
                return self._apply(np.negative if isinstance(op, ast.USub) else np.positive, [operand], convert=_number)
        raise self._refuse(f"'{_short(ast.unparse(node))}' is not part of expressions")

    def _constant(self, value: float) -> Compiled:
        small = isinstance(value, int) and abs(value) < 2**63
        constant = np.asarray(value if isinstance(value, bool) or small else float(value))
        return lambda _: constant

    def _column(self, node: ast.Name | ast.Attribute) -> Compiled:
        name = ast.unparse(node)
        if not all(part.isidentifier() for part in name.split(".")):
            raise self._refuse(f"'{_short(name)}' is not the name of a column")
        self.columns.add(name)
        return lambda columns: columns[name]

    def _apply(
        self, function: Callable[..., Any], nodes: list[ast.expr], *, convert: Callable[[Value], Value] | None = None
    ) -> Compiled:
        parts = [self.compile(node) for node in nodes]
        if convert is None:
            return lambda columns: function(*(part(columns) for part in parts))
        return lambda columns: function(*(convert(part(columns)) for part in parts))

    def _comparison(self, node: ast.Compare) -> Compiled:
        either = conditions(node, self.text)
        if either != [[node]]:
            groups = [self._apply(_all, terms, convert=_condition) for terms in either]
            return lambda columns: functools.reduce(np.logical_or, (group(columns) for group in groups))
        nodes = [node.left, *node.comparators]
        parts = [self.compile(each) for each in nodes]
        operators = [_COMPARE.get(type(op)) for op in node.ops]
        compare = [operator for operator in operators if operator is not None]
        if len(compare) < len(operators):
            raise self._refuse(f"'{_short(ast.unparse(node))}' is not part of expressions")

        def compared(columns: Columns) -> Value:
            values = [part(columns) for part in parts]
            pairs = zip(compare, values[:-1], values[1:], strict=True)
            return functools.reduce(np.logical_and, (operate(left, right) for operate, left, right in pairs))

        return compared

    def _call(self, name: str, arguments: list[ast.expr]) -> Compiled:
        if name not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise ConfigError(
                f"unknown function '{name}' in '{_short(self.text)}'",
                where=self.where,
                expected=f"one of {known}",
                hint=near(name, FUNCTIONS),
            )
        function, fewest, most = FUNCTIONS[name]
        if not fewest <= len(arguments) <= most:
            wanted = f"{fewest}" if fewest == most else f"{fewest} or more"
            raise self._refuse(f"{name}() takes {wanted} arguments, not {len(arguments)}")
        return self._apply(function, arguments, convert=None if name == "where" else _number)

    def _refuse(self, found: str, expected: str = EXAMPLE) -> ConfigError:
        return ConfigError(f"{found}: '{_short(self.text)}'", where=self.where, expected=expected)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else line[:57] + "..."
