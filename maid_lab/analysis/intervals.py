"""Confidence intervals for differences between two runs.

Samples of one run resemble those just before them, so they are no independent draws, and intervals that take them for such are too
narrow. Sectioning needs no independence: samples in order of time are cut into sections and the statistic is computed in each. Two runs are
compared section by section, so that what both went through (a ramp, caches that fill, a slow end) cancels out; the interval is that of
Student for paired differences. The distance between the mean of these and the difference of the whole runs is added as a bias: when a single bad
moment makes the p99 of a run, most sections know nothing of it, and such a moment is no property of the run. Shares of failed requests, often
zero on one side, have Newcombe's score interval, which takes requests for independent.

References
----------
Asmussen, S., Glynn, P. W. (2007). Stochastic Simulation, III.5a (sectioning). Springer.
Nakayama, M. K. (2014). Confidence intervals for quantiles using sectioning when applying variance-reduction techniques. ACM TOMACS 24(4).
Law, A. M. (2014). Simulation Modeling and Analysis, 10.2.1 (paired-t interval). McGraw-Hill.
Newcombe, R. G. (1998). Interval estimation for the difference between independent proportions. Statistics in Medicine 17, 873-890, method 10.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist, fmean, variance
from typing import Any, Final

import numpy as np

from maid_lab.analysis.quantiles import quantiles, required_samples

__all__ = ["LEAST_SECTIONS", "SECTIONS", "Spread", "mean_spread", "newcombe", "quantile_spread", "rate_spread"]

#: Most and fewest sections of a run.
SECTIONS: Final = 20
LEAST_SECTIONS: Final = 10
#: Samples that one section of a mean or a rate has at least on average.
_PER_SECTION: Final = 2

Numbers = np.ndarray[Any, Any]
Span = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Variance of the difference of a statistic between two runs, in its unit squared, and the degrees of freedom of that estimate."""

    variance: float
    freedom: int

    @classmethod
    def of(cls, baseline: list[float], candidate: list[float], delta: float) -> Spread:
        """Return the spread from a statistic's values in the sections of both runs, `delta` being the difference of the whole runs."""
        differences = [after - before for before, after in zip(baseline, candidate, strict=True)]
        mean = fmean(differences)
        return cls(variance(differences, mean) / len(differences) + (mean - delta) ** 2, len(differences) - 1)

    def around(self, delta: float, *, alpha: float) -> tuple[float, float]:
        """Return the interval around a difference with confidence 1 − α."""
        from scipy import special

        half = float(special.stdtrit(self.freedom, 1 - alpha / 2)) * math.sqrt(self.variance)
        return delta - half, delta + half


def quantile_spread(baseline: Numbers, candidate: Numbers, quantile: float) -> Spread | None:
    """Return the spread of the difference of a quantile; None when a run has fewer samples than it needs (see `required_samples`).

    Parameters
    ----------
    baseline, candidate : array, shape (n,)
        Samples in order of time.
    """
    n, needed = min(len(baseline), len(candidate)), required_samples(quantile)
    if n < needed:
        return None
    # One sample beyond the quantile in each section: ten sections when there are just enough.
    return _sectioned(baseline, candidate, min(SECTIONS, n * LEAST_SECTIONS // needed), lambda part: quantiles(part, [quantile])[0])


def mean_spread(baseline: Numbers, candidate: Numbers) -> Spread | None:
    """Return the spread of the difference of the mean; None when a run has fewer than twenty samples."""
    count = min(SECTIONS, min(len(baseline), len(candidate)) // _PER_SECTION)
    return _sectioned(baseline, candidate, count, lambda part: float(part.mean())) if count >= LEAST_SECTIONS else None


def rate_spread(baseline: Numbers, candidate: Numbers, *, spans: tuple[Span, Span]) -> Spread | None:
    """Return the spread of the difference of a rate; None when a run has fewer than forty events.

    Parameters
    ----------
    baseline, candidate : array, shape (n,)
        Stamps of events.
    spans : pair of (start, end)
        Stretches of the runs that the rates are taken over, in the unit of the stamps; sections are equal parts of them.
    """
    if min(len(baseline), len(candidate)) < _PER_SECTION * SECTIONS or any(end <= start for start, end in spans):
        return None
    whole = [len(stamps) / (end - start) for stamps, (start, end) in zip((baseline, candidate), spans, strict=True)]
    return Spread.of(_rates(baseline, spans[0]), _rates(candidate, spans[1]), whole[1] - whole[0])


def _rates(stamps: Numbers, span: Span) -> list[float]:
    counts, _ = np.histogram(stamps, bins=SECTIONS, range=span)
    return [float(count) * SECTIONS / (span[1] - span[0]) for count in counts]


def _sectioned(baseline: Numbers, candidate: Numbers, count: int, statistic: Callable[[Numbers], float]) -> Spread:
    one, other = ([statistic(part) for part in np.array_split(samples, count)] for samples in (baseline, candidate))
    return Spread.of(one, other, statistic(candidate) - statistic(baseline))


def newcombe(baseline: tuple[int, int], candidate: tuple[int, int], *, alpha: float) -> tuple[float, float]:
    """Return the interval of the difference of two shares, candidate − baseline.

    Parameters
    ----------
    baseline, candidate : (int, int)
        Cases and the number they are among, which is above 0.

    Examples
    --------
    >>> [round(limit, 4) for limit in newcombe((48, 80), (56, 70), alpha=0.05)]
    [0.0524, 0.3339]
    """
    z = NormalDist().inv_cdf(1 - alpha / 2)
    (low_1, high_1), (low_2, high_2) = _wilson(*baseline, z=z), _wilson(*candidate, z=z)
    share_1, share_2 = baseline[0] / baseline[1], candidate[0] / candidate[1]
    delta = share_2 - share_1
    return delta - math.hypot(share_2 - low_2, high_1 - share_1), delta + math.hypot(high_2 - share_2, share_1 - low_1)


def _wilson(cases: int, number: int, *, z: float) -> tuple[float, float]:
    share = cases / number
    middle, half = share + z * z / (2 * number), z * math.sqrt(share * (1 - share) / number + z * z / (4 * number * number))
    scale = 1 + z * z / number
    return (middle - half) / scale, (middle + half) / scale
