import pytest
from hypothesis import given, strategies as st

from optimizer.statistics.rounding import rounded, rounded_if_known


@pytest.mark.parametrize(
    ("value", "written"),
    [(0.1 + 0.2, 0.3), (1234567.8912345, 1234567.89), (1e-12 / 3, 3.33333333e-13), (-0.0, 0.0)],
)
def test_nine_digits_are_kept(value, written):
    assert repr(rounded(value)) == repr(written)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_twice_is_rounding_once(value):
    assert rounded(rounded(value)) == rounded(value)


def test_what_is_not_known_stays_so():
    assert rounded_if_known(None) is None
