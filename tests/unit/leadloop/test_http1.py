import pytest

from leadloop.http1 import Origin, request_of, target_of


def head_of(url):
    return target_of(url).head.decode()


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://crm.example", "/"),
        ("https://crm.example/", "/"),
        ("https://crm.example/hook", "/hook"),
        ("https://crm.example/hook?a=b&c=%20d", "/hook?a=b&c=%20d"),
        ("https://crm.example?a=b", "/?a=b"),
        ("https://crm.example/hook#there", "/hook"),
        ("https://crm.example/a/../b//c;d=1", "/a/../b//c;d=1"),
        ("https://crm.example/h\u00f6rer?\u00fc=\u20ac", "/h%C3%B6rer?%C3%BC=%E2%82%AC"),
        ("https://crm.example/h%C3%B6rer", "/h%C3%B6rer"),
        ("https://crm.example/100%/%zz", "/100%25/%25zz"),
        ('https://crm.example/a b"<>\x7f\x01', "/a%20b%22%3C%3E%7F%01"),
        ("https://crm.example/ho\r\nok", "/hook"),
    ],
)
def test_path_and_query_are_asked_for_as_they_stand(url, asked):
    assert head_of(url).startswith(f"POST {asked} HTTP/1.1\r\n")


@pytest.mark.parametrize(
    ("url", "origin", "named"),
    [
        ("https://CRM.example", Origin("https", "crm.example", 443), "crm.example"),
        ("https://crm.example:443", Origin("https", "crm.example", 443), "crm.example"),
        ("http://crm.example", Origin("http", "crm.example", 80), "crm.example"),
        ("http://crm.example:443", Origin("http", "crm.example", 443), "crm.example:443"),
        ("https://crm.example:8443", Origin("https", "crm.example", 8443), "crm.example:8443"),
        ("https://crm.example.", Origin("https", "crm.example.", 443), "crm.example."),
        ("https://my_crm.example", Origin("https", "my_crm.example", 443), "my_crm.example"),
        ("https://[2606:4700::1111]", Origin("https", "2606:4700::1111", 443), None),
        ("http://[::1]:8000", Origin("http", "::1", 8000), "[::1]:8000"),
        ("http://[fe80::1%eth0]/", Origin("http", "fe80::1%eth0", 80), "[fe80::1]"),
        ("http://127.0.0.1:80", Origin("http", "127.0.0.1", 80), "127.0.0.1"),
        # By IDNA 2008; the older one would lead to strasse.example, somebody else's.
        ("https://Stra\u00dfe.example", Origin("https", "xn--strae-oqa.example", 443), None),
    ],
)
def test_the_host_is_named_with_its_port_unless_that_goes_without_saying(url, origin, named):
    if named is None:
        named = f"[{origin.host}]" if ":" in origin.host else origin.host

    target = target_of(url)

    assert target.origin == origin
    assert f"\r\nhost: {named}\r\n".encode() in target.head


@pytest.mark.parametrize(
    "url",
    [
        "https://crm example/",
        "https://crm\x00.example/",
        "https://crm\x1b.example/",
        "https://crm..example/",
        "https://.crm.example/",
        "https://" + 64 * "a" + ".example/",
        "https://" + 70 * "abcd." + "example/",
        "https://127.1/",
        "https://127.0.0.256/",
        "https://\uff11\uff12\uff17.0.0.1/",
        "https://[fe80::zz]/",
        "https://a\u00a7\u2028b.example/",
    ],
)
def test_a_host_that_is_none_is_refused(url):
    with pytest.raises(ValueError, match=r"\w"):
        target_of(url)


@pytest.mark.parametrize(
    ("host", "name"),
    [("crm.example", "crm.example"), ("crm.example.", "crm.example"), ("::1", "::1")],
)
def test_a_certificate_must_be_for_the_host(host, name):
    assert Origin("https", host, 443).tls_name == name
    assert Origin("http", host, 443).tls_name is None


def test_a_request_holds_what_it_needs_and_nothing_else():
    target = target_of("https://crm.example/hook?a=b")

    request = request_of(target, {"webhook-id": "m-1", "x-who": "J\u00f6rg"}, b'{"a": 1}')

    assert request == (
        b"POST /hook?a=b HTTP/1.1\r\nhost: crm.example\r\naccept: */*\r\nwebhook-id: m-1\r\n"
        b'x-who: J\xc3\xb6rg\r\ncontent-length: 8\r\n\r\n{"a": 1}'
    )


def test_a_request_without_headers_or_body_is_whole():
    request = request_of(target_of("http://a.example"), {}, b"")

    assert request == (
        b"POST / HTTP/1.1\r\nhost: a.example\r\naccept: */*\r\ncontent-length: 0\r\n\r\n"
    )


@pytest.mark.parametrize(
    "value", ["a\r\nb: c", "a\nb", "a\rb", "a\n\rb", "\r\n", "a\0", "\udc80"]
)
def test_no_value_of_a_header_breaks_out_of_its_line(value):
    with pytest.raises(ValueError, match=r"line break|surrogates") as refused:
        request_of(target_of("http://a.example"), {"x-a": "1", "x-b": value}, b"")

    assert "b: c" not in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "x a",
        "x:a",
        "x\r\nb",
        "x\n",
        "x\0",
        "\u00fc",
        "Host",
        "content-length",
        "Transfer-Encoding",
    ],
)
def test_no_name_of_a_header_breaks_out_or_takes_what_is_ours(name):
    with pytest.raises(ValueError, match="header"):
        request_of(target_of("http://a.example"), {name: "1"}, b"")
