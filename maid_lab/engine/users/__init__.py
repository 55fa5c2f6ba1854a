"""Virtual users: their state, what they do, their data, and their branches at the same time."""
