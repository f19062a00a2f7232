"""Product lines that no rule gives points to, and a model that no tier asks."""

from collections.abc import Iterator

from leadloop.agreement.checks.case import Case, tree_of
from leadloop.agreement.checks.finding import Found, Level
from leadloop.possible import Read, reads_in

_PREDICTED = Read("", "predicted")


def products_without_rules(case: Case) -> Iterator[Found]:
    """Give a finding for each score that nothing goes into, or that nothing reads."""
    definition = case.agreement.definition
    named = {rule.product for rule in definition.rules}
    for place, line in enumerate(definition.products):
        if line not in named:
            yield Found(
                f"/qualified_lead/products/{place}",
                "product_without_rules",
                f"The product line {line} has no rule, so its score is always 0.",
                f"Give rules product: {line}, or take it out.",
                Level.WARNING,
            )
    trees = (tree_of(tier.condition) for tier in definition.tiers)
    asked = any(read == _PREDICTED for tree in trees if tree for read, _ in reads_in(tree))
    if definition.predictive_model and not asked:
        yield Found(
            "/qualified_lead/predictive_model",
            "model_unused",
            "No tier asks for predicted, so the predictive model changes no verdict.",
            "Use predicted in a tier's condition, or take the model out.",
            Level.WARNING,
        )
