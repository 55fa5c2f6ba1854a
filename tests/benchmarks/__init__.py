"""Measurements beside peers: `make bench`. Not part of the tests; `docs/benchmarks.md` says how to read them."""
