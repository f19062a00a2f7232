"""Is the score what it is defined to be, whatever the road that led to it?

For each random agreement and ledger: the score from scratch, the same after the activities came
one by one, in another order, some twice, with facts that changed and states that were kept and
read back; and after a merge with another lead, and after that merge was undone. Each is laid
beside an independent slow reference, and its parts must add up. Prints how many differ.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import chain
from os import cpu_count
from random import Random
from typing import Annotated, Final, NamedTuple

import typer

from bench import report
from bench.random_scores import DAYS, START, random_agreement, random_lead, random_ledger
from bench.slow_score import Slow, slow_score
from leadloop.conditions import Values
from services.scoring import rules
from services.scoring.definition import Activity, Agreement, Axis
from services.scoring.rules import Score
from services.scoring.standings import Standing, decode_standing, encode_standing
from services.scoring.tallies import day_of

CHUNK: Final = 500
SHOWN_MAX: Final = 5


class Case(NamedTuple):
    """One random world: two leads that are perhaps one person, and the day of the question."""

    seed: int
    agreement: Agreement
    lead: Values
    earlier_lead: Values
    ledger: Sequence[Activity]
    other_ledger: Sequence[Activity]
    day: int


@dataclass(frozen=True)
class Figures:
    """What the last line tells."""

    cases: int
    differences: int
    checks: int
    parts: int


class Checked(NamedTuple):
    """What was found in some cases; `differing` names the checks that failed."""

    cases: int
    checks: int
    parts: int
    differing: tuple[str, ...]


def a_case(seed: int) -> Case:
    """Return the world of this seed."""
    random = Random(seed)
    # A score is asked for on the day of the newest activity or later, as time only goes on.
    day = day_of(START) + DAYS + random.choice((0, 1, 7, 30, 400))
    ledger, other = random_ledger(random), random_ledger(random, "b")
    # Some activities are known of both leads.
    other += random.sample(ledger, random.randrange(len(ledger) // 2 + 1))
    agreement = random_agreement(random)
    return Case(seed, agreement, random_lead(random), random_lead(random), ledger, other, day)


def check(case: Case) -> Iterator[tuple[str, bool]]:
    """Yield what was checked in a case, and whether it held."""
    random = Random(case.seed)
    alone = rules.replay(case.lead, case.ledger, case.agreement).standing
    yield "from scratch", _is_right(case, alone, case.ledger)
    yield "one by one", came_one_by_one(case, random) == alone
    both = [*case.ledger, *case.other_ledger]
    random.shuffle(both)
    joint = rules.replay(case.lead, both, case.agreement).standing
    yield "merged", _is_right(case, joint, both)
    random.shuffle(own := list(case.ledger))
    undone = rules.replay(case.lead, own, case.agreement).standing
    yield "merge undone", undone == alone


def came_one_by_one(case: Case, random: Random) -> Standing:
    """Return the standing after activities came in some order, some twice, as batches do it."""
    arriving = list(case.ledger)
    random.shuffle(arriving)
    changes_at = random.randrange(len(arriving) + 1)
    facts, known = case.earlier_lead, list[Activity]()
    standing = rules.replay(facts, known, case.agreement).standing
    for n, activity in enumerate([*arriving, None]):
        told = case.lead if n >= changes_at else facts
        if activity is not None:
            known.append(activity)
        found = rules.advance(standing, facts, told, activity, case.agreement)
        if found is None:
            found = rules.replay(told, [*known, *known[:2]], case.agreement)
        standing, facts = found.standing, told
        if random.random() < 0.2:
            standing = decode_standing(encode_standing(standing))
    return standing


def _is_right(case: Case, standing: Standing, ledger: Sequence[Activity]) -> bool:
    """Say whether the score of a standing is the reference's, and its parts add up."""
    score = rules.score_on(standing, case.lead, case.agreement, case.day)
    told = slow_score(case.lead, ledger, case.agreement, case.day)
    return _told(score) == told and _adds_up(score)


def _adds_up(score: Score) -> bool:
    sides = {axis: sum(p.points for p in score.parts if p.axis is axis) for axis in Axis}
    return (sides[Axis.FIT], sides[Axis.ENGAGEMENT]) == score.sums[:2]


def _told(score: Score) -> Slow:
    sums = score.sums
    return Slow(
        {"fit": sums.fit, "engagement": sums.engagement, "total": sums.total},
        sums.products,
        {
            part.rule: (
                part.points,
                part.capped,
                part.decayed,
                part.times,
                part.evidence.activity_id if part.evidence else "",
            )
            for part in score.parts
        },
        [gate.name for gate in score.closed_gates],
        score.tier,
    )


def check_all(seeds: range) -> Checked:
    """Check the cases of these seeds."""
    checks, parts = 0, 0
    differing: list[str] = []
    for seed in seeds:
        case = a_case(seed)
        parts += len(rules.score(case.lead, case.ledger, case.agreement, case.day).parts)
        for what, held in check(case):
            checks += 1
            if not held:
                differing.append(f"case {seed}: {what}")
    return Checked(len(seeds), checks, parts, tuple(differing))


app = report.command_line()


@app.command()
def main(
    cases: Annotated[int, typer.Option(help="Random agreements and ledgers.")] = 100_000,
    seed: Annotated[int, typer.Option(help="Where the random seeds begin.")] = 0,
) -> None:
    """Compare scores with an independent slow reference."""
    chunks = [
        range(at, min(at + CHUNK, seed + cases)) for at in range(seed, seed + cases, CHUNK)
    ]
    done: list[Checked] = []
    with (
        ProcessPoolExecutor(cpu_count()) as pool,
        report.Steps("cases", cases) as steps,
    ):
        for found in pool.map(check_all, chunks):
            done.append(found)
            steps.show(sum(one.cases for one in done))
    _present(done)


def _present(done: Sequence[Checked]) -> None:
    differing = list(chain.from_iterable(one.differing for one in done))
    figures = Figures(
        cases=sum(one.cases for one in done),
        differences=len(differing),
        checks=sum(one.checks for one in done),
        parts=sum(one.parts for one in done),
    )
    report.table(
        "Scores beside an independent slow reference",
        ("cases", "checks", "parts", "differences"),
        [
            [
                f"{count:,}"
                for count in (figures.cases, figures.checks, figures.parts, len(differing))
            ]
        ],
    )
    for line in differing[:SHOWN_MAX]:
        report.console.print(line, style="red")
    report.last_line(figures)


if __name__ == "__main__":
    app()
