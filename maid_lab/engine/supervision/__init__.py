"""The process that watches a run: workers, snapshots, thresholds, live control, the end."""
