"""The API's description names the door for webhooks, with the answers that it gives."""

from services.embedded import merged_openapi
from services.intake.documented import PATH
from tests.asgi import Client
from tests.intake_builders import Posted, a_form, by_site, post

ANSWERS = {
    "202": by_site(a_form()),
    "400": Posted("open", b"{", {}),
    "401": by_site({}, secret="x"),
    "404": Posted("nobody", b"{}", {}),
    "413": by_site({"a": "x" * 5000}),
    "415": Posted("open", b"{}", {"content-type": "text/plain"}),
    "422": by_site(5),
}


async def test_the_door_is_described_with_its_answers(intake):
    described = (await Client(intake.app).get("/openapi.json")).json()

    door = described["paths"][PATH]["post"]
    assert set(door["responses"]) == {*ANSWERS, "503"}
    taken = door["responses"]["202"]["content"]["application/json"]["schema"]
    assert set(taken["properties"]) == {"errors"}
    for status, response in door["responses"].items():
        assert status == "202" or list(response["content"]) == ["application/problem+json"]


async def test_the_answers_are_as_described(intake):
    for status, posted in ANSWERS.items():
        assert str((await post(intake.app, posted)).status) == status


async def test_the_door_is_described_where_one_app_answers_for_all(intake):
    assert PATH in merged_openapi([intake.api])["paths"]
