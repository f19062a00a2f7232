import pytest
from asyncpg import InterfaceError, UndefinedTableError
from asyncpg.exceptions import (
    AdminShutdownError,
    ConnectionDoesNotExistError,
    DeadlockDetectedError,
    InternalClientError,
    InvalidCachedStatementError,
)

from leadloop.database import TooOld, is_unreachable, require_version


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


@pytest.mark.parametrize("found", ["15.0", "18.1 (Debian 18.1-1)", "19beta1", "100.2"])
def test_a_server_that_is_new_enough_will_do(found):
    require_version(found, url="postgresql+asyncpg://db/leadloop", schema="intake")


@pytest.mark.parametrize("found", ["9.6.24", "14.17", "14rc1", "None"])
def test_an_older_server_is_refused_by_place_and_version_without_the_password(found):
    with pytest.raises(TooOld) as refused:
        require_version(
            found, url="postgresql+asyncpg://ada:secret@db/leadloop", schema="intake"
        )

    assert str(refused.value) == (
        f"expected PostgreSQL 15 or later, found {found} at db:5432/leadloop"
    )
