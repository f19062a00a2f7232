import pytest

from leadloop.posting import refusal


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "ftp://example.com/hook",
        "example.com/hook",
        "https:///hook",
        "https://",
        "",
        "https://localhost/hook",
        "https://LOCALHOST/hook",
        "https://127.0.0.1/hook",
        "https://[::1]/hook",
        "https://[::ffff:169.254.169.254]/latest/meta-data",
        "https://user:password@example.com/hook",
        "https://example.com:99999/hook",
        "https://[example.com/hook",
    ],
)
def test_a_url_that_leads_astray_is_refused(url):
    assert refusal(url, allow_private=False)


def test_a_public_https_url_is_taken():
    assert refusal("https://crm.example.com:8443/hook?a=b", allow_private=False) is None


@pytest.mark.parametrize("url", ["http://127.0.0.1:9000/hook", "https://localhost/hook"])
def test_private_ones_are_taken_where_they_are_allowed(url):
    assert refusal(url, allow_private=True) is None


def test_only_http_is_posted_to_even_then():
    assert refusal("file:///etc/passwd", allow_private=True)
