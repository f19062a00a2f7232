from bench.agreements import figures_of, try_all


def test_every_fault_is_found_and_nothing_else():
    figures = figures_of(try_all())

    assert (figures.faults, figures.found, figures.false_alarms) == (20, 20, 0)


def test_a_fault_that_is_not_found_and_a_false_alarm_are_counted(tmp_path):
    sound = "agreement: x # fault: never_holds\n"
    (tmp_path / "a.yaml").write_text(sound)

    figures = figures_of(try_all(tmp_path))

    assert (figures.faults, figures.found) == (1, 0)
    assert figures.false_alarms > 0
