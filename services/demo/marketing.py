"""What marketing's systems post about what people do, in their real formats, really signed."""

from collections.abc import Sequence
from datetime import datetime

from services.demo import hubspot, mautic, website
from services.demo.company import Sender
from services.demo.journeys import Step
from services.demo.posts import Post


def posts_of(steps: Sequence[Step], now: datetime) -> list[Post]:
    """Return what the systems post at `now`, in a fixed order, batched as each of them does."""
    told: dict[Sender, list[Step]] = {sender: [] for sender in Sender}
    for step in steps:
        told[_teller(step)].append(step)
    return [
        *hubspot.posts_of(told[Sender.HUBSPOT], now),
        *mautic.posts_of(told[Sender.MAUTIC]),
        *website.posts_of(told[Sender.WEBSITE], now),
    ]


def _teller(step: Step) -> Sender:
    """Tell which system sees a step: HubSpot knows contacts, the website what they do there."""
    sender = step.person.sender
    if sender is Sender.HUBSPOT and step.what not in hubspot.TELLS:
        return Sender.WEBSITE
    return sender
