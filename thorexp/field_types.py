"""Whether what JSON held is of the types that a dataclass says of its fields."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Check = Callable[[Any], bool]


def check_fields(of: type, values: Mapping[str, Any]) -> None:
    """TypeError, by its name, for the first that is of another type; a list stands for a tuple, and what is no field is
    passed over.
    """
    checks = _checks(of)
    for name, value in values.items():
        if name in checks and not checks[name](value):
            raise TypeError(f"{name}: {value!r:.80}")


@cache
def _checks(of: type) -> dict[str, Check]:
    return {name: _check(hint) for name, hint in get_type_hints(of).items()}


def _check(hint: Any) -> Check:
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        checks = [_check(each) for each in inner]
        return lambda value: any(check(value) for check in checks)
    if origin is Literal:
        return lambda value: isinstance(value, str) and value in inner
    if origin is tuple:
        each = _check(inner[0])
        return lambda value: isinstance(value, list | tuple) and _all(each, value)
    if origin is dict:
        each = _check(inner[1])
        return lambda value: isinstance(value, dict) and all(map(each, value.values()))
    return _PLAIN.get(hint, lambda value: isinstance(value, hint))


def _all(check: Check, values: Sequence[Any]) -> bool:
    """The stamps of a run are millions: of numbers of one type the least and the greatest answer for all."""
    if {*map(type, values)} == {int}:
        return check(min(values)) and check(max(values))
    return all(map(check, values))


_PLAIN: Mapping[Any, Check] = {
    int: lambda value: type(value) is int and -(2**63) <= value < 2**63,
    float: lambda value: type(value) in (int, float) and abs(value) < 2**63,  # NaN is not, nor what has no end
    bool: lambda value: type(value) is bool,
    NoneType: lambda value: value is None,
}
