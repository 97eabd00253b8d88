"""What every asset works with: where bytes live, how accounts are reached, what runs."""

from collections.abc import Callable
from dataclasses import dataclass

from stratum_pipeline.kernel.correlate import Correlation
from stratum_pipeline.kernel.module import Module
from stratum_pipeline.kernel.rule import Rule
from stratum_pipeline.organization import Access
from stratum_pipeline.registry import MODULES, module
from stratum_pipeline.settings import Settings
from stratum_pipeline.store.data import Data
from stratum_pipeline.store.ledger import Ledger
from stratum_pipeline.store.objects import open_store
from stratum_pipeline.store.vault import Vault


@dataclass(frozen=True)
class Deployment:
    """One installation of Stratum."""

    data: Data
    ledger: Ledger
    access: Access
    modules: tuple[Module, ...]  # switched on
    regions: tuple[str, ...]  # () for those each account enables
    accounts_at_once: int
    accounts_per_run: int
    on_account: Callable[[str], None]  # hears "s3 in 123456789012" when it was read

    @classmethod
    def of(
        cls, settings: Settings, on_account: Callable[[str], None] = lambda what: None
    ) -> "Deployment":
        """As `settings` say; KeyError names a module that does not exist."""
        return cls(
            data=Data(open_store(settings.data)),
            ledger=Ledger(Vault(open_store(settings.vault))),
            access=Access(settings.role, settings.external_id),
            modules=tuple(map(module, settings.modules)) or MODULES,
            regions=settings.regions,
            accounts_at_once=settings.accounts_at_once,
            accounts_per_run=settings.accounts_per_run,
            on_account=on_account,
        )

    @property
    def rules(self) -> list[Rule]:
        return [rule for one in self.modules for rule in one.rules]

    @property
    def correlations(self) -> list[Correlation]:
        return [c for one in self.modules for c in one.correlations]

    @property
    def module_names(self) -> list[str]:
        return [one.name for one in self.modules]
