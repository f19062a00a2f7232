"""How an actor is written."""

import pytest

from services.handoff.actors import EXPECTED, checked, is_program


@pytest.mark.parametrize("actor", ["ann", "7", "Ann.B@example.com", "a" * 100])
def test_a_person_acts_under_their_id(actor):
    assert checked(actor) == actor
    assert not is_program(actor)


@pytest.mark.parametrize("actor", ["program:crm-sync", "program:7"])
def test_a_program_acts_under_its_name(actor):
    assert checked(actor) == actor
    assert is_program(actor)


@pytest.mark.parametrize(
    "actor",
    ["", "nobody at all", "a" * 101, "a\x00b", "ann\n", "program:", "program: x", "robot:x"],
)
def test_anything_else_is_no_actor(actor):
    with pytest.raises(ValueError, match="or program: and a name") as refusal:
        checked(actor)

    assert str(refusal.value) == EXPECTED
