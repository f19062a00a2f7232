import pytest

from leadloop.nearest import did_you_mean, likely_meant, nearest

KINDS = {"page_view": 1, "webinar_attended": 2, "demo_request": 3}


def test_a_wrong_name_is_answered_with_the_nearest_known_one():
    assert nearest("webinar", KINDS) == "webinar_attended"
    assert did_you_mean("webinar", KINDS) == " (did you mean webinar_attended?)"


def test_a_wrong_name_that_is_near_none_is_answered_with_nothing():
    assert nearest("zebra", KINDS) == ""
    assert did_you_mean("zebra", KINDS) == ""


@pytest.mark.parametrize(
    ("name", "meant"), [("page_veiw", "page_view"), ("webinar", ""), ("demo", "")]
)
def test_a_name_that_may_be_right_has_to_be_more_alike(name, meant):
    assert likely_meant(name, KINDS) == meant
