"""The shop's web pages: linked pages with style sheet, script and images, and a log-in form with a hidden field."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING, Final

from maid_lab.demo.shop.accounts import PASSWORD
from maid_lab.demo.shop.answer import CSS, HTML, JS, SVG, Answer
from maid_lab.demo.shop.catalog import CATEGORIES

if TYPE_CHECKING:
    from maid_lab.demo.shop.accounts import Accounts
    from maid_lab.demo.shop.catalog import Catalog, Product
    from maid_lab.demo.shop.routing import Call, Router

__all__ = ["Pages"]

_STATIC: Final = Path(__file__).parent / "static"
_CACHED: Final = (("Cache-Control", "max-age=300"),)
_ON_A_PAGE: Final = 24
#: Category → two colours of its picture and the outline drawn on them, in a box of 200 by 140.
_PICTURES: Final = {
    "lighting": ("#f6c667", "#e07a3f", "M100 28v26 M70 92l16-38h28l16 38z M92 92a8 8 0 0 0 16 0"),
    "seating": ("#8fc1b5", "#3d7d78", "M76 30v50h48V30 M70 80h60v12H70z M76 92v24 M124 92v24"),
    "tables": ("#d9b38c", "#8c5e3c", "M50 56h100v12H50z M60 68v48 M140 68v48 M60 88h80"),
    "textiles": ("#e8a5b8", "#94476a", "M56 44q44-20 88 0v56q-44 20-88 0z M56 62q44-20 88 0 M56 82q44-20 88 0"),
    "kitchen": ("#a9c4e4", "#41628f", "M72 52h50l8 58H64z M122 62q26 4 10 34 M84 52v-8h26v8"),
    "garden": ("#b7d38d", "#587f3a", "M74 84h52l-6 32H80z M100 84V44 M100 62q-26 0-26-24 26 0 26 24 M100 54q24 0 24-22-24 0-24 22"),
}  # fmt: skip


class Pages:
    """Routes of the web pages."""

    def __init__(self, catalog: Catalog, accounts: Accounts) -> None:
        self._catalog = catalog
        self._accounts = accounts
        self._home = _page("Home", _home(catalog))
        self._lists = [_page("All goods", _list(catalog, number)) for number in range(1, _pages(catalog) + 1)]
        self._products: dict[str, Answer] = {}
        self._assets = _assets()

    def add_to(self, router: Router) -> None:
        """Register all routes."""
        for name, function in (
            ("GET /", self.home),
            ("GET /pages/products", self.products),
            ("GET /pages/product/{sku}", self.product),
            ("GET /pages/login", self.login),
            ("POST /pages/login", self.log_in),
            ("GET /pages/account", self.account),
            ("GET /assets/{name}", self.asset),
            ("GET /favicon.ico", self.icon),
        ):
            router.add(name, function)

    def home(self, call: Call) -> Answer:
        """Show the front page."""
        return self._home

    def products(self, call: Call) -> Answer:
        """Show one page of the goods."""
        return self._lists[call.number("page", 1, low=1, high=len(self._lists)) - 1]

    def product(self, call: Call) -> Answer:
        """Show one product."""
        product = self._catalog.by_sku.get(call.param)
        if product is None:
            return _page("Not found", "<h1>Not found</h1><p>There is no such product.</p>", status=404)
        if call.param not in self._products:
            self._products[call.param] = _page(product.name, _detail(product))
        return self._products[call.param]

    def login(self, call: Call) -> Answer:
        """Show the form; its hidden field is another one each time."""
        return _page("Log in", _form(self._accounts.form_key(), ""))

    def log_in(self, call: Call) -> Answer:
        """Take the form: a wrong hidden field is 403, a wrong password shows the form again with 401."""
        fields = call.form()
        if not self._accounts.knows_form(fields.get("csrf", "")):
            return _page("Log in", _form(self._accounts.form_key(), "This form is not of this shop. Try again."), status=403)
        if fields.get("password") != PASSWORD or "@" not in fields.get("email", ""):
            return _page("Log in", _form(self._accounts.form_key(), "E-mail or password is wrong."), status=401)
        cookie = f"shop_session={self._accounts.open(3600).text}; Path=/; HttpOnly; SameSite=Lax"
        return Answer(status=303, kind=HTML, headers=(("Location", "/pages/account"), ("Set-Cookie", cookie)))

    def account(self, call: Call) -> Answer:
        """Show the customer's page, or lead to the form."""
        if self._accounts.session(f"Bearer {_cookie(call.headers.get('Cookie', ''), 'shop_session')}") is None:
            return Answer(status=303, kind=HTML, headers=(("Location", "/pages/login"),))
        return _page("Your account", '<h1>Welcome back</h1><p>You are logged in. <a href="/pages/products">Look around</a>.</p>')

    def asset(self, call: Call) -> Answer:
        """Give a style sheet, script or picture."""
        return self._assets.get(call.param) or Answer(b"not found\n", status=404)

    def icon(self, call: Call) -> Answer:
        """Give browsers the picture that they ask for unbidden."""
        return self._assets["logo.svg"]


def _assets() -> dict[str, Answer]:
    kinds = {".css": CSS, ".js": JS, ".svg": SVG}
    assets = {
        path.name: Answer(path.read_bytes(), kind=kinds[path.suffix], headers=_CACHED)
        for path in sorted(_STATIC.iterdir())
        if path.suffix in kinds
    }
    assets |= {f"{name}.svg": Answer(_picture(*drawing).encode(), kind=SVG, headers=_CACHED) for name, drawing in _PICTURES.items()}
    return assets


def _picture(light: str, dark: str, outline: str) -> str:
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 140"><defs><linearGradient id="g" x2="1" y2="1">'
        f'<stop stop-color="{light}"/><stop offset="1" stop-color="{dark}"/></linearGradient></defs>'
        '<rect width="200" height="140" fill="url(#g)"/><circle cx="160" cy="20" r="56" fill="#fff" opacity=".14"/>'
        f'<path d="{outline}" fill="none" stroke="#fff" stroke-width="5" stroke-linejoin="round" stroke-linecap="round"/></svg>'
    )


def _page(title: str, content: str, *, status: int = 200) -> Answer:
    text = (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)} – Demo Shop</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1"><link rel="stylesheet" href="/assets/shop.css">'
        '<link rel="icon" href="/assets/logo.svg"><script src="/assets/shop.js" defer></script></head><body>'
        '<header><a class="brand" href="/"><img src="/assets/logo.svg" alt="" width="28" height="28">Demo Shop</a>'
        '<nav><a href="/pages/products">All goods</a><a href="/pages/login">Log in</a></nav></header>'
        f"<main>{content}</main><footer>Nothing here is for sale: this shop is a target for load tests.</footer></body></html>"
    )
    return Answer(text.encode(), status=status, kind=HTML)


def _home(catalog: Catalog) -> str:
    best = sorted(catalog.products, key=lambda product: (-product.rating, product.sku))[:8]
    doors = "".join(
        f'<a class="door" href="/pages/products?page={place + 1}"><img src="/assets/{name}.svg" alt="">{name.title()}</a>'
        for place, name in enumerate(CATEGORIES)
    )
    hero = '<section class="hero"><h1>Good things for quiet rooms</h1><p>Made by nobody, shipped nowhere, always in stock.</p></section>'
    return f'{hero}<section class="doors">{doors}</section><h2>Best rated</h2>{_cards(best)}'


def _list(catalog: Catalog, number: int) -> str:
    goods = catalog.products[(number - 1) * _ON_A_PAGE : number * _ON_A_PAGE]
    links = "".join(
        f'<a href="/pages/products?page={page}"{" aria-current=page" if page == number else ""}>{page}</a>'
        for page in range(1, _pages(catalog) + 1)
    )
    return f'<h1>All goods</h1>{_cards(goods)}<nav class="pager">{links}</nav>'


def _pages(catalog: Catalog) -> int:
    return -(-len(catalog.products) // _ON_A_PAGE)


def _cards(goods: list[Product] | tuple[Product, ...]) -> str:
    cards = "".join(
        f'<a class="card" href="/pages/product/{item.sku}"><img src="/assets/{item.category}.svg" alt="" loading="lazy">'
        f"<strong>{html.escape(item.name)}</strong><span>{_price(item)}</span></a>"
        for item in goods
    )
    return f'<div class="cards">{cards}</div>'


def _detail(product: Product) -> str:
    stars = "★" * round(product.rating) + "☆" * (5 - round(product.rating))
    return (
        f'<article class="product"><img src="/assets/{product.category}.svg" alt=""><div><p class="crumb">{product.category}</p>'
        f'<h1>{html.escape(product.name)}</h1><p class="stars" title="{product.rating}">{stars}</p><p class="price">{_price(product)}</p>'
        f'<p>{product.stock} in stock · {product.sku}</p><button data-sku="{product.sku}">Put into the cart</button></div></article>'
    )


def _form(key: str, message: str) -> str:
    note = f'<p class="note" role="alert">{html.escape(message)}</p>' if message else ""
    return (
        f'<h1>Log in</h1>{note}<form class="login" method="post" action="/pages/login"><input type="hidden" name="csrf" value="{key}">'
        '<label>E-mail<input type="email" name="email" required autocomplete="email"></label>'
        '<label>Password<input type="password" name="password" required autocomplete="current-password"></label>'
        "<button>Log in</button></form>"
    )


def _price(product: Product) -> str:
    return f"€ {product.price_cents / 100:,.2f}"


def _cookie(header: str, name: str) -> str:
    for pair in header.split(";"):
        key, _, value = pair.strip().partition("=")
        if key == name:
            return value
    return ""
