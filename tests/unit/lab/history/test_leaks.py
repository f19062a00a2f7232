from services.lab.history.leaks import leaks

NAMES = ("country", "closed_on", "lost_reason", "stage")


def rows(count=400):
    for n in range(count):
        won = n % 4 == 0
        yield (
            (
                ("DE", "AT", "CH")[n % 3],
                "2026-01-05" if won else "",
                "" if won or n % 3 else "price",
                ("customer", "won back")[n % 8 == 0] if won else ("lead", "cold")[n % 5 == 0],
            ),
            won,
        )


def found(count=400, passed_over=frozenset()):
    cells, outcomes = zip(*rows(count), strict=True)
    return {leak.column: leak.why for leak in leaks(NAMES, cells, outcomes, passed_over)}


def test_columns_that_were_filled_in_with_the_outcome_are_found():
    assert found() == {
        "closed_on": "is filled almost only for leads that were won",
        "lost_reason": "is filled almost only for leads that were lost",
        "stage": "tells the outcome almost by itself",
    }


def test_the_outcome_itself_is_passed_over():
    assert set(found(passed_over=frozenset({1}))) == {"lost_reason", "stage"}


def test_few_leads_say_nothing():
    assert found(40) == {}
