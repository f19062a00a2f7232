"""What our own outcomes teach about an agreement."""

import json

import numpy as np

from leadloop.agreement.contract import to_contract
from leadloop.agreement.reader import read_draft
from services.lab.backtest.run import Step
from services.lab.lessons import lessons as taught
from services.lab.lessons.from_ledger import gather_ledger
from services.lab.lessons.gather import Asking
from services.lab.lessons.lessons import Foreseen, Lessons, Wishes
from services.lab.lessons.report import report_of
from services.lab.report.page import page
from services.lab.report.shape import shape_of
from services.lab.studies.telling import Teller
from services.scoring.contract import agreement_of
from services.scoring.studies.news import Done, Order
from services.scoring.studies.requests import LessonsIn

VERSION = 1


def learn(order: Order, teller: Teller) -> Done:
    """Learn from our own ledger what an agreement should say."""
    asked = LessonsIn.model_validate_json(order.request)
    body = to_contract(read_draft(asked.text), VERSION, ()).SerializeToString()

    def watch(step: Step) -> None:
        teller.show("judges", step.done, step.total)

    gathered = gather_ledger(order.database_url, Asking(body, jobs=1), watch)
    teller.show("learns")
    split = np.datetime64(asked.split, "s") if asked.split else None
    wishes = Wishes(split, asked.proposals, asked.predictive)
    lessons = taught.learn(asked.text, agreement_of(body), gathered, wishes)
    report = report_of(lessons)
    return Done(shape_of(report), page(report), _more(lessons))


def _more(lessons: Lessons) -> dict[str, object]:
    """Return what people may sign, and the model that they may add."""
    model = None
    if isinstance(lessons.foreseen, Foreseen):
        model = json.loads(lessons.foreseen.predictor.to_json())
    suggested = lessons.draft.text if lessons.draft is not None else None
    return {"suggested": suggested, "model": model}
