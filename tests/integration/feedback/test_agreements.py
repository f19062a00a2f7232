import asyncio

import pytest

from leadloop.agreement.reader import sha256_of
from tests.unit.feedback.builders import SOUND


def a_signature(side="marketing", signer="Mara", text=SOUND, **other):
    return {"side": side, "signer": signer, "text_sha256": sha256_of(text), **other}


async def propose(room, text=SOUND):
    return await room.http.post("/v1/agreements", {"text": text})


async def sign(room, **signature):
    return await room.http.post("/v1/agreements/default/sign", a_signature(**signature))


async def test_both_sides_sign_and_the_agreement_is_promised_once(room):
    await propose(room)

    first = await sign(room, comment="good")
    second = await sign(room, side="sales", signer="Tom")

    assert (first.json()["state"], first.json()["version"]) == ("open", None)
    assert (second.json()["state"], second.json()["version"]) == ("signed", 1)
    (event,) = await room.promised("AgreementSigned")
    assert event.name == "default"
    assert event.agreement.version == 1
    assert event.agreement.text_sha256 == sha256_of(SOUND)
    assert [one.signer for one in event.agreement.signatures] == ["Mara", "Tom"]
    assert event.agreement.signatures[0].comment == "good"
    assert event.agreement.service_levels[0].accept.seconds == 900


async def test_two_signatures_that_race_put_the_text_in_force_once(room):
    for round_ in range(5):
        text = SOUND + f"# {round_}\n"
        await propose(room, text)

        answers = await asyncio.gather(
            *(sign(room, text=text) for _ in range(3)),
            *(sign(room, side="sales", signer="Tom", text=text) for _ in range(3)),
        )

        assert {answer.status for answer in answers} == {200}
        signed = await room.promised("AgreementSigned")
        assert [event.agreement.version for event in signed] == list(range(1, round_ + 2))


async def test_the_same_signature_twice_has_the_same_answer(room):
    await propose(room)

    answers = [await sign(room), await sign(room)]

    assert answers[0].json() == answers[1].json()
    assert await room.promised("AgreementSigned") == []


@pytest.mark.parametrize(
    ("signature", "status"),
    [
        ({"text": SOUND + "\n"}, 409),
        ({"signer": "Eve"}, 403),
        ({"side": "sales"}, 403),
        ({"side": "legal"}, 422),
        ({"comment": "\x00"}, 422),
    ],
)
async def test_a_signature_that_does_not_fit_is_refused_and_leaves_nothing(
    room, signature, status
):
    await propose(room)

    answer = await sign(room, **signature)

    assert answer.status == status
    assert await room.rows("SELECT * FROM signatures") == []


async def test_a_new_proposal_ends_the_open_one_with_its_signatures(room):
    changed = SOUND.replace("points: 20", "points: 25")
    await propose(room)
    await sign(room)
    await propose(room, changed)

    late = await sign(room, side="sales", signer="Tom")

    assert late.status == 409
    assert await room.promised("AgreementSigned") == []
    states = [one["state"] for one in (await room.http.get("/v1/agreements")).json()["items"]]
    assert states == ["open", "replaced"]


async def test_the_same_text_proposed_again_is_the_same_proposal(room):
    first = await propose(room)
    await sign(room)

    again = await propose(room)

    assert again.json()["proposed_at"] == first.json()["proposed_at"]
    assert len(again.json()["signatures"]) == 1


async def test_an_old_version_comes_back_by_being_signed_again(room):
    other = SOUND.replace("points: 20", "points: 25")
    await room.sign()
    await room.sign(other)

    restored = await room.sign()

    assert restored["version"] == 3
    in_force = (await room.http.get("/v1/agreements/default")).json()
    assert in_force["text"] == SOUND
    second = (await room.http.get("/v1/agreements/default", version=2)).json()
    assert second["text"] == other


async def test_half_signed_texts_are_not_in_force(room):
    await propose(room)
    await sign(room)

    assert (await room.http.get("/v1/agreements/default")).status == 404


async def test_a_check_tells_every_fault_and_keeps_nothing(room):
    broken = SOUND.replace("points: 20", "points: x").replace("50%", "0%")

    answer = await room.http.post("/v1/agreements/check", {"text": broken})

    assert answer.status == 200
    assert [fault["line"] for fault in answer.json()["faults"]] == [5, 17]
    assert await room.rows("SELECT * FROM proposals") == []


async def test_a_broken_text_is_not_proposed_and_the_problem_names_line_and_path(room):
    answer = await propose(room, SOUND.replace("points: 20", "points: x"))

    assert answer.status == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "line 5 /qualified_lead/fit/0/points"
    assert error["found"] == "x"


async def test_history_is_paged(room):
    for number in range(3):
        await propose(room, SOUND + f"# {number}\n")

    first = (await room.http.get("/v1/agreements", limit=2)).json()
    rest = (await room.http.get("/v1/agreements", limit=2, cursor=first["next"])).json()

    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]


async def test_signing_what_was_never_proposed_is_not_found(room):
    assert (await sign(room)).status == 404
