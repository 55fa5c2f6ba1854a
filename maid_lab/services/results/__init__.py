"""What is read about one run: summary, course, errors, slow requests, distributions, log, samples."""
