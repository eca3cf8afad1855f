"""Noise fields."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunpy_restore.granulation.noise import noise_field

SPANS = st.tuples(st.integers(-70, 70), st.integers(1, 50)).map(lambda part: (part[0], sum(part)))


@given(SPANS, SPANS)
def test_parts_of_a_field_agree(rows, columns):
    whole = noise_field(5, (-80, 130), (-80, 130), 1)
    part = noise_field(5, rows, columns, 1)
    expected = whole[:, rows[0] + 80 : rows[1] + 80, columns[0] + 80 : columns[1] + 80]
    np.testing.assert_array_equal(part, expected)


def test_noise_is_standard_normal_and_white():
    field = noise_field(0, (-64, 64), (-64, 64), 4).astype(float)
    assert field.mean() == pytest.approx(0, abs=0.02)
    assert field.std() == pytest.approx(1, abs=0.02)
    for axis in (0, 1, 2):
        assert abs(np.mean(field * np.roll(field, 1, axis=axis))) < 0.02
    # Blocks are independent, also those mirrored at the origin
    assert abs(np.corrcoef(field[:, :64].ravel(), field[:, 64:].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(field.ravel(), field[:, ::-1, ::-1].ravel())[0, 1]) < 0.02


def test_fields_with_different_seeds_are_independent():
    one, other = (noise_field(seed, (0, 64), (0, 64), 1).ravel() for seed in (1, 2))
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.05
