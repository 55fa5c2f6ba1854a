"""HTTP/1.1: connections, heads, bodies, cookies, checks and extracts."""
