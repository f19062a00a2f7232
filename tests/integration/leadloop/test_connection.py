"""Statements on a transaction: at once, or put off and written together."""

import pytest
import pytest_asyncio
from sqlalchemy import text

from leadloop.connection import Raced

ONE = text("""
INSERT INTO one (id, said) SELECT i, s
FROM unnest(CAST(:ids AS int[]), CAST(:said AS text[])) AS new (i, s) ON CONFLICT DO NOTHING
""")
TWO = text("INSERT INTO two (id, said) VALUES (:id, :said)")
COUNT = text("SELECT (SELECT count(*) FROM one), (SELECT count(*) FROM two)")


@pytest_asyncio.fixture
async def database(make_database):
    database = make_database("kit")
    async with database.transaction() as work:
        for table in ("one", "two"):
            await work.connection.execute(
                text(f"CREATE TABLE {table} (id int PRIMARY KEY, said text)")
            )
    return database


async def counts(work) -> tuple[int, int]:
    return tuple((await work.connection.execute(COUNT)).one())


async def test_a_row_is_read_by_position_name_and_attribute(database):
    async with database.transaction() as work:
        row = (await work.connection.execute(text("SELECT 1 AS id, 'a' AS said"))).one()

    assert (row[0], row["said"], row.said) == (1, "a", "a")
    assert row == (1, "a")
    with pytest.raises(AttributeError):
        row.other  # noqa: B018 (the look is the test)


@pytest.mark.parametrize("found", [0, 2])
async def test_one_row_is_asked_for_and_another_number_found(database, found):
    rows = text("SELECT generate_series(1, :found)")
    async with database.transaction() as work:
        result = await work.connection.execute(rows, {"found": found})

    with pytest.raises(LookupError, match="expected one row"):
        result.one()


async def test_a_value_used_twice_is_sent_once(database):
    twice = text("SELECT CAST(:now AS int) + CAST(:now AS int) + CAST(:other AS int)")
    async with database.transaction() as work:
        assert await work.connection.scalar(twice, {"other": 3, "now": 2}) == 7


async def test_changes_are_counted(database):
    async with database.transaction() as work:
        values = {"ids": [1, 2, 3], "said": ["a", "b", "c"]}
        assert await work.connection.change(ONE, values) == 3
        assert await work.connection.change(ONE, values) == 0
        assert await work.connection.change(text("DELETE FROM one WHERE id > 1")) == 2


async def test_what_was_put_off_is_written_before_the_next_read(database):
    async with database.transaction() as work:
        await work.connection.write(ONE, {"ids": [1, 2], "said": ["a", "b"]})
        await work.connection.write(TWO, {"id": 7, "said": "c"})

        assert await counts(work) == (2, 1)


async def test_what_was_put_off_is_written_at_the_end(database):
    async with database.transaction() as work:
        await work.connection.write(ONE, {"ids": [1], "said": ["a"]}, expected=1)
        await work.connection.write(TWO, {"id": 7, "said": "c"})

    async with database.transaction() as work:
        assert await counts(work) == (1, 1)


async def test_the_same_write_may_be_put_off_twice(database):
    async with database.transaction() as work:
        await work.connection.write(TWO, {"id": 7, "said": "c"})
        await work.connection.write(TWO, {"id": 8, "said": "d"})

        assert await counts(work) == (0, 2)


async def write_two_of_one(database) -> None:
    async with database.transaction() as work:
        await work.connection.write(TWO, {"id": 7, "said": "c"})
        await work.connection.write(ONE, {"ids": [1, 2], "said": ["a", "b"]}, expected=2)


async def write_and_fail(database) -> None:
    async with database.transaction() as work:
        await work.connection.execute(ONE, {"ids": [1], "said": ["a"]})
        await work.connection.write(TWO, {"id": 7, "said": "c"})
        raise ZeroDivisionError


async def test_fewer_rows_than_expected_roll_everything_back(database):
    async with database.transaction() as work:
        await work.connection.execute(ONE, {"ids": [1], "said": ["a"]})

    with pytest.raises(Raced, match=r"expected to write \[2\] rows, wrote \[1\]"):
        await write_two_of_one(database)

    async with database.transaction() as work:
        assert await counts(work) == (1, 0)


async def test_a_failed_unit_of_work_leaves_nothing_and_gives_its_connection_back(database):
    for _ in range(40):
        with pytest.raises(ZeroDivisionError):
            await write_and_fail(database)

    async with database.transaction() as work:
        assert await counts(work) == (0, 0)


async def test_a_read_may_leave_what_was_put_off_where_it_is(database):
    async with database.transaction() as work:
        await work.connection.write(TWO, {"id": 7, "said": "c"})

        assert (await work.connection.execute(COUNT, flushes=False)).one() == (0, 0)
        assert await counts(work) == (0, 1)
