"""The WebSocket: frames, queues, history for those who come back, and the hub between the bus and the clients."""
