import pytest
from asyncpg import InterfaceError, UndefinedTableError
from asyncpg.exceptions import (
    AdminShutdownError,
    ConnectionDoesNotExistError,
    DeadlockDetectedError,
    InternalClientError,
    InvalidCachedStatementError,
)

from leadloop.database import is_unreachable


class NotEncoded(InterfaceError, ValueError):  # type: ignore[misc]  # the driver is untyped
    """What the driver says of a value that is not of the parameter's type."""


@pytest.mark.parametrize(
    "error",
    [
        ConnectionResetError(),
        TimeoutError(),
        InterfaceError("connection is closed"),
        ConnectionDoesNotExistError("connection was closed in the middle of operation"),
        AdminShutdownError("terminating connection due to administrator command"),
        DeadlockDetectedError("deadlock detected"),
        InvalidCachedStatementError("cached plan must not change result type"),
        # What the driver says when a connection is cut in the middle of an operation.
        InternalClientError("cannot switch to state 12; another operation is in progress"),
    ],
)
def test_what_may_work_later_is_waited_for(error):
    assert is_unreachable(error)


@pytest.mark.parametrize(
    "error", [ValueError(), UndefinedTableError("no such table"), NotEncoded("no uuid")]
)
def test_a_bug_is_not_waited_for(error):
    assert not is_unreachable(error)
