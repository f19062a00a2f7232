"""Who may tell a handoff what: its owner, colleagues, programs, those who have left."""

from datetime import timedelta

MINUTE = timedelta(minutes=1)


async def test_a_colleague_does_not_lock_the_owner_out(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()

    taken = await floor.command(handoff["id"], "accept", "ben")
    accepted = await floor.command(handoff["id"], "accept", "ann")

    assert taken.status == 409
    assert taken.json["detail"].startswith("Can't accept: it is with ann, not with ben; ")
    assert (accepted.status, accepted.json["actor"]) == (200, "ann")


async def test_the_owner_confirms_what_a_program_did_for_them(floor):
    await floor.staffed("ann")
    handoff = await floor.hand_over()

    first = await floor.command(handoff["id"], "accept", "program:crm-sync")
    await floor.published()
    second = await floor.command(handoff["id"], "accept", "ann")

    assert (first.status, first.json["actor"]) == (200, "program:crm-sync")
    assert (second.status, second.json) == (200, first.json)
    assert await floor.published() == []


async def test_a_colleague_stands_in_for_who_accepted_and_is_named(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.command(handoff["id"], "accept", "ann")

    tried = await floor.command(
        handoff["id"], "attempt", "ben", channel="call", result="connected"
    )
    deal = await floor.command(handoff["id"], "convert", "ben", deal_id="D-1")

    assert (tried.status, deal.status) == (200, 200)
    assert (deal.json["actor"], deal.json["owner"]["person_id"]) == ("ben", "ann")


async def test_spaces_around_an_actor_do_not_make_somebody_else_of_them(floor):
    await floor.staffed("ann", "ben")
    handoff = await floor.hand_over()
    await floor.wait(15 * MINUTE)

    late = await floor.command(handoff["id"], "accept", " ann ")
    mine = await floor.command(handoff["id"], "accept", "ben\n")

    assert (late.status, mine.status) == (409, 200)
    assert mine.json["actor"] == "ben"


async def test_who_refused_it_is_not_told_that_it_was_taken_from_them(floor):
    await floor.staffed("ann", "ben", "cat")
    handoff = await floor.hand_over()
    for person in ("ann", "ben"):
        await floor.command(handoff["id"], "reject", person, reason="wrong_territory")

    for person in ("ann", "ben"):
        late = await floor.command(handoff["id"], "accept", person)

        assert late.status == 409
        assert late.json["detail"].startswith(f"Can't accept: it was refused by {person}; ")


async def test_who_has_left_repeats_what_they_did_and_learns_that_the_rest_is_gone(floor):
    await floor.staffed("ann", "ben")
    one, _, two = await floor.hand_over(), await floor.hand_over(), await floor.hand_over()
    await floor.command(one["id"], "accept", "ann")
    done = await floor.command(one["id"], "convert", "ann", deal_id="D-1")
    await floor.ask("DELETE", "/v1/people/ann")

    again = await floor.command(one["id"], "convert", "ann", deal_id="D-1")
    gone = await floor.command(two["id"], "accept", "ann")

    assert (again.status, again.json) == (200, done.json)
    assert gone.status == 409
    assert gone.json["detail"].startswith("Can't accept: it was taken from ann; ")
