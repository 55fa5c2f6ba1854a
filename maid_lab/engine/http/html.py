"""Markup of an answer: parsed once, read by CSS selectors and XPath (lxml)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["Selection", "compile_css", "compile_xpath", "document_of"]

#: What a selector finds below the root element of a document.
Selection = Callable[[Any], list[Any]]


def document_of(content_type: str, body: bytes, text: str) -> Any:
    """Return the root element of HTML, or of XML when the content type says that it is XML.

    Raises
    ------
    ValueError
        If there is no markup in it.
    """
    from lxml import etree, html

    kind = content_type.lower()
    try:
        if "xml" in kind and "html" not in kind:
            # Nothing is fetched or expanded for a document that asks for it.
            parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
            return etree.fromstring(body, parser)
        return html.document_fromstring(text)
    except (etree.LxmlError, ValueError):
        raise ValueError("the body is no HTML or XML") from None


def compile_css(selector: str, attribute: str = "") -> Selection:
    """Return a function that finds the texts of all elements of a CSS selector, or the values of one of their attributes.

    Raises
    ------
    ValueError
        If the selector is malformed.
    """
    from cssselect import SelectorError
    from lxml.cssselect import CSSSelector

    try:
        find = CSSSelector(selector, translator="html")
    except SelectorError as error:
        raise ValueError(f"{selector!r} is not a CSS selector: {error}") from None
    return lambda document: _values(find(document), attribute)


def compile_xpath(path: str, attribute: str = "") -> Selection:
    """Return a function that finds what an XPath 1.0 expression selects: texts of elements, attributes, numbers, booleans.

    Raises
    ------
    ValueError
        If the expression is malformed.
    """
    from lxml import etree

    try:
        find = etree.XPath(path)
    except etree.XPathSyntaxError as error:
        raise ValueError(f"{path!r} is not an XPath expression: {error}") from None

    def select(document: Any) -> list[Any]:
        try:
            found = find(document)
        except etree.XPathError as error:
            raise ValueError(f"XPath {path}: {error}") from None
        return _values(found if isinstance(found, list) else [found], attribute)

    return select


def _values(found: list[Any], attribute: str) -> list[Any]:
    if attribute:
        return [value for item in found if hasattr(item, "get") and (value := item.get(attribute)) is not None]
    return [_value(item) for item in found]


def _value(item: Any) -> Any:
    if hasattr(item, "itertext"):
        return " ".join("".join(item.itertext()).split())
    if isinstance(item, float) and item.is_integer():
        return int(item)
    return str(item) if isinstance(item, str) else item
