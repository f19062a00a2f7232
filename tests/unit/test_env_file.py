import pytest

from services.env_file import Unreadable, read_env


@pytest.fixture
def file(tmp_path):
    return tmp_path / "secrets.env"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("TOKEN=abc", "abc"),
        ("TOKEN='abc'", "abc"),
        ('TOKEN="abc"', "abc"),
        ("export TOKEN=abc", "abc"),
        ("  export  TOKEN = 'abc'  ", "abc"),
        ("TOKEN=", ""),
        ("TOKEN=''", ""),
        ("TOKEN=new old", "new old"),
        ("TOKEN=ab=c==", "ab=c=="),
        ("TOKEN=a#b$c", "a#b$c"),
        ("TOKEN=abc # of the website", "abc"),
        ("TOKEN='abc' # of the website", "abc"),
        ("TOKEN='a # b'", "a # b"),
        ('TOKEN="it\'s"', "it's"),
        ("TOKEN=it's", "it's"),
        (r'TOKEN="a\"b\\c\n"', r'a"b\c\n'),
        ("\ufeffTOKEN=abc", "abc"),
        ("# first\n\nTOKEN=abc\nTOKEN=def", "def"),
    ],
)
def test_a_value_is_read_as_other_tools_read_it(file, line, value):
    file.write_text(f"{line}\n", encoding="utf-8")

    assert read_env(file) == {"TOKEN": value}


@pytest.mark.parametrize(
    "line",
    [
        "verysecret",
        "1TOKEN=verysecret",
        "TO KEN=verysecret",
        "=verysecret",
        "TOKEN: verysecret",
        "TOKEN='verysecret",
        'TOKEN="verysecret',
        "TOKEN='very'secret",
        "TOKEN='verysecret\"",
    ],
)
def test_a_line_that_cannot_be_read_is_named_and_its_value_is_not(file, line):
    file.write_text(f"# first\n{line}\n")

    with pytest.raises(Unreadable) as refused:
        read_env(file)

    assert f"{file}, line 2: expected" in str(refused.value)
    assert "verysecret" not in str(refused.value)


def test_what_is_no_text_is_refused(file):
    file.write_bytes(b"TOKEN=\xff\xfe")

    with pytest.raises(Unreadable, match="UTF-8"):
        read_env(file)
