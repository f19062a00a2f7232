"""Raw columns of many leads as numbers at once."""

from collections.abc import Sequence

import numpy as np

from services.lab.learning.history import Floats
from services.scoring.models.columns import Column, Field


def numbers_of(column: Column, values: Sequence[Field]) -> Floats:
    """Return what `Reader.read` says of each value."""
    if not column.is_text:
        return numbers(values)
    read = column.reader().read
    return np.array([read(value) for value in values], dtype=np.float64)


def numbers(values: Sequence[Field]) -> Floats:
    """Return finite numbers; what is no number, or none at all, is not a number."""
    try:
        found = np.array(values, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        # Among the numbers are texts, or whole numbers beyond measure.
        return _one_by_one(values)
    if any(isinstance(value, str) for value in values):
        # The array has read texts such as "12", which are texts all the same.
        return _one_by_one(values)
    found[~np.isfinite(found)] = np.nan
    return found


def _one_by_one(values: Sequence[Field]) -> Floats:
    """Read each value alone."""
    read = Column("", None).reader().read
    return np.array([read(value) for value in values], dtype=np.float64)
