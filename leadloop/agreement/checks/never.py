"""Conditions that never hold, whatever the lead does; and which part of them is why."""

from collections.abc import Iterator
from itertools import combinations

from leadloop.agreement.checks.case import Case, Worded, tree_of
from leadloop.agreement.checks.finding import Found
from leadloop.agreement.checks.known import CONSENTS, LEAD_FIELDS
from leadloop.agreement.document import shortened
from leadloop.conditions import Condition, Verdict
from leadloop.conditions.syntax import Literal, Logic, Node, children
from leadloop.possible import Domain, Read, holds_never, reads_in, worlds
from leadloop.possible.forms import is_number
from leadloop.possible.reading import value_read
from leadloop.possible.world import all_of

_OF_FIELD = {
    "consent": f"A consent is one of {', '.join(CONSENTS)}.",
    "country": "A country is a code of two letters, such as DE.",
    "email": "E-mail addresses are in lower case here.",
    "email_domain": "The domain is in lower case and stands without the @.",
    "phone": "Phone numbers begin with + and the country's code here.",
}
_AS_TEXT = "This field is always a text: compare it with one, in quotes."
_CHANGE = "Change the condition so that it can hold, or take it out."


def conditions_that_never_hold(case: Case) -> Iterator[Found]:
    """Give a finding for each condition that can't hold or that is not judged at all."""
    for worded in case.worded():
        if Condition(worded.text).fault is Verdict.TOO_COSTLY:
            yield Found(
                worded.path,
                "too_costly",
                f"{worded.what} has a condition that may take so long that it is not judged.",
                "Word it without macros inside one another and without huge patterns.",
            )
        tree = tree_of(worded.text)
        if tree and holds_never(tree, worded.scope):
            yield _never(worded, tree)


def _never(worded: Worded, tree: Node) -> Found:
    culprit = _culprit(tree, worded.scope)
    told = " and ".join(f"`{_text(worded.text, part)}`" for part in culprit)
    if culprit == (tree,):
        problem = f"{worded.what} can never hold: {told} is never true."
    elif len(culprit) == 1:
        problem = f"{worded.what} can never hold: {told} in it is never true."
    else:
        problem = f"{worded.what} can never hold: {told} are never true together."
    return Found(worded.path, "never_holds", problem, _advice(culprit))


def _text(text: str, node: Node) -> str:
    return shortened(text[node.start : node.end])


def _culprit(tree: Node, domain: Domain) -> tuple[Node, ...]:
    """Return the smallest part that never holds, or two parts that never hold together."""
    if not isinstance(tree, Logic):
        return (tree,)
    for term in tree.terms:
        if holds_never(term, domain):
            return _culprit(term, domain)
    found = [(term, worlds(term, domain)) for term in tree.terms]
    for (one, in_one), (two, in_two) in combinations(found, 2):
        if not all_of((in_one, in_two)):
            return one, two
    return (tree,)


def _advice(culprit: tuple[Node, ...]) -> str:
    """Say what to do, with what is known of the values that the part is about."""
    if len(culprit) > 1:
        return "Leave out one of the two, or join them by || if either will do."
    tree = culprit[0]
    literals = list(_literals(tree))
    for read, _ in reads_in(tree):
        hint = _hint(read, literals)
        if hint:
            return hint
    if value_read(tree):
        return "Compare it with a value: a condition must come to true or false."
    return _CHANGE


def _hint(read: Read, literals: list[Literal]) -> str:
    kinds = {literal.kind for literal in literals}
    if read == Read("", "predicted"):
        return "Name a predictive_model in the definition, or take the condition out."
    if read.record == "products":
        return f"List {read.name} under products and give it rules, or take it out."
    if kinds & {"bool", "null"}:
        return "Values are texts or numbers; ask has() whether one is there at all."
    if read.record == "lead" and read.name in LEAD_FIELDS:
        is_number_asked = bool(kinds & {"int", "uint", "double"})
        return _AS_TEXT if is_number_asked else _OF_FIELD.get(read.name, "")
    return _of_attribute(read, [str(one.value) for one in literals if one.kind == "string"])


def _of_attribute(read: Read, texts: list[str]) -> str:
    if any(map(is_number, texts)):
        return "What is written as a number is a number here: compare it without quotes."
    return f"An empty {read.name} is missing here: ask !has() instead." if "" in texts else ""


def _literals(tree: Node) -> Iterator[Literal]:
    if isinstance(tree, Literal):
        yield tree
    for child in children(tree):
        yield from _literals(child)
