import pytest

from leadloop.errors import Rejected
from services.lab.history.export import Told, Wanted, reading

LEADS = "id,came,country,won\n1,2026-01-05,DE,yes\n2,2026-01-06,AT,no\n3,2026-01-07,FR,no\n"


@pytest.fixture
def leads(tmp_path):
    """Write a leads file and return what reads it."""

    def read(content, wanted=None, **told):
        path = tmp_path / "leads.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        given = {"outcome": "won", "time": "came", **told}
        with reading(Told(leads=path, **given), wanted or Wanted()) as past:
            joined = list(past.shards())
            found = [lead for shard in joined for lead in shard.leads()]
            for shard in joined:
                past.aside.merge(shard.aside)
            return sorted(found, key=lambda lead: lead.line), past

    return read


def refusal(read, content, **told):
    with pytest.raises(Rejected) as caught:
        read(content, **told)
    return str(caught.value)


def countries(found):
    return [lead.facts["country"] for lead in found]


def test_leads_have_facts_a_time_an_outcome_and_a_line(leads):
    found, _ = leads(LEADS)

    assert [(lead.line, f"{lead.at:%d %b}", lead.won) for lead in found] == [
        (2, "05 Jan", True),
        (3, "06 Jan", False),
        (4, "07 Jan", False),
    ]
    assert found[0].facts["id"] == 1
    assert found[0].facts["consent"] == "unknown"


@pytest.mark.parametrize(
    ("encoding", "newline"),
    [
        ("utf-8", "\n"),
        ("utf-8-sig", "\r\n"),
        ("utf-16", "\n"),
        ("utf-16-le", "\r\n"),
        ("cp1252", "\n"),
        ("utf-8", "\r"),
    ],
)
def test_encodings_and_newlines_are_told_from_the_bytes(leads, encoding, newline):
    text = LEADS.replace("FR", "Österreich").replace("\n", newline)

    found, _ = leads(text.encode(encoding))

    assert countries(found) == ["DE", "AT", "Österreich"]


def test_lines_of_another_encoding_are_counted(leads):
    content = LEADS.encode() + "4,2026-01-08,Österreich,no\n".encode("cp1252")

    found, past = leads(content)

    assert (countries(found)[-1], past.foreign) == ("Österreich", 1)


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
def test_the_delimiter_is_told_from_the_header_and_the_rows(leads, delimiter):
    found, _ = leads(LEADS.replace(",", delimiter))

    assert countries(found) == ["DE", "AT", "FR"]


def test_a_hint_at_the_delimiter_is_followed(leads):
    found, past = leads("sep=;\n" + LEADS.replace(",", ";"))

    assert past.export.leads.dialect.delimiter == ";"
    assert [lead.line for lead in found] == [3, 4, 5]


def test_values_in_quotes_hold_delimiters_quotes_and_newlines(leads):
    content = (
        'id,came,country,won\n1,2026-01-05,"D,E",yes\n'
        '2,2026-01-06,"say ""hi""",no\n3,2026-01-07,"two\nlines",no\n4,2026-01-08,FR,no\n'
    )

    found, _ = leads(content)

    assert countries(found) == ["D,E", 'say "hi"', "two\nlines", "FR"]
    assert [lead.line for lead in found] == [2, 3, 4, 6]


def test_a_header_in_quotes_may_break_its_lines(leads):
    found, past = leads(LEADS.replace("country", '"where\nfrom"'))

    assert past.export.leads.columns.names[2] == "where\nfrom"
    assert [lead.line for lead in found] == [3, 4, 5]


@pytest.mark.parametrize(
    ("broken", "what"),
    [
        ("9,2026-01-05,D,E,no", "put a value that holds a comma in quotes"),
        ("9,2026-01-05", "expected 4 values as in the header, found 2"),
        ('9,2026-01-05,"DE,no', "a quote is not closed"),
        ('9,2026-01-05,"D"E,no', "a quote is not closed"),
        ("9,soon,DE,no", "expected a time from 1970 to 2100, found 'soon'"),
        ("9,,DE,no", "expected a time from 1970 to 2100, found none"),
        ("9,0001-01-01,DE,no", "expected a time from 1970 to 2100"),
    ],
)
def test_a_broken_row_is_set_aside_with_its_line_and_the_rest_goes_on(leads, broken, what):
    lines = LEADS.splitlines()

    found, past = leads("\n".join([*lines[:2], broken, *lines[2:], ""]))

    assert countries(found) == ["DE", "AT", "FR"]
    assert [lead.line for lead in found] == [2, 4, 5]
    (one,) = past.aside.first
    assert (one.file, one.line) == ("leads.csv", 3)
    assert what in one.why


def test_a_quote_inside_of_a_value_is_a_quote(leads):
    found, past = leads(LEADS.replace("AT", '5" pipe'))

    assert countries(found)[1] == '5" pipe'
    assert past.aside.total == 0


def test_an_unclosed_quote_takes_no_more_than_its_row(leads):
    many = "".join(f'{n},2026-01-05,"DE",no\n' for n in range(10, 5_000))

    found, past = leads(LEADS + '4,2026-01-05,"DE,no\n' + many)

    assert len(found) == 3 + 4_990
    assert [one.line for one in past.aside.first] == [5]


def test_blank_lines_and_blank_ends_of_rows_are_no_trouble(leads):
    found, past = leads(LEADS.replace("DE,yes\n", "DE,yes,,\n\n  \n"))

    assert countries(found) == ["DE", "AT", "FR"]
    assert past.aside.total == 0


def test_backslashes_before_quotes_are_understood(leads):
    found, _ = leads(LEADS.replace("AT", '"a \\"b\\", c"'))

    assert countries(found)[1] == 'a "b", c'


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"id,came,won\n", "has a header and no rows"),
        (b"PK\x03\x04rest", "is a spreadsheet or an archive"),
        (b"\x1f\x8brest", "is compressed"),
        (b"<html>", "is HTML"),
        (b"a\x00\x01b,c\n", "is no text"),
    ],
)
def test_what_is_no_csv_is_refused_in_a_sentence(leads, content, said):
    assert said in refusal(leads, content)


def test_a_missing_file_is_named(tmp_path):
    with (
        pytest.raises(Rejected, match="no such file"),
        reading(Told(leads=tmp_path / "gone.csv", outcome="won")),
    ):
        pass


def test_a_missing_column_is_told_with_the_nearest_name(leads):
    said = refusal(leads, LEADS, outcome="wom")

    assert "has no column 'wom' (did you mean won?), which --outcome names" in said
    assert "id, came, country, won" in said


def test_columns_go_by_their_name_and_by_an_alias(leads):
    content = LEADS.replace("country", "Lead Quelle (Größe)")

    found, _ = leads(content)

    assert found[0].facts["Lead Quelle (Größe)"] == "DE"
    assert found[0].facts["lead_quelle_groesse"] == "DE"


def test_columns_without_a_name_of_their_own_get_one(leads):
    content = "id,came,,won,won\n1,2026-01-05,a,yes,x\n2,2026-01-05,b,no,y\n"

    found, past = leads(content)

    assert past.export.leads.columns.renamed == ("column_3", "won_2")
    assert (found[0].facts["column_3"], found[0].facts["won_2"]) == ("a", "x")


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1.234,56", 1234.56),
        ("-1.234.567", -1234567),
        ("12,5", 12.5),
        ("0,5", 0.5),
        ("1234", 1234),
        ("1.5", 1.5),
        ("007", "007"),
        ("007,5", "007,5"),
        ("1,2,3", "1,2,3"),
        ("1.23,4", "1.23,4"),
        ("zwei,5", "zwei,5"),
    ],
)
def test_a_comma_stands_before_decimals_where_that_is_said(leads, cell, value):
    text = f"came;won;revenue\n2026-01-05;yes;{cell}\n2026-01-06;no;{cell}\n"

    found, _ = leads(text, decimal_comma=True)

    assert (found[0].facts["revenue"], type(found[0].facts["revenue"])) == (value, type(value))


def test_numbers_are_numbers_and_codes_are_not(leads):
    content = "id,came,won,size,zip,share\n1,2026-01-05,yes,50,01067,0.5\n2,2026-01-05,no,,,\n"

    found, _ = leads(content)

    assert [found[0].facts[name] for name in ("size", "zip", "share")] == [50, "01067", 0.5]
    assert not {"size", "zip", "share"} & found[1].facts.keys()


def test_fields_of_our_own_stay_texts_and_are_always_there(leads):
    content = "id,came,won,phone,Email\n1,2026-01-05,yes,4930123,a@steel.example\n"
    content += "2,2026-01-05,no,,\n"

    found, _ = leads(content)

    assert found[0].facts["phone"] == "4930123"
    assert found[0].facts["email_domain"] == "steel.example"
    assert (found[1].facts["phone"], found[1].facts["email_domain"]) == ("", "")


def test_only_the_fields_that_are_wanted_are_read(leads):
    found, _ = leads(LEADS, wanted=Wanted(frozenset({"country"}), frozenset()))

    assert found[0].facts == {"country": "DE"}


def test_a_file_without_times_is_read_without_them(leads):
    found, past = leads(LEADS, time="")

    assert len({lead.at for lead in found}) == 1
    assert past.plan.leads.form is None


def test_a_lead_that_is_there_twice_counts_once(leads):
    found, past = leads(LEADS + "2,2026-01-09,XX,yes\n,2026-01-09,XX,yes\n", lead_id="id")

    assert countries(found) == ["DE", "AT", "FR"]
    assert {(one.line, one.kind) for one in past.aside.first} == {
        (5, "lead twice"),
        (6, "no id"),
    }
    assert "the lead of line 3 again" in past.aside.first[0].why


def test_large_files_are_read_in_parts_with_the_right_lines(leads, monkeypatch):
    monkeypatch.setattr("services.lab.history.export.RANGE_BYTES", 5_000)
    monkeypatch.setattr("services.lab.history.export.SHARD_BYTES", 5_000)
    monkeypatch.setattr("services.lab.history.records.BLOCK_BYTES", 700)
    rows = [f'{n},2026-01-05,"D\n{n}",{"yes" if n % 7 else "no"}' for n in range(2_000)]
    rows[900] = "broken"

    found, past = leads("id,came,country,won\n" + "\n".join(rows) + "\n")

    assert past.plan.shards > 5
    assert len(past.plan.leads.bases) > 5
    assert [lead.line for lead in found[:2]] == [2, 4]
    assert found[-1].line == 2 + 2 * 1_999 - 1
    assert len(found) == 1_999
    assert [one.line for one in past.aside.first] == [2 + 2 * 900]
    assert all(lead.facts["country"] == f"D\n{lead.facts['id']}" for lead in found)
