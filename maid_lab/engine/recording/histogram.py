"""Log-linear histograms of durations for the live view: bounded relative error, merged by adding.

A duration v = m · 2^e with 0.5 ≤ m < 1 falls into bucket e · 128 + ⌊(m − 0.5) · 256⌋, so that a bucket is at most 1/128 of its value
wide and its middle is off by less than 0.4 % (the idea of HDR histograms: G. Tene, HdrHistogram). Final numbers never come from here: they
are computed from the rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["bucket_of", "bucket_value_ns", "buckets_of", "quantile_ns"]


#: Bits of a double below the exponent and seven bits of mantissa; what the exponent is shifted by, with frexp's half.
_BITS_BELOW: Final = 52 - 7
_BIAS: Final = 1022 * 128


def buckets_of(durations_ns: NDArray[Any]) -> NDArray[np.int64]:
    """Return the bucket of each duration; shape (n,) to shape (n,)."""
    import numpy as np

    # The exponent and the first seven bits of the mantissa stand side by side in a double (IEEE 754): shifted down, they are the bucket.
    bits = durations_ns.astype(np.float64).view(np.int64) >> _BITS_BELOW
    buckets: NDArray[np.int64] = np.maximum(bits - _BIAS, 0)
    return buckets


def bucket_of(duration_ns: int) -> int:
    """Return the bucket of one duration."""
    import math

    mantissa, exponent = math.frexp(duration_ns)
    return exponent * 128 + max(int((mantissa - 0.5) * 256), 0)


def bucket_value_ns(bucket: int) -> float:
    """Return the middle of a bucket in ns."""
    exponent, part = divmod(bucket, 128)
    return float((0.5 + (part + 0.5) / 256) * 2.0**exponent) if bucket > 0 else 0.0


def quantile_ns(counts: Mapping[int, int], q: float) -> float | None:
    """Return the q-quantile (0 ≤ q ≤ 1) of a histogram in ns, None when it is empty."""
    total = sum(counts.values())
    if not total:
        return None
    rank = q * (total - 1)
    seen = 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen > rank:
            return bucket_value_ns(bucket)
    return bucket_value_ns(max(counts))
