"""What the shop sells: made from a seed, so that the same seed always gives the same goods."""

from __future__ import annotations

import random
from dataclasses import asdict, dataclass
from typing import Any, Final

__all__ = ["CATEGORIES", "Catalog", "Product"]

#: Category → nouns that its goods are named by.
CATEGORIES: Final = {
    "lighting": ("lamp", "lantern", "spotlight", "candle"),
    "seating": ("chair", "stool", "bench", "armchair"),
    "tables": ("desk", "table", "sideboard", "shelf"),
    "textiles": ("blanket", "cushion", "rug", "curtain"),
    "kitchen": ("kettle", "bowl", "pan", "carafe"),
    "garden": ("planter", "trellis", "watering can", "bird bath"),
}
_MATERIALS: Final = ("oak", "ash", "walnut", "linen", "wool", "brass", "copper", "stone", "glass", "cork")
_STYLES: Final = ("quiet", "round", "tall", "folding", "woven", "low", "bright", "narrow", "heavy", "plain")
_COUNT: Final = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """One thing on sale; the price is in cents, so that sums are exact."""

    sku: str
    name: str
    category: str
    price_cents: int
    rating: float
    stock: int

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data with the price in euros and the image's path."""
        data = asdict(self)
        data["price"] = self.price_cents / 100
        data["image"] = f"/assets/{self.category}.svg"
        return data


class Catalog:
    """All products, by place and by sku.

    Parameters
    ----------
    seed : int
        Seed of names, prices and stock; skus are the same for every seed.
    """

    def __init__(self, seed: int) -> None:
        rng = random.Random(seed)
        self.products = tuple(_product(number, rng) for number in range(1, _COUNT + 1))
        self.by_sku = {product.sku: product for product in self.products}

    def search(self, text: str) -> list[Product]:
        """Return the products whose name or category holds all words of `text`."""
        words = text.lower().split()
        return [product for product in self.products if all(word in product.name or word in product.category for word in words)]


def _product(number: int, rng: random.Random) -> Product:
    category = tuple(CATEGORIES)[number % len(CATEGORIES)]
    return Product(
        sku=f"SKU-{number:04d}",
        name=f"{rng.choice(_STYLES)} {rng.choice(_MATERIALS)} {rng.choice(CATEGORIES[category])}",
        category=category,
        price_cents=rng.randrange(500, 40_000, 50) - 1,
        rating=rng.randint(25, 50) / 10,
        stock=rng.randint(0, 200),
    )
