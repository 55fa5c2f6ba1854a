"""The face inside Jupyter Server: REST, WebSocket, and the life of the lab behind them."""
