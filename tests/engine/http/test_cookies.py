import pytest

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
        ('a="q"; Path=/', "shop.example.test", "/", False, "a=q"),
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
