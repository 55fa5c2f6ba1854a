"""From a validated recipe to a frozen plan: values, loads, steps, labels. Levels L2 (values) and L4."""
