"""Trends over a long hold: what grows or shrinks while the load stays the same.

The test is that of Mann and Kendall, with the variance corrected for autocorrelation as Hamed and Rao propose: what is measured in one minute
resembles the minute before, and the plain test would call that a trend too often. The slope is that of Theil and Sen, the median of the
slopes between all pairs. Both look at order alone, so that a few outliers change nothing.

References
----------
Mann, H. B. (1945). Nonparametric tests against trend. Econometrica 13, 245-259.
Kendall, M. G. (1975). Rank Correlation Methods. Griffin.
Sen, P. K. (1968). Estimates of the regression coefficient based on Kendall's tau. JASA 63, 1379-1389.
Hamed, K. H., Rao, A. R. (1998). A modified Mann-Kendall trend test for autocorrelated data. Journal of Hydrology 204, 182-196.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from maid_lab.analysis.measured import is_measured
from maid_lab.analysis.outcomes import is_failure, is_ok, is_sent
from maid_lab.analysis.quantiles import required_samples
from maid_lab.analysis.times import NS_PER_MS, NS_PER_S, time_named
from maid_lab.model.rows import Phase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from maid_lab.analysis.measured import MeasuredWindow
    from maid_lab.model.plan import Load, Plan

    FloatArray = NDArray[np.float64]

__all__ = ["ALPHA", "MannKendall", "Trend", "mann_kendall", "trend_of", "trends"]

#: Probability below which a trend is taken for one.
ALPHA: Final = 0.01
#: Pieces of the hold; one second at least.
_BINS: Final = 60
_LEAST_BINS: Final = 10
#: A change over the whole hold below this share of the median is not worth a word, however sure it is.
_LEAST_CHANGE: Final = 0.05
#: The same for shares of errors, which may start at zero: as a share of requests.
_LEAST_ERRORS: Final = 0.001
_LEAST_SENT: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class MannKendall:
    """Result of the test: Kendall's S and τ, the two-sided p-value, and by how much autocorrelation widened the variance."""

    s: float
    tau: float
    p: float
    correction: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """Trend of one measure over the hold of a soak.

    `direction` is `rising`, `falling`, `none` or `unknown`; `reason` says why for the last two. `slope_per_h` is in units of the measure per
    hour, with its 95 % confidence interval; `change` what it makes over the hold, `change_share` that as a share of the median.
    """

    load: str
    measure: str
    unit: str
    direction: str
    reason: str = ""
    bins: int = 0
    bin_s: float = 0.0
    hold_s: float = 0.0
    median: float | None = None
    slope_per_h: float | None = None
    slope_low_per_h: float | None = None
    slope_high_per_h: float | None = None
    change: float | None = None
    change_share: float | None = None
    tau: float | None = None
    p: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON data."""
        return asdict(self)


def trends(requests: pl.LazyFrame, *, plan: Plan, window: MeasuredWindow) -> tuple[Trend, ...]:
    """Return the trends of median and p95 of latency and of the share of errors for each load of profile `soak`.

    Parameters
    ----------
    requests : LazyFrame
        Rows of the run.
    window : MeasuredWindow
        Until when the run lasted.
    """
    found: list[Trend] = []
    for load in plan.loads:
        if load.profile == "soak":
            found += _load_trends(requests, load, plan=plan, end_s=window.end_s)
    return tuple(found)


def trend_of(
    at_s: FloatArray, values: FloatArray, *, load: str, measure: str, unit: str, hold_s: float, bin_s: float, least: float | None = None
) -> Trend:
    """Return the trend of a series over a hold.

    Parameters
    ----------
    at_s, values : array, shape (n,)
        Ascending moments in seconds, and what was measured there.
    least : float, optional
        Smallest change over the hold that counts, in units of the measure; 5 % of the median by default.
    """
    known = {"load": load, "measure": measure, "unit": unit, "bins": len(values), "bin_s": bin_s, "hold_s": hold_s}
    if len(values) < _LEAST_BINS:
        reason = f"too few samples: {len(values)} pieces of {bin_s:g} s have enough rows, {_LEAST_BINS} are needed"
        return Trend(direction="unknown", reason=reason, **known)  # type: ignore[arg-type]
    from scipy import stats

    test = mann_kendall(values)
    slope, _, low, high = stats.theilslopes(values, at_s, alpha=0.95)
    median = float(np.median(values))
    change = float(slope) * hold_s
    small = abs(change) < (_LEAST_CHANGE * abs(median) if least is None else least)
    direction, reason = "rising" if slope > 0 else "falling", ""
    if test.p >= ALPHA:
        direction, reason = "none", f"p = {test.p:.2g}"
    elif small:
        direction, reason = "none", "there is one, but it is too small to matter"
    return Trend(
        direction=direction, reason=reason, median=median, slope_per_h=float(slope) * 3600, slope_low_per_h=float(low) * 3600,
        slope_high_per_h=float(high) * 3600, change=change, change_share=change / median if median else None, tau=test.tau, p=test.p,
        **known,  # type: ignore[arg-type]
    )  # fmt: skip


def mann_kendall(values: FloatArray) -> MannKendall:
    """Test a series for a monotonic trend, with the variance of Hamed and Rao and the correction for ties.

    Parameters
    ----------
    values : array, shape (n,)
        In order of time, n ≥ 3.

    Examples
    --------
    >>> mann_kendall(np.arange(20.0)).tau
    1.0
    """
    from scipy import stats

    n = len(values)
    s = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    _, ties = np.unique(values, return_counts=True)
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    if variance <= 0:
        return MannKendall(s=s, tau=0.0, p=1.0, correction=1.0)
    correction = _autocorrelation_factor(values)
    z = (s - math.copysign(1, s)) / math.sqrt(variance * correction) if s else 0.0
    pairs = n * (n - 1) / 2
    untied = math.sqrt(pairs * (pairs - float((ties * (ties - 1)).sum()) / 2))
    return MannKendall(s=s, tau=s / untied if untied else 0.0, p=float(2 * stats.norm.sf(abs(z))), correction=correction)


def _autocorrelation_factor(values: FloatArray) -> float:
    """Return by how much autocorrelation of the detrended ranks widens the variance: equation 16 of Hamed and Rao; never below 1."""
    from scipy import stats

    n = len(values)
    moments = np.arange(n, dtype=float)
    slope = stats.theilslopes(values, moments).slope
    ranks = stats.rankdata(values - slope * moments)
    centred = ranks - ranks.mean()
    power = float(centred @ centred)
    if not power:
        return 1.0
    total = 0.0
    for lag in range(1, n - 2):
        rho = float(centred[lag:] @ centred[:-lag]) / power
        if abs(rho) > 1.96 / math.sqrt(n):
            total += (n - lag) * (n - lag - 1) * (n - lag - 2) * rho
    # A negative sum would make the test more eager than the plain one; a soak test had better miss a trend than invent one.
    return max(1.0, 1 + 2 / (n * (n - 1) * (n - 2)) * total)


def _load_trends(requests: pl.LazyFrame, load: Load, *, plan: Plan, end_s: float) -> list[Trend]:
    begin, end = _hold_of(load)
    end = min(end, end_s)
    hold_s = max(0.0, end - begin)
    bin_s = max(1.0, hold_s / _BINS)
    names = sorted({plan.scenarios[index].name for index in load.order if index < len(plan.scenarios)})
    start_s = pl.col("start") / NS_PER_S
    # A last piece that is not full has other counts, so it is left out.
    rows = requests.filter(is_measured(plan=plan) & pl.col("scenario").cast(pl.String).is_in(names)).filter(
        (start_s >= begin) & (start_s < begin + math.floor(hold_s / bin_s + 1e-9) * bin_s)
    )
    times = time_named("latency", plan=plan).filter(is_ok()) / NS_PER_MS
    table = (
        rows.group_by(bin=((start_s - begin) / bin_s).floor().cast(pl.Int64))
        .agg(
            ok=is_ok().sum(), sent=is_sent().sum(), failed=is_failure().sum(), p50=times.quantile(0.5, interpolation="linear"),
            p95=times.quantile(0.95, interpolation="linear"),
        )
        .sort("bin")
        .collect()
    )  # fmt: skip
    known: dict[str, Any] = {"load": load.name, "hold_s": hold_s, "bin_s": bin_s}
    found = []
    for key, quantile in (("p50", 0.5), ("p95", 0.95)):
        full = table.filter(pl.col("ok") >= required_samples(quantile))
        moments = begin + (full["bin"].to_numpy() + 0.5) * bin_s
        found.append(trend_of(moments, full[key].to_numpy(), measure=f"{key} of latency", unit="ms", **known))
    full = table.filter(pl.col("sent") >= _LEAST_SENT)
    moments = begin + (full["bin"].to_numpy() + 0.5) * bin_s
    shares = (full["failed"] / full["sent"]).to_numpy()
    found.append(trend_of(moments, shares, measure="errors", unit="share", least=_LEAST_ERRORS, **known))
    return found


def _hold_of(load: Load) -> tuple[float, float]:
    """Return the hold, seconds since the start of the run; the whole load when nothing of it is held."""
    held = [segment for segment in load.segments if segment.phase is Phase.MAINTAIN] or list(load.segments)
    longest = max(held, key=lambda segment: segment.end_s - segment.start_s)
    return load.start_at_s + longest.start_s, load.start_at_s + longest.end_s
