"""What a page links to that a browser loads at once, and what the browser says when it asks for that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urldefrag, urljoin, urlsplit

from maid_lab.engine.http.images import image_url

if TYPE_CHECKING:
    from maid_lab.engine.http.response import Response

__all__ = ["PagePart", "base_of", "page_parts", "referer_for"]

#: More parts than any page has; what is beyond is not loaded.
_MOST_PARTS: Final = 500
#: As browsers ask for style sheets, scripts and images (Fetch standard, "main fetch": the default values of Accept).
_STYLE: Final = "text/css,*/*;q=0.1"
_SCRIPT: Final = "*/*"
_IMAGE: Final = "image/avif,image/webp,image/png,image/svg+xml,image/*;q=0.8,*/*;q=0.5"
_LINKED: Final = (
    ("//link[contains(concat(' ', normalize-space(@rel), ' '), ' stylesheet ')]", "href", _STYLE),
    ("//link[contains(concat(' ', normalize-space(@rel), ' '), ' icon ')]", "href", _IMAGE),
    ("//script[@src]", "src", _SCRIPT),
    ("//input[@type='image'][@src]", "src", _IMAGE),
)


class PagePart(NamedTuple):
    """One part of a page: its absolute address, and the Accept header that asks for it."""

    url: str
    accept: str


def page_parts(page: Response) -> list[PagePart]:
    """Return style sheets, icons, scripts and images of a page, each address once, in the order of their kinds; data URLs need no request."""
    document, base = page.document, base_of(page)
    found = [(element.get(attribute), accept) for path, attribute, accept in _LINKED for element in document.xpath(path)]
    found += [(image_url(element), _IMAGE) for element in document.iter("img")]
    parts: dict[str, PagePart] = {}
    for text, accept in found:
        if text and text.strip() and not text.strip().lower().startswith("data:"):
            try:
                url = urldefrag(urljoin(base, text.strip())).url
            except ValueError:  # no address at all; a browser leaves it out too
                continue
            if url.startswith(("http://", "https://")):
                parts.setdefault(url, PagePart(url, accept))
    return list(parts.values())[:_MOST_PARTS]


def base_of(page: Response) -> str:
    """Return the address that a page's links are relative to."""
    given = page.document.xpath("string(//base/@href)")
    return urljoin(page.url, str(given).strip()) if given else page.url


def referer_for(page_url: str, url: str) -> str:
    """Return the Referer of a request that a page causes, by the default policy `strict-origin-when-cross-origin` (Referrer Policy, 3.8).

    The page's address for its own origin, the origin alone for others, nothing from TLS to plain HTTP.
    """
    page, other = urlsplit(page_url), urlsplit(url)
    if (page.scheme, page.netloc) == (other.scheme, other.netloc):
        return urldefrag(page_url).url
    return "" if page.scheme == "https" and other.scheme != "https" else f"{page.scheme}://{page.netloc}/"
