"""A backtest on our own ledger."""

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_draft
from services.lab.backtest.ledger_run import backtest_ledger
from services.lab.backtest.report import report_of
from services.lab.backtest.run import Options, Proposal, Step
from services.lab.report.page import page
from services.lab.report.shape import shape_of
from services.lab.studies.telling import Teller
from services.scoring.studies.news import Done, Order
from services.scoring.studies.requests import BacktestIn

# Beside the version in force, which has a number of its own.
PROPOSED = 2


def backtest(order: Order, teller: Teller) -> Done:
    """Replay our own ledger under an agreement."""
    asked = BacktestIn.model_validate_json(order.request)
    body = to_contract(read_draft(asked.text), PROPOSED, ()).SerializeToString()

    def watch(step: Step) -> None:
        teller.show("replays", step.done, step.total)

    options = Options(people=asked.people, jobs=1)
    found = backtest_ledger(order.database_url, Proposal(body, order.against), options, watch)
    report = report_of(found)
    return Done(shape_of(report), page(report))
