"""Texts of agreements as people propose them, each part with a default."""

from collections.abc import Sequence

GERMAN = """{name: german, when: 'lead.country == "DE"', points: 20}"""
VISIT = "{name: visit, on: page_view, points: 10}"
TIERS = ("{name: A, when: total >= 50}", "{name: B, when: total >= 30}")


def a_text(
    fit: Sequence[str] = (GERMAN,),
    engagement: Sequence[str] = (VISIT,),
    tiers: Sequence[str] = TIERS,
    content: Sequence[str] = (),
    gates: Sequence[str] = (),
) -> str:
    names = [tier.split("name: ")[1].split(",")[0] for tier in tiers]
    levels = "".join(f"    {name}: {{accept: 1h, first_attempt: 2h}}\n" for name in names)
    return f"""agreement: sales
signers: {{marketing: Mara Lindt, sales: Tom Berger}}
qualified_lead:
  fit: [{", ".join(fit)}]
  engagement: [{", ".join(engagement)}]
  gates: [{", ".join(gates)}]
  tiers: [{", ".join(tiers)}]
  cycles_at_most: 4
service_levels:
  calendar: office
  tiers:
{levels}
calendars:
  office:
    time_zone: Europe/Berlin
    open: {{mon-fri: ["09:00-17:00"]}}
reasons:
  no_need: {{label: No need now, then: return, cool_down: 90d}}
content: [{", ".join(content)}]
"""
