"""A module: everything Stratum knows about one corner of AWS."""

from dataclasses import dataclass

from .collect import REGIONS, Collector
from .correlate import Correlation
from .rule import Rule


@dataclass(frozen=True, kw_only=True)
class Module:
    name: str
    doc: str  # one line: what it looks at
    collectors: tuple[Collector, ...]
    rules: tuple[Rule, ...]
    correlations: tuple[Correlation, ...] = ()

    @property
    def regional(self) -> bool:
        """Whether any of its tables is asked for in every region."""
        return any(c.table.regional for c in self.collectors)

    @property
    def operations(self) -> frozenset[str]:
        """Every AWS operation it may call; its role's policy is generated from this."""
        regions = {REGIONS} if self.regional else frozenset[str]()
        return frozenset(regions).union(*(c.operations for c in self.collectors))
