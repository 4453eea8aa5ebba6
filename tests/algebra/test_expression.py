from __future__ import annotations

import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rfcalc.algebra import symbols
from rfcalc.algebra.expression import DEEPEST, LARGEST, LONGEST, evaluate, parse
from rfcalc.algebra.number import UNKNOWN
from rfcalc.errors import ReadError

NAMES = {"n": 7, "k": 3, "zero": 0}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        (" 7 ", 7),
        ("1_000", 1000),
        ("-n", -7),
        ("--n", 7),
        ("n + 2 * k", 13),
        ("(n + 2) * k", 27),
        ("n - k - 1", 3),
        ("n // 2", 3),
        ("-n // 2", -4),
        ("2 ** k ** 2", 512),
        ("-2 ** 2", -4),
        ("0 ** 0", 1),
        ("(-1) ** 1000001", -1),
        ("min(n, k, 5)", 3),
        ("max(n, k)", 7),
        ("ceildiv(n, 2)", 4),
        ("ceildiv(-n, 2)", -3),
        ("2 ** 62 + (2 ** 62 - 1)", LARGEST),
    ],
)
def test_arithmetic(text: str, value: int) -> None:
    assert evaluate(text, NAMES) == value
    assert type(evaluate(text, NAMES)) is int


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "an empty expression"),
        ("  ", "an empty expression"),
        ("n / 2", "write // to round down, or ceildiv(a, b) to round up"),
        ("n % 2", "'n % 2' has '%'"),
        ("n @ 2", "has '@'"),
        ("1.5", "has '.'"),
        ("1e3", "has '1e3'"),
        ("0x10", "has '0x10'"),
        ("1or 2", "has '1or'"),
        ("1_a", "has '1_a'"),
        ("007", "is not an expression"),
        ("n +", "is not an expression"),
        ("n n", "is not an expression"),
        ("(n", "is not an expression"),
        ("lambda", "is not an expression"),
        ("True", "holds True, which is no integer"),
        ("None", "holds None, which is no integer"),
        ("(1, 2)", "is not arithmetic"),
        ("+n", "uses an operator that is not read"),
        ("not n", "uses an operator that is not read"),
        ("n and k", "is not arithmetic"),
        ("n if k else n", "is not arithmetic"),
        ("n is k", "is not arithmetic"),
        ("abs(n)", "calls something else than min, max or ceildiv"),
        ("min(n)(k)", "calls something else"),
        ("min(*n, k)", "is not arithmetic"),
        ("min", "uses min without its arguments"),
        ("min(n)", "min takes two arguments or more"),
        ("ceildiv(n, 2, 3)", "ceildiv takes two arguments"),
        ("__import__('os').system('true')", 'has "\'"'),
        ("n.bit_length()", "has '.'"),
        ("n\n+1", r"has '\n'"),
        ("\uff4e", "has '\uff4e'"),
        ("n\0", r"has '\x00'"),
        ("m", "uses the unknown name 'm' (known names: k, n, zero)"),
        ("n // zero", "divides by zero"),
        ("n // (k - 3)", "divides by zero"),
        ("ceildiv(n, zero)", "has a ceildiv by less than one"),
        ("ceildiv(n, -2)", "has a ceildiv by less than one"),
        ("2 ** -1", "has a negative exponent"),
        ("9 ** 9 ** 9", "gives a number beyond 2**63"),
        ("2 ** 63", "gives a number beyond 2**63"),
        ("-(2 ** 62) * 2 - 1", "gives a number beyond 2**63"),
        ("9" * 20, "holds a number beyond 2**63"),
        ("9" * 499, "holds a number beyond 2**63"),
        ("1" + "+1" * 300, "at most 500"),
        ("1" + "+1" * (DEEPEST + 2), "operations inside one another"),
        ("-" * 400 + "1", "'------"),
    ],
)
def test_whatever_else_is_refused_with_one_clear_line(text: str, message: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ReadError) as caught:
            evaluate(text, NAMES)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


def value_or_error(text: str, names: dict[str, int]) -> int | ReadError:
    try:
        value: int = evaluate(text, names)
    except ReadError as error:
        return error
    return value


def test_a_stack_of_brackets_is_left_to_the_parser_of_python() -> None:
    value = value_or_error("(" * 240 + "1" + ")" * 240, {})
    assert value == 1 or "is not an expression" in str(value)


def test_names_are_told_without_values() -> None:
    assert parse("2 * width + min(a, 3)").names == {"width", "a"}


def test_the_same_text_over_symbols_is_a_formula() -> None:
    n, width = symbols.symbol("n"), symbols.symbol("width")
    assert evaluate("2 * width + 1", {"width": width}) == 2 * width + 1
    assert evaluate("width ** 2", {"width": width}) == width**2
    assert evaluate("2 ** n", {"n": n}) == 2**n
    assert str(evaluate("ceildiv(n, 2)", {"n": n})) == str((n + 1) // 2)
    assert evaluate("max(n, n)", {"n": n}) == n
    assert evaluate("n - n + 3", {"n": n}) == 3
    assert type(evaluate("n - n + 3", {"n": n})) is int
    with pytest.raises(ReadError, match="divides by zero"):
        evaluate("n // (n - n)", {"n": n})
    with pytest.raises(ReadError, match="beyond"):
        evaluate("n ** 65", {"n": n})


def test_what_is_open_stays_open() -> None:
    assert evaluate("2 * n + 1", {"n": UNKNOWN}) is UNKNOWN
    assert evaluate("n ** 2", {"n": UNKNOWN}) is UNKNOWN
    assert evaluate("min(n, 2)", {"n": UNKNOWN}) is UNKNOWN
    assert evaluate("-n", {"n": UNKNOWN}) is UNKNOWN
    assert evaluate("0 * n", {"n": UNKNOWN}) == 0


TREES = st.recursive(
    st.sampled_from(["a", "b", "1", "2", "7"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "-", "*"]), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(inner, st.integers(1, 9)).map(lambda t: f"({t[0]} // {t[1]})"),
        st.tuples(inner, st.integers(0, 2)).map(lambda t: f"({t[0]} ** {t[1]})"),
        st.tuples(st.sampled_from(["min", "max"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
        inner.map(lambda text: f"(-{text})"),
    ),
    max_leaves=8,
)


@given(TREES, st.integers(-20, 20), st.integers(-20, 20))
def test_the_value_is_python_s(text: str, a: int, b: int) -> None:
    # the text was made here and holds nothing but arithmetic
    expected = eval(text, {"__builtins__": {}, "min": min, "max": max, "a": a, "b": b})
    if abs(expected) <= 2**40:
        value = value_or_error(text, {"a": a, "b": b})
        assert value == expected or "beyond 2**63" in str(value) or "at most 500" in str(value)


@given(st.text(alphabet="ab0129 +-*/(),_minxceldv.'\"\\\n%=:[]{}", max_size=LONGEST + 10))
def test_no_text_does_anything_but_give_a_number_or_an_error(text: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        value = value_or_error(text, {"a": 2, "b": 5})
    assert isinstance(value, ReadError) or (type(value) is int and abs(value) <= LARGEST)
