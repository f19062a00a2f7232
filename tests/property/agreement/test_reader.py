from datetime import date

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from leadloop.agreement.reader import check
from tests.unit.feedback.builders import SOUND

TODAY = date(2026, 3, 2)
LINES = SOUND.splitlines(keepends=True)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4)
    ),
    max_leaves=10,
)


@given(st.text(max_size=200))
@settings(deadline=None)
@example("\U0010ffff: \\x")
@example("!!binary x")
@example("? - a\n: b")
@example("<<: {a: b}")
@example("%YAML 9.9\n---\na: b")
def test_any_text_is_read_or_refused_with_a_fault(text):
    found = check(text, TODAY)

    assert (found.agreement is None) == bool(found.faults)


@given(st.integers(0, len(LINES) - 1), st.integers(0, len(LINES) - 1), st.text(max_size=5))
@settings(max_examples=60, deadline=None)
def test_a_damaged_agreement_is_read_or_refused_with_lines_that_exist(line, other, text):
    damaged = LINES.copy()
    damaged[line] = LINES[other].replace(":", text, 1)

    found = check("".join(damaged), TODAY)

    assert (found.agreement is None) == bool(found.faults)
    # A line break inside of `text` adds lines.
    assert all(1 <= fault.line <= len(LINES) + 1 + 4 * len(text) for fault in found.faults)


@given(st.sampled_from(sorted(yaml.safe_load(SOUND))), values)
@settings(max_examples=80, deadline=None)
def test_a_section_of_any_form_is_read_or_refused(section, value):
    agreement = yaml.safe_load(SOUND) | {section: value}

    found = check(yaml.safe_dump(agreement, allow_unicode=True), TODAY)

    assert (found.agreement is None) == bool(found.faults)
