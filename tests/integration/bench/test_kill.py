from bench.kill import found_in
from bench.leads import email_of
from bench.poster import Posted, Taken
from bench.receiver import Delivery

POSTED = Posted(0, (Taken(1, 5, 1), Taken(2, 6, 3)))
ONCE = [(email_of(1), 1, 1), (email_of(2), 1, 1)]
DELIVERED = [Delivery(10, 1, "a"), Delivery(11, 2, "b")]


def test_leads_that_went_through_once_are_neither_lost_nor_doubled():
    found = found_in(POSTED, ONCE, [*DELIVERED, Delivery(12, 2, "b")])

    assert (found.lost(), found.doubled(), found.repeated()) == (set(), set(), 1)


def test_a_lead_without_handoff_or_without_delivery_is_lost():
    assert found_in(POSTED, [(email_of(1), 1, 1), (email_of(2), 0, 1)], DELIVERED).lost() == {2}
    assert found_in(POSTED, ONCE[1:], DELIVERED).lost() == {1}
    assert found_in(POSTED, ONCE, DELIVERED[:1]).lost() == {2}


def test_a_lead_with_two_cycles_two_identities_or_two_webhook_ids_is_doubled():
    assert found_in(POSTED, [(email_of(1), 2, 1), ONCE[1]], DELIVERED).doubled() == {1}
    assert found_in(POSTED, [ONCE[0], (email_of(2), 2, 2)], DELIVERED).doubled() == {2}
    assert found_in(POSTED, ONCE, [*DELIVERED, Delivery(12, 1, "c")]).doubled() == {1}
