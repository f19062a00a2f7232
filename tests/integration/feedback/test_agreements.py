import asyncio
from urllib.parse import urlencode

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


NEVER = SOUND.replace('lead.country == "DE"', 'lead.country == "Germany"')
DOUBTFUL = SOUND.replace("lead.email.endsWith", "lead.e_mail.endsWith")


async def test_a_check_tells_what_can_not_work_and_what_to_do(room):
    answer = await room.http.post("/v1/agreements/check", {"text": NEVER})

    assert (answer.json()["sound"], answer.json()["faults"]) == (False, [])
    (finding,) = answer.json()["findings"]
    assert (finding["line"], finding["path"]) == (5, "/qualified_lead/fit/0/when")
    assert (finding["level"], finding["code"]) == ("error", "never_holds")
    assert "two letters" in finding["advice"]


async def test_what_can_not_work_is_not_proposed(room):
    answer = await propose(room, NEVER)

    assert answer.status == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == "line 5 /qualified_lead/fit/0/when"
    assert "our market" in error["found"]
    assert await room.rows("SELECT * FROM proposals") == []


async def test_a_warning_is_told_and_stops_nothing(room):
    told = (await room.http.post("/v1/agreements/check", {"text": DOUBTFUL})).json()

    assert [(one["level"], one["code"]) for one in told["findings"]] == [
        ("warning", "field_misspelt")
    ]
    assert told["sound"]
    assert (await propose(room, DOUBTFUL)).status == 200


async def test_a_check_knows_what_the_sources_fill(room, tmp_path):
    file = tmp_path / "sources.yaml"
    file.write_text(
        "sources: {web: {type: plain, mapping: {email: email, attributes: {size: size}}}}"
    )
    room.service.api.state.sources = file
    text = SOUND.replace("lead.email.endsWith", "lead.industry.endsWith")

    told = (await room.http.post("/v1/agreements/check", {"text": text})).json()

    assert [one["code"] for one in told["findings"]] == ["field_unfilled", "kind_unfilled"]


async def test_a_text_that_is_too_large_is_refused_unread(room):
    large = "# " + "x" * 400_000 + "\n" + SOUND

    told = (await room.http.post("/v1/agreements/check", {"text": large})).json()

    assert told["faults"][0]["expected"] == "at most 256 KiB"
    assert (await propose(room, large)).status == 422
    assert (await propose(room, "x" * 10_000_000)).status == 413


async def test_the_schema_is_served(room):
    answer = await room.http.get("/v1/agreements/schema")

    assert answer.status == 200
    assert answer.json()["properties"]["qualified_lead"]["required"] == ["tiers"]


async def test_people_sign_by_what_changes(room):
    changed = SOUND.replace("points: 20", "points: 25")
    await room.sign()
    await propose(room, changed)

    answer = (await room.http.get("/v1/agreements/default/diff")).json()

    assert (answer["before_version"], answer["after_version"]) == (1, None)
    assert answer["text_sha256"] == sha256_of(changed)
    (change,) = answer["changes"]
    assert (change["how"], change["name"], change["term"]) == (
        "changed",
        "our market",
        "points",
    )
    assert (change["before"], change["after"]) == ("+20", "+25")
    assert change["words"] == '~ rule "our market", points: +20 -> +25'


async def test_any_two_versions_are_compared(room):
    text = {"accept": "text/plain"}
    for points in (20, 25, 30):
        await room.sign(SOUND.replace("points: 20", f"points: {points}"))

    async def compared(**query):
        path = "/v1/agreements/default/diff?" + urlencode(query)
        return (await room.http.request("GET", path, headers=text)).body.decode()

    assert "+25 -> +30" in await compared()
    assert "+20 -> +25" in await compared(to=2)
    assert "+20 -> +30" in await compared(**{"from": 1})
    assert "+30 -> +20" in await compared(**{"from": 3, "to": 1})
    assert "Nothing that is agreed changes" in await compared(**{"from": 3})


@pytest.mark.parametrize(
    ("query", "status"), [("from=0", 422), ("to=9", 404), ("to=1", 404), ("from=x", 422)]
)
async def test_a_version_that_is_not_there_is_not_compared(room, query, status):
    await room.sign()

    assert (await room.http.get(f"/v1/agreements/default/diff?{query}")).status == status


async def test_a_version_is_shown_as_a_page(room):
    await room.sign()

    answer = await room.http.request(
        "GET", "/v1/agreements/default", headers={"accept": "text/plain"}
    )

    assert "our market" in answer.body.decode()
    assert "A quarter: 40 customers" in answer.body.decode()


async def test_history_keeps_who_signed_when_and_why(room):
    await propose(room)
    await sign(room, comment="as discussed")
    await sign(room, side="sales", signer="Tom", comment="for this quarter")

    (told,) = (await room.http.get("/v1/agreements", name="default")).json()["items"]

    assert [(one["signer"], one["comment"]) for one in told["signatures"]] == [
        ("Mara", "as discussed"),
        ("Tom", "for this quarter"),
    ]
    assert all(one["signed_at"] for one in told["signatures"])


async def test_a_proposal_that_races_the_second_signature_never_mixes_texts(room):
    """Whichever comes first: what is in force is a text that both signed, whole."""
    for round_ in range(5):
        text, other = SOUND + f"# {round_}\n", SOUND + f"# other {round_}\n"
        await propose(room, text)
        await sign(room, text=text)

        second, _ = await asyncio.gather(
            sign(room, side="sales", signer="Tom", text=text), propose(room, other)
        )

        signed = await room.promised("AgreementSigned")
        hashes = [event.agreement.text_sha256 for event in signed]
        assert second.status in {200, 409}
        assert (sha256_of(text) in hashes) == (second.status == 200)
        assert sha256_of(other) not in hashes


async def test_history_is_paged(room):
    for number in range(3):
        await propose(room, SOUND + f"# {number}\n")

    first = (await room.http.get("/v1/agreements", limit=2)).json()
    rest = (await room.http.get("/v1/agreements", limit=2, cursor=first["next"])).json()

    assert [len(first["items"]), len(rest["items"]), rest["next"]] == [2, 1, None]


async def test_signing_what_was_never_proposed_is_not_found(room):
    assert (await sign(room)).status == 404
