"""Which documents may follow what is there, and what is said of the others."""

from __future__ import annotations

import pytest

from connectors.gateways.conflicts import check_follows
from optimizer.errors import RevisionConflict
from tests.builders import a_document


def test_a_newer_document_follows_the_expected_one():
    check_follows(a_document(revision=1), None, 0)
    check_follows(a_document(revision=9), a_document(revision=7), 7)


@pytest.mark.parametrize(
    ("revision", "expected", "told"),
    [
        pytest.param(8, 6, "revision 7 is there, 6 was expected", id="another one is there"),
        pytest.param(8, 0, "revision 7 is there, 0 was expected", id="none was expected"),
        pytest.param(7, 7, "is no older than 7: weights by hand", id="as new"),
        pytest.param(6, 7, "is no older than 6: weights by hand", id="newer"),
    ],
)
def test_any_other_is_a_conflict_that_says_why(revision, expected, told):
    there = a_document(revision=7, reason="weights by hand")
    with pytest.raises(RevisionConflict, match=told) as conflict:
        check_follows(a_document(revision=revision), there, expected)
    assert conflict.value.found == 7


def test_nothing_there_where_something_was_expected_is_a_conflict():
    with pytest.raises(RevisionConflict, match="revision 0 is there, 3 was expected"):
        check_follows(a_document(revision=4), None, 3)
