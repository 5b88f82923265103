"""Benchmarks: each beside a named peer or limit measured in the same run, with sizes, memory and command. 基准测试"""

import resource
from dataclasses import asdict, dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure. `ratio` is our rate over the peer's (or the limit over our time): above 1 is better than it."""

    name: str
    n: int
    seconds: float
    ratio: float
    ratio_to: str
    peak_memory_mb: int

    def document(self) -> dict[str, object]:
        """The row as JSON has it."""
        rate = self.n / self.seconds if self.seconds else 0.0
        return {
            **asdict(self),
            "seconds": round(self.seconds, 3),
            "per_second": round(rate, 1),
            "ratio": round(self.ratio, 3),
        }


def peak_mb() -> int:
    """The most memory this process ever had, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
