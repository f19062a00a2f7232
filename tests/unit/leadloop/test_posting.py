import pytest

from leadloop.posting import is_public, refusal


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_addresses_of_the_internet_are_public(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
    ],
)
def test_other_addresses_are_not(address):
    assert not is_public(address)


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
