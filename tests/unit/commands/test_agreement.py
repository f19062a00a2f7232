"""`leadloop agreement` on files: no running Leadloop is needed to check, compare and show."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.client import Refused
from services.commands.agreement import app

ROOT = Path(__file__).parents[3]
SOUND = ROOT / "tests" / "agreements" / "sound.yaml"


def run(*arguments, **options):
    return CliRunner().invoke(app, [str(one) for one in arguments], **options)


def test_a_sound_agreement_is_said_to_be_sound():
    answer = run("check", SOUND)

    assert (answer.exit_code, answer.output) == (0, f"{SOUND}: sound\n")


def test_the_example_is_sound_without_a_warning():
    answer = run("check", ROOT / "deploy" / "agreement.example.yaml", "--strict")

    assert answer.exit_code == 0, answer.output


def test_what_can_not_work_is_told_with_its_line_and_what_to_do():
    answer = run("check", ROOT / "tests" / "agreements" / "rule_never_true.yaml")

    assert answer.exit_code == 1
    assert "line 13, /qualified_lead/fit/0/when: error: " in answer.output
    assert "A country is a code of two letters, such as DE." in answer.output
    assert "1 error" in answer.output


def test_a_warning_fails_only_a_strict_check():
    path = ROOT / "tests" / "agreements" / "field_nobody_fills.yaml"

    assert run("check", path).exit_code == 0
    assert run("check", path, "--strict").exit_code == 1


def test_a_check_tells_programs_by_codes():
    answer = run("check", ROOT / "tests" / "agreements" / "cap_without_rules.yaml", "--json")

    told = json.loads(answer.output)
    assert (told["sound"], told["findings"][0]["code"]) == (False, "cap_without_rules")


def test_fields_that_no_source_fills_are_told(tmp_path):
    sources = tmp_path / "sources.yaml"
    sources.write_text(
        "sources: {web: {type: plain, mapping: {email: email, attributes: {employee: size},"
        " activity: {kind: \"'form_submit'\"}}}}"
    )

    told = run("check", SOUND, "--sources", sources).output

    assert "reads lead.employees, which nothing in sources.yaml fills (did you" in told
    assert 'asks for activities "page_view", which nothing in sources.yaml sends' in told
    assert "form_submit" not in told


def test_columns_that_a_csv_lacks_are_told(tmp_path):
    leads = tmp_path / "leads.csv"
    leads.write_text("country;job_title;employees;consent\nDE;Head;5;yes\n")

    told = run("check", SOUND, "--leads", leads).output

    assert "reads lead.email_domain, which nothing in leads.csv fills" in told
    assert "lead.employees" not in told


def test_two_files_are_compared_in_words():
    answer = run("diff", SOUND, ROOT / "tests" / "agreements" / "tier_out_of_reach.yaml")

    assert answer.output == (
        '~ tier "A", when: total >= 60 && fit >= 30 -> total >= 60 && fit >= 80\n'
    )
    assert "Nothing that is agreed changes" in run("diff", SOUND, SOUND).output


def test_a_file_is_shown_as_a_page():
    answer = run("show", SOUND)

    assert answer.exit_code == 0
    assert "That needs 458 qualified leads, 153 a month:" in answer.output


def test_the_schema_is_printed():
    assert json.loads(run("schema").output)["title"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"x" * 10_000_000, "at most 256 KiB, found 9765 KiB"),
        (b"agreement: \xff\xfe", "expected text in UTF-8, found byte 12"),
    ],
)
def test_what_is_no_agreement_at_all_is_refused_unread(tmp_path, content, told):
    file = tmp_path / "agreement.yaml"
    file.write_bytes(content)

    for command in ("check", "show", "propose"):
        answer = run(command, file)
        assert isinstance(answer.exception, Refused)
        assert told in str(answer.exception)


def test_a_yaml_bomb_is_told_by_its_line():
    answer = run("check", ROOT / "tests" / "agreements" / "bomb.yaml")

    assert answer.exit_code == 1
    assert "line 10: expected every value written out" in answer.output


def test_what_is_neither_a_file_nor_a_name_is_refused():
    answer = run("diff", SOUND, "no such file.yaml")

    assert "expected a file that exists, or NAME or NAME@VERSION" in str(answer.exception)


def test_what_can_not_work_is_not_even_sent():
    answer = run("propose", ROOT / "tests" / "agreements" / "rule_never_true.yaml")

    assert "is not proposed: 1 error" in str(answer.exception)
