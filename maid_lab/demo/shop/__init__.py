"""Demo shop: a REST API and web pages to load-test, on `aiohttp.web`'s low-level server. Run it with `python -m maid_lab.demo.shop`."""
