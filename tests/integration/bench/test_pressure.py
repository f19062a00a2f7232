import pytest

from bench.pressure import Pressure

SOME = "some avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"
FULL = "full avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"
FOUR_SECONDS = (100.0, 104.0)


def test_only_what_came_since_counts_and_each_resource_by_its_own_line(tmp_path):
    (tmp_path / "cpu").write_text(SOME.format(5_000_000) + FULL.format(1))
    (tmp_path / "io").write_text(SOME.format(70_000_000) + FULL.format(2_000_000))
    began = Pressure(tmp_path, iter(FOUR_SECONDS).__next__)
    (tmp_path / "cpu").write_text(SOME.format(8_000_000) + FULL.format(1))
    (tmp_path / "io").write_text(SOME.format(74_000_000) + FULL.format(2_400_000))
    assert tuple(began.stalled()) == pytest.approx((0.75, 0.1))


def test_a_machine_that_tells_nothing_is_not_taken_for_one_without_stalls(tmp_path):
    (tmp_path / "cpu").write_text(SOME.format(5))
    assert Pressure(tmp_path, iter(FOUR_SECONDS).__next__).stalled() == (0.0, None)
