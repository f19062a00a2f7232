"""What can be proven of conditions: that they never hold, and that one holds with another."""

import pytest

from leadloop.conditions.parser import parse
from leadloop.possible import Possible, Read, holds_never, implies
from leadloop.possible.ranges import between
from leadloop.possible.value import ANYTHING, MISSING, a_number


def domain(read: Read) -> Possible:
    ranges = {"fit": (0, 30), "engagement": (0, 40), "total": (0, 70)}
    if read.record == "products":
        return a_number(between(0, 10)) if read.name == "crm" else MISSING
    return a_number(between(*ranges[read.name])) if read.name in ranges else ANYTHING


@pytest.mark.parametrize(
    "text",
    [
        'lead.country == "DE" && lead.country == "AT"',
        'lead.country in ["DE", "AT"] && !(lead.country in ["AT", "DE"])',
        "lead.employees > 50 && lead.employees < 50",
        "lead.employees >= 50 && !(lead.employees > 10)",
        "lead.employees == 2 && lead.employees == 3.5",
        'lead.country in ["DE", "AT"] && lead.country.startsWith("C")',
        'lead.url.startsWith("/blog") && lead.url.startsWith("/docs")',
        'lead.url.contains("/pricing/team") && !lead.url.contains("/pricing")',
        'lead.url.matches("^/a") && !lead.url.matches("^/a")',
        "has(lead.x) && !has(lead.x)",
        '!has(lead.x) && lead.x == "a"',
        'size(lead.x) < 2 && lead.x.startsWith("abc")',
        "lead.x == true",
        "lead.x == null",
        "lead.x",
        "lead.x + 1",
        "5",
        "[1, 2]",
        'lead.x > 3 && lead.x == "three"',
        'lead.x.matches("(")',
        "lead.x / 0 == 1",
        "lead.x.y == 1",
        "1 > 2",
        "fit > 30",
        "total >= 80",
        "fit > 3 && fit < 4",
        "fit <= 10 && engagement <= 20 && total > 30",
        "fit + engagement > 70",
        "fit * 2 > 60",
        "engagement - fit > 40",
        "products.crm > 10",
        "products.erp >= 1",
        "predicted > 5 && lead.x == 1 && lead.x == 2",
        'lead.a == "x" ? lead.a == "y" : lead.a == "x"',
    ],
)
def test_a_condition_that_never_holds_is_known(text):
    assert holds_never(parse(text), domain)


@pytest.mark.parametrize(
    "text",
    [
        "true",
        'lead.country != "DE" && lead.country != "AT"',
        'lead.country == "DE" || (lead.x > 5 && lead.x < 5)',
        "lead.employees > 5 && lead.employees < 6",
        'lead.url.startsWith("/a") && lead.url.startsWith("/a/b")',
        'lead.url.startsWith("/a") && lead.url.endsWith("b")',
        'lead.x == "3" || lead.x == 3',
        "lead.n + 1 > 3 && lead.n < 1",
        "size(lead) > 3",
        "lead.a > lead.b && lead.b > lead.a",
        '[1, 2].exists(n, n == lead.x) && lead.x == "a"',
        "fit >= 30 && engagement >= 40 && total == 70",
        "products.crm == 10",
        " && ".join(f'(lead.a{n} == "x" || lead.b{n} == "y")' for n in range(12)),
    ],
)
def test_nothing_is_claimed_without_a_proof(text):
    assert not holds_never(parse(text), domain)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("total >= 60", "total >= 40"),
        ("total >= 60 && fit >= 30", "total >= 60"),
        ('lead.country == "DE"', 'lead.country in ["DE", "AT"]'),
        ('lead.country == "DE"', 'lead.country != "AT"'),
        ('lead.url.contains("/pricing/team")', 'lead.url.contains("/pricing")'),
        ("lead.n >= 10", "has(lead.n)"),
        ("lead.n >= 10", "lead.n > 9.5"),
        ("total > 40", "total >= 60 || total < 60"),
        ("fit >= 10 && engagement >= 10", "total >= 0"),
        ("true", "fit + engagement >= 0"),
    ],
)
def test_a_condition_that_holds_with_another_is_known(one, two):
    assert implies(parse(one), parse(two), domain)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("total >= 40", "total >= 60"),
        ("true", 'lead.country != "AT"'),
        ('lead.country == "DE"', 'lead.city != "Wien"'),
        ('lead.x != "a"', 'lead.x != "a" && lead.x > 3'),
        ('lead.x == "a"', 'lead.x == "a" && int(lead.y) > 3'),
    ],
)
def test_a_condition_that_may_fail_or_err_is_not_implied(one, two):
    assert not implies(parse(one), parse(two), domain)
