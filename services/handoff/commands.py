"""What sales tells a handoff: locked, decided, written down, in the request's transaction."""

from leadloop.database import Work
from leadloop.errors import Conflict, FieldError, NotFound, Rejected
from services.handoff import ledger, people, rules, store
from services.handoff.actors import EXPECTED, is_program
from services.handoff.cycle import Change, Handoff
from services.handoff.dispatch import close_desk, open_desk
from services.handoff.ledger import Moved
from services.handoff.rows import Held
from services.handoff.rules import Answer, Attempt, Misfit, Recycle, Refusal, Reject
from services.handoff.terms import Terms


async def accept(work: Work, handoff_id: str, actor: str) -> Handoff:
    """Agree to work the lead."""
    held = await _locked(work, handoff_id, actor)
    terms = _terms_of(held, "accept", actor)
    return await _done(work, held, rules.accept(held.handoff, actor, terms, work.now))


async def reject(work: Work, handoff_id: str, command: Reject) -> Handoff:
    """Refuse the lead; its reason may give it to somebody else at once."""
    desk = await open_desk(work)
    held = await _locked(work, handoff_id, command.actor)
    terms = _terms_of(held, "reject", command.actor)
    change = _change(rules.reject(held.handoff, command, terms, work.now))
    handoff = await _done(work, held, desk.settle(change, terms, work.now))
    await close_desk(work, desk)
    return handoff


async def attempt(work: Work, handoff_id: str, command: Attempt) -> Handoff:
    """Record an attempt to reach the person."""
    held = await _locked(work, handoff_id, command.actor)
    terms = _terms_of(held, "attempt", command.actor)
    return await _done(work, held, rules.attempt(held.handoff, command, terms, work.now))


async def recycle(work: Work, handoff_id: str, command: Recycle) -> Handoff:
    """Give an accepted lead back to marketing."""
    held = await _locked(work, handoff_id, command.actor)
    terms = _terms_of(held, "recycle", command.actor)
    return await _done(work, held, rules.recycle(held.handoff, command, terms, work.now))


async def convert(work: Work, handoff_id: str, actor: str, deal_id: str) -> Handoff:
    """Record that the lead became an opportunity."""
    held = await _locked(work, handoff_id, actor)
    return await _done(work, held, rules.convert(held.handoff, actor, deal_id, work.now))


async def _locked(work: Work, handoff_id: str, actor: str) -> Held:
    """Lock a handoff for someone who is known here."""
    held = await store.lock(work.connection, [handoff_id])
    if not held:
        raise NotFound(f"There is no handoff {handoff_id}.")
    handoff = held[0].handoff
    # Whoever had to do with it is known from it, also after they left the team.
    if is_program(actor) or actor in handoff.seen_by or actor == handoff.actor:
        return held[0]
    if not await people.is_known(work.connection, actor):
        raise Rejected(
            "The command comes from nobody in sales.",
            FieldError("/actor", EXPECTED, "an unknown id"),
        )
    return held[0]


def _terms_of(held: Held, command: str, actor: str) -> Terms:
    if held.terms is not None:
        return held.terms
    refusal = rules.refusal_of(command, held.handoff, actor)
    detail = refusal.detail if refusal else "its agreement is not known here yet"
    raise Conflict(_sentence(detail))


async def _done(work: Work, held: Held, answer: Answer) -> Handoff:
    change = _change(answer)
    await ledger.move(work, [Moved(held, change)])
    return change.handoff


def _change(answer: Answer) -> Change:
    if isinstance(answer, Refusal):
        raise Conflict(_sentence(answer.detail))
    if isinstance(answer, Misfit):
        raise Rejected(
            "The command does not fit the agreement.",
            FieldError(answer.field, answer.expected, answer.found),
        )
    return answer


def _sentence(detail: str) -> str:
    return f"{detail[0].upper()}{detail[1:]}."
