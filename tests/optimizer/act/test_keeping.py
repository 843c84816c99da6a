import numpy as np
import pytest

from optimizer.act.judge import Judge
from optimizer.act.keeping import fill, keep
from optimizer.errors import UnknownVersion

ODD = [
    np.array([0.1 + 0.2, 1e-300, -0.0, np.inf]),
    np.array([0.0, 254.0, 255.0, 256.0, 2.0**52]),
    np.array([-1.0, 3.0]),
    np.array([True, False]),
    np.array([[3, -4]]),
]


def test_arrays_come_back_bit_for_bit():
    kept = keep(tuple(ODD))
    back = tuple(np.ones_like(array) for array in ODD)
    fill(back, kept)
    assert [array.tobytes() for array in back] == [array.tobytes() for array in ODD]


def test_counts_take_a_byte_each():
    ((_, packed),) = keep(np.arange(200.0))
    assert len(packed) < 220


def test_arrays_that_are_missing_are_noticed():
    with pytest.raises(ValueError, match="shorter"):
        fill((np.zeros(1), np.zeros(1)), keep((np.zeros(1),)))


def test_evidence_of_another_version_is_refused():
    dumped = b"\x95\x63" + b"\xc0" * 4  # five values, the version 99
    with pytest.raises(UnknownVersion, match="version 99: only 2 is known"):
        Judge.load(dumped)
