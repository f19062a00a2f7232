"""The report as files: whole, and nothing in it is taken for markup."""

from xml.etree import ElementTree

from services.simulation.page import html, markdown
from services.simulation.report import Bar, Report, Table

REPORT = Report(
    title="Agreement <b>x</b>",
    answer="1 of 2 service levels would break: a|b.",
    words=["A & B"],
    tables=[Table("Clocks", ("what", "how many"), [("<i>tier</i>, accept", "1,000")])],
    bars=[Bar("<tier>", 0.5, 0.25, 0.25)],
    assumed=["People: 3."],
)


def test_the_page_is_one_file_that_names_no_other():
    page = html(REPORT)

    assert "<b>x</b>" not in page
    assert "&lt;i&gt;tier&lt;/i&gt;" in page
    assert "http" not in page
    assert "src=" not in page


def test_the_chart_shares_each_bar_by_what_became_of_clocks():
    page = html(REPORT)

    drawing = ElementTree.fromstring(page[page.index("<svg") : page.index("</svg>") + 6])

    widths = [float(one.attrib["width"]) for one in drawing.findall("g/rect")]
    assert widths == [280.0, 140.0, 140.0]


def test_the_text_has_every_part_and_escapes_what_markdown_would_take():
    text = markdown(REPORT)

    assert "# Agreement \\<b\\>x\\</b\\>" in text
    assert "a\\|b" in text
    assert "| what | how many |\n|---|---:|\n" in text
    assert "## Assumed\n\n- People: 3." in text
