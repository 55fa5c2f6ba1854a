"""What a worker keeps: rows, messages of streams, live counts, exchanges for the logs."""
