"""REST handlers, one module for each service; each parses, authorises, calls one service and renders."""
