"""A small recipe for runs of about a second."""

from __future__ import annotations

from pathlib import Path

__all__ = ["write_recipe"]

RECIPE = """schema: maid.recipe/v1
id: small
title: Small
description: Front page and a search, by a few users, for a moment.
parameters: [{{key: term, type: string, default: lamp, description: What is searched}}]
target: {{base_url: "{url}"}}
load: {{users: 4, run_time: 500ms}}
scenarios:
  - name: look
    think: 4ms
    steps:
      - {{name: front page, get: /}}
      - {{name: search, get: {{url: /search, params: {{q: "{{{{ term }}}}"}}}}}}
  - name: idle
    weight: 1
    think: 8ms
    steps: [{{name: products, get: /products}}]
thresholds: [{thresholds}]
"""


def write_recipe(folder: Path, url: str, *, thresholds: str = "error_rate < 50%") -> Path:
    """Write the recipe for a target and return its path."""
    path = folder / "small.yaml"
    path.write_text(RECIPE.format(url=url, thresholds=thresholds))
    return path
