"""What the demo's senders post is what intake's own senders verify and read."""

from collections import Counter
from datetime import timedelta

import pytest

from services.demo.company import SIZES, SOURCES, Sender, secrets
from services.demo.journeys import Step, What, journey_of
from services.demo.marketing import posts_of
from services.demo.people import people_of
from services.demo.posts import Post
from services.intake.message import Message, Payload, Request
from services.intake.senders.sender import read
from services.intake.sources import Source, load_sources

SEED = 3
PEOPLE = people_of(SIZES["small"], SEED)
STEPS = [step for person in PEOPLE for step in journey_of(person, SEED)]
NOW = max(step.at for step in STEPS)


@pytest.fixture(scope="module")
def sources() -> dict[str, Source]:
    return load_sources(SOURCES, secrets())


def request_of(post: Post) -> Request:
    return Request(dict(post.headers), post.body, NOW)


def test_every_post_is_proven_and_read_without_a_fault(sources: dict[str, Source]):
    posts = posts_of(STEPS, NOW)

    for post in posts:
        request = request_of(post)
        sender = sources[post.source].sender
        assert sender.verify(request, NOW) is None
        assert all(isinstance(item, Message) for item in read(sender, request).items)


def test_the_posts_tell_every_step_and_each_message_is_another(sources: dict[str, Source]):
    items = [
        (post.source, item)
        for post in posts_of(STEPS, NOW)
        for item in read(sources[post.source].sender, request_of(post)).items
        if isinstance(item, Message)
    ]

    # HubSpot tells a new contact twice: a workflow's whole contact, an app's thin event.
    twice = sum(s.person.sender is Sender.HUBSPOT and s.what is What.CREATED for s in STEPS)
    assert len(items) == len(STEPS) + twice
    assert len({(source, item.dedupe_key) for source, item in items}) == len(items)


def test_the_kinds_of_activities_are_those_that_the_agreement_names(
    sources: dict[str, Source],
):
    kinds = Counter(
        item.activity.kind
        for post in posts_of(STEPS, NOW)
        for item in read(sources[post.source].sender, request_of(post)).items
        if isinstance(item, Message) and item.activity
    )

    named = {"demo_request", "webinar_visit", "form_submit", "page_view", "download"}
    assert named | {"email_open"} <= set(kinds)


@pytest.mark.parametrize("sender", list(Sender))
def test_a_contact_arrives_whole_with_its_campaign(sources: dict[str, Source], sender: Sender):
    step = next(step for step in STEPS if step.person.sender is sender and step.person.phone)

    payload: Payload = read(sources[sender].sender, request_of(posts_of([step], NOW)[0]))

    message = payload.items[0]
    assert isinstance(message, Message)
    person, lead = step.person, message.lead
    assert (lead.email, lead.phone) == (person.email, person.phone)
    assert (lead.first_name, lead.last_name) == (person.first_name, person.last_name)
    assert (lead.company, lead.job_title) == (person.company, person.job_title)
    assert len(lead.country) == 2
    assert lead.attributes["numberofemployees"] == str(person.employees)
    assert message.touch is not None
    assert message.touch.campaign == person.campaign.name
    assert message.occurred_at == step.at


@pytest.mark.parametrize("sender", list(Sender))
def test_an_opt_out_denies_consent(sources: dict[str, Source], sender: Sender):
    person = next(person for person in PEOPLE if person.sender is sender)

    post = posts_of([Step(NOW, person, What.OPTED_OUT)], NOW)[0]

    message = read(sources[sender].sender, request_of(post)).items[0]
    assert isinstance(message, Message)
    assert message.lead.consent.name == "DENIED"


def test_batches_are_as_large_as_each_sender_makes_them():
    posts = posts_of(STEPS, NOW)

    by_source = Counter(post.source for post in posts)
    told_by_mautic = sum(step.person.sender is Sender.MAUTIC for step in STEPS)
    assert by_source[Sender.MAUTIC] == -(-told_by_mautic // 10)


def test_a_post_that_was_changed_on_its_way_is_not_proven(sources: dict[str, Source]):
    for post in posts_of(STEPS[:40], NOW):
        changed = Request(dict(post.headers), post.body + b" ", NOW)

        assert sources[post.source].sender.verify(changed, NOW) is not None


def test_a_signed_time_that_is_past_its_tolerance_is_refused(sources: dict[str, Source]):
    signed = [p for p in posts_of(STEPS[:60], NOW) if p.source is not Sender.MAUTIC]

    for post in signed:
        later = NOW + timedelta(minutes=6)
        assert sources[post.source].sender.verify(request_of(post), later) is not None


def test_the_same_seed_posts_the_same_bytes():
    again = [s for p in people_of(SIZES["small"], SEED) for s in journey_of(p, SEED)]

    assert posts_of(again, NOW) == posts_of(STEPS, NOW)
