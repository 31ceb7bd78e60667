"""The rules on released projects, as `make false-positives` holds them."""

import pytest

from tests.false_positives import __main__ as false_positives

pytestmark = pytest.mark.thirdparty


def test_at_most_one_wrong_block_in_a_thousand_files():
    assert false_positives.main([]) == 0
