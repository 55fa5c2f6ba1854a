from datetime import datetime

import pytest

from maid_lab.engine.http.cookie_dates import cookie_date
from maid_lab.engine.http.cookies import CookieJar


def jar_with(*headers: str, host: str = "shop.example.test", path: str = "/a/b") -> CookieJar:
    jar = CookieJar()
    for header in headers:
        jar.store(header, host=host, path=path)
    return jar


def sent(jar: CookieJar, *, host: str = "shop.example.test", path: str = "/a/b", secure: bool = False) -> str:
    return jar.header(host=host, path=path, secure=secure)


@pytest.mark.parametrize(
    ("header", "host", "path", "secure", "expected"),
    [
        ("a=1", "shop.example.test", "/a/c", False, "a=1"),
        ("a=1", "shop.example.test", "/other", False, ""),
        ("a=1; Path=/", "shop.example.test", "/other", False, "a=1"),
        ("a=1; Path=/a", "shop.example.test", "/ab", False, ""),
        ("a=1; Path=/", "www.shop.example.test", "/", False, ""),
        ("a=1; Path=/; Domain=example.test", "www.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Domain=.example.test", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Domain=other.test", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Domain=test", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Secure", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Secure", "shop.example.test", "/", True, "a=1"),
        ("a=1; Path=/; Max-Age=0", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Max-Age=60; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Expires=nonsense", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Expires=Thu, 01-Jan-70 00:00:00 GMT", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Expires=Wed, 31 Dec 1969 23:59:59 GMT", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Expires=Fri, 31 Dec 9999 23:59:59 GMT", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Max-Age=--5", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Max-Age=\xb2", "shop.example.test", "/", False, "a=1"),
        (f"a=1; Path=/; Max-Age={'9' * 5000}", "shop.example.test", "/", False, "a=1"),
        (f"a=1; Path=/; Max-Age=-{'9' * 5000}", "shop.example.test", "/", False, ""),
        ("a=1; Path=/; Max-Age=60; Max-Age=0", "shop.example.test", "/", False, ""),
        ("a=1; Path=/b; Path=/", "shop.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Path=no", "shop.example.test", "/a/x", False, "a=1"),
        ("a=1; Path=/; Domain=other.test; Domain=example.test", "www.example.test", "/", False, "a=1"),
        ("a=1; Path=/; Domain=", "shop.example.test", "/", False, "a=1"),
        ("a=1; PATH=/; DOMAIN=Example.Test; SECURE", "www.example.test", "/", True, "a=1"),
        ("__Host-a=1; Path=/; Secure", "shop.example.test", "/", True, "__Host-a=1"),
        ("__Host-a=1; Path=/; Secure; Domain=shop.example.test", "shop.example.test", "/", True, ""),
        ("__Host-a=1; Secure", "shop.example.test", "/a/b", True, ""),
        ("__Secure-a=1; Path=/", "shop.example.test", "/", True, ""),
        ("__Secure-a=1; Path=/; Secure", "shop.example.test", "/", True, "__Secure-a=1"),
        (f"a={'v' * 4096}; Path=/", "shop.example.test", "/", False, ""),
        ('a="q"; Path=/', "shop.example.test", "/", False, 'a="q"'),
        ("a=x=y; Path=/", "shop.example.test", "/", False, "a=x=y"),
        ("novalue", "shop.example.test", "/", False, ""),
        ("=empty", "shop.example.test", "/", False, ""),
    ],
)
def test_a_cookie_goes_where_it_may(header: str, host: str, path: str, secure: bool, expected: str) -> None:
    assert sent(jar_with(header), host=host, path=path, secure=secure) == expected


def test_longer_paths_go_first() -> None:
    assert sent(jar_with("a=1; Path=/", "b=2; Path=/a")) == "b=2; a=1"


def test_a_new_value_replaces_the_old_one_and_an_expired_one_removes_it() -> None:
    jar = jar_with("a=1; Path=/", "a=2; Path=/")
    assert sent(jar) == "a=2"
    jar.store("a=3; Path=/; Max-Age=-1", host="shop.example.test", path="/")
    assert (sent(jar), len(jar)) == ("", 0)


def test_a_copy_does_not_change_with_its_original() -> None:
    jar = jar_with("a=1; Path=/")
    copy = jar.copy()
    jar.store("b=2; Path=/", host="shop.example.test", path="/")
    assert (sent(copy), copy.get("a"), copy.get("b")) == ("a=1", "1", None)


def test_an_address_takes_no_domain_cookie() -> None:
    assert sent(jar_with("a=1; Path=/; Domain=0.0.1", host="127.0.0.1"), host="127.0.0.1") == ""


@pytest.mark.parametrize(
    ("host", "domain", "taken", "reaches"),
    [
        ("www.shop.co.uk", "shop.co.uk", True, "cdn.shop.co.uk"),
        ("www.shop.co.uk", "co.uk", False, "bank.co.uk"),
        ("www.shop.com.au", ".com.au", False, "bank.com.au"),
        ("shop.test", "test", False, "bank.test"),
        ("co.uk", "co.uk", True, None),
        ("localhost", "localhost", True, None),
        ("127.0.0.1", "127.0.0.1", True, None),
        ("shop.test", "www.shop.test", False, None),
        ("shop.test", "hop.test", False, None),
    ],
)
def test_no_domain_of_strangers_is_taken(host: str, domain: str, taken: bool, reaches: str | None) -> None:
    jar = jar_with(f"a=1; Path=/; Domain={domain}", host=host, path="/")
    assert sent(jar, host=host, path="/") == ("a=1" if taken else "")
    if reaches is not None:
        assert sent(jar, host=reaches, path="/") == ("a=1" if taken else "")
    assert sent(jar, host=f"x.{host}", path="/") == ("a=1" if taken and reaches is not None else "")


def test_a_server_that_makes_up_names_does_not_fill_the_memory() -> None:
    jar = jar_with(*(f"n{number}=1; Path=/" for number in range(500)), "n499=2; Path=/")
    assert (len(jar), jar.get("n499"), jar.get("n320"), jar.get("n319")) == (180, "2", "1", None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sun, 06 Nov 1994 08:49:37 GMT", "1994-11-06T08:49:37"),
        ("Sunday, 06-Nov-94 08:49:37 GMT", "1994-11-06T08:49:37"),
        ("Sun Nov  6 08:49:37 1994", "1994-11-06T08:49:37"),
        ("06 Nov 2068 08:49:37", "2068-11-06T08:49:37"),
        ("1994 Nov 6 8:9:7 +0200", "1994-11-06T08:09:07"),
        ("6 November 94 8:9:7", "1994-11-06T08:09:07"),
        ("Sun, 31 Feb 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 1994 24:49:37 GMT", None),
        ("06 Nov 1500 08:49:37", None),
        ("06 Nov 1994", None),
        ("", None),
    ],
)
def test_dates_are_read_as_user_agents_read_them(text: str, expected: str | None) -> None:
    wanted = datetime.fromisoformat(f"{expected}+00:00").timestamp() if expected else None
    assert cookie_date(text) == wanted
