"""The forms in which servers say when to come back: Retry-After and X-RateLimit-Reset that are in use."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from exporter.demo.simulator.server import http_date

FORMS: Final[dict[str, Callable[[float, float], tuple[tuple[str, str], ...]]]] = {
    "seconds": lambda _, wait: (("Retry-After", f"{wait:g}"),),
    "imf_date": lambda now, wait: (("Retry-After", http_date(now + wait)),),  # the three dates of RFC 9110, 5.6.7
    "rfc850_date": lambda now, wait: (("Retry-After", _rfc850_date(now + wait)),),
    "asctime_date": lambda now, wait: (("Retry-After", time.asctime(time.gmtime(now + wait))),),
    "unix_time": lambda now, wait: (("X-RateLimit-Reset", f"{int(now + wait)}"),),
    "seconds_to_go": lambda _, wait: (("X-RateLimit-Reset", f"{wait:g}"),),
    "milliseconds": lambda now, wait: (("X-RateLimit-Reset", f"{int((now + wait) * 1000)}"),),
    "nothing": lambda *_: (),
}
"""By name: what writes the headers that say, at a Unix time, how many seconds to wait."""


def _rfc850_date(moment: float) -> str:
    return time.strftime("%A, %d-%b-%y %H:%M:%S GMT", time.gmtime(moment))
