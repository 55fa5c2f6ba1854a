"""Load models: when users come and go, when iterations and requests start, and what holds them back."""
