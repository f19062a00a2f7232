import pytest
from asyncpg.exceptions import InternalClientError
from sqlalchemy.exc import DBAPIError, ProgrammingError

from leadloop.database import is_unreachable


def wrapped(cause: Exception) -> DBAPIError:
    """Wrap a driver's error as SQLAlchemy's asyncpg dialect does."""
    adapted = Exception(str(cause))
    adapted.__cause__ = cause
    return DBAPIError("SELECT 1", None, adapted)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        # What the driver says when a connection is cut in the middle of an operation.
        wrapped(
            InternalClientError("cannot switch to state 12; another operation is in progress")
        ),
    ],
)
def test_a_cut_connection_is_waited_for(error):
    assert is_unreachable(error)


@pytest.mark.parametrize(
    "error", [ValueError(), ProgrammingError("SELECT", None, Exception("no such table"))]
)
def test_a_bug_is_not_waited_for(error):
    assert not is_unreachable(error)
