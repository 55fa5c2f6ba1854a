"""Recipes that the tests of the model change in one place."""

from __future__ import annotations

from typing import Final

__all__ = ["ECOMMERCE", "HELLO", "ORDERS", "changed"]

HELLO: Final = """\
schema: maid.recipe/v1
id: hello
title: Hello
description: Twenty users ask for the front page for half a minute.
target: {base_url: "demo:shop"}
load: {users: 20, run_time: 30s}
scenarios:
  - name: front
    think: 1s
    steps:
      - get: /
thresholds: [error_rate < 1%, p95 < 300ms]
"""

ECOMMERCE: Final = """\
schema: maid.recipe/v1
id: ecommerce
version: 1.0.0
title: Shop through one day
description: |
  Seven of ten visitors browse, two search, one buys. The load follows a day curve.
category: real-world
labels: [shop, checkout, http]
license: Apache-2.0
requires: {maid: ">=1,<2"}
parameters:
  - {key: base_url, type: url, default: "demo:shop", description: Origin under test}
  - {key: users, type: integer, default: 50, min: 1, max: 2000, description: Users at the top of the day}
  - {key: day, type: duration, default: 10m, description: Length of the simulated day}
  - {key: password, type: secret, required: false, description: Password of the test customers}
presets:
  smoke: {users: 2, day: 20s}
  normal: {users: 50, day: 10m}
  peak: {users: 400, day: 30m}
target:
  base_url: "{{ base_url }}"
  defaults: {headers: {Accept: application/json}, timeout: 10s}
load:
  profile: wave
  unit: users
  period: "{{ day }}"
  duration: "{{ day }}"
  points:
    - {at: 0%, value: "{{ users * 0.2 }}"}
    - {at: 35%, value: "{{ users * 0.6 }}"}
    - {at: 70%, value: "{{ users }}"}
    - {at: 100%, value: "{{ users * 0.2 }}"}
data:
  - {name: customers, path: data/customers.csv, fields: [email], order: shuffle, per: user}
setup:
  - wait_for: {get: /health, status: 200, timeout: 60s}
scenarios:
  - name: browse
    weight: 7
    think: {min: 1s, max: 4s}
    steps:
      - name: product list
        get: {url: /products, params: {page: "{{ random_int(1, 9) }}"}}
        extract: [{name: sku, json: "$.items[*].sku", pick: random}]
      - name: product page
        get: "/products/{{ sku }}"
        check: [{json: {path: $.sku, equals: "{{ sku }}"}}]
  - name: search
    weight: 2
    think: 3s ±20%
    steps:
      - name: search
        get: {url: /search, params: {q: "{{ choice(['lamp', 'chair', 'desk']) }}"}}
        check: [{json: {path: $.items, exists: true}}]
  - name: buy
    weight: 1
    data: customers
    think: {min: 2s, max: 6s}
    on_start:
      - name: login
        post: {url: /login, json: {email: "{{ row.email }}", password: "{{ password | default('demo') }}"}}
        extract: [{name: token, json: $.token}]
    steps:
      - transaction: fill cart
        steps:
          - loop: {count: "{{ random_int(1, 3) }}"}
            steps:
              - name: product list
                get: /products
                extract: [{name: sku, json: "$.items[*].sku", pick: random}]
              - name: add to cart
                post: {url: /cart, headers: {Authorization: "Bearer {{ token }}"}, json: {sku: "{{ sku }}", qty: 1}}
                check: [{status: 201}]
      - transaction: pay
        steps:
          - name: checkout
            post: {url: /checkout, headers: {Authorization: "Bearer {{ token }}"}, json: {order: "{{ uuid() }}"}}
            check: [{status: 201}, {latency: "< 2s"}]
            on_error: iteration
thresholds:
  - error_rate < 1%
  - p95 < 800ms
  - p99(transaction:pay) < 1.5s over 30s abort
limits: {max_users: 2000, max_duration: 2h}
outputs: [{type: html}, {type: junit}]
"""

ORDERS: Final = """\
schema: maid.recipe/v1
id: orders-by-customer
title: Point reads on orders
description: How long do indexed reads and a small write take in PostgreSQL at a fixed rate from a pool of ten?
category: database
parameters:
  - {key: dsn, type: secret, required: true, env: ORDERS_DSN, description: Address such as postgresql://user:password@host/db}
  - {key: rate, type: rate, default: 500/s, description: Scenario starts}
target:
  sql: {dsn: "{{ dsn }}", pool: {size: 10, timeout: 2s}, read_only: false}
load: {profile: constant-rate, rate: "{{ rate }}", duration: 2m, ramp: 10s, max_users: 50, arrivals: poisson}
setup:
  - sql: {statement: select max(id) as top from customers, fetch: one}
    extract: [{name: top, column: top}]
scenarios:
  - name: read
    weight: 9
    steps:
      - name: orders of customer
        sql: {statement: select * from orders where customer_id = $1, args: ["{{ random_int(1, top) }}"], fetch: all}
        check: [{sql_rows: ">= 0"}]
  - name: write
    weight: 1
    steps:
      - name: touch customer
        sql:
          allow_write: true
          isolation: read committed
          begin:
            - {statement: select id from customers where id = $1 for update, args: ["{{ random_int(1, top) }}"], fetch: one}
            - {statement: insert into visits (customer_id) values ($1), args: ["{{ random_int(1, top) }}"]}
thresholds: ["p99(service, request:orders*) < 20ms", "p95(connect, sql) < 5ms", error_rate < 0.1%, dropped < 1]
"""


def changed(old: str, new: str, recipe: str = HELLO) -> str:
    """Return a recipe with one passage replaced, which must be there once."""
    assert recipe.count(old) == 1, f"{old!r} stands {recipe.count(old)} times"
    return recipe.replace(old, new)
