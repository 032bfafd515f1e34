"""What one configuration makes, and the next replaces."""

from __future__ import annotations

from collections.abc import Mapping

from proxy.config.schema import Config
from proxy.gateway.accounts.plans import Plans
from proxy.gateway.pipeline import Pipeline
from proxy.providers.table import deployments, env_deployment
from proxy.routing.affinity import ObjectStore
from proxy.routing.configured import router_of
from proxy.upstream.destination import Destination
from proxy.worker.settings import UNNAMED, pass_through_target


class Parts:
    def __init__(self, config: Config, environ: Mapping[str, str], store: ObjectStore) -> None:
        """Raises ConfigError when the deployments cannot be made."""
        env = env_deployment(environ)
        served = [
            *deployments(config, environ),
            *map(pass_through_target, config.general_settings.pass_through_endpoints),
        ]
        self.config = config
        self.by_id = {deployment.id: deployment for deployment in (*served, *([env] if env else []))}
        self.router = router_of(config, served, env, store)
        self.plans: Plans | None = None
        self.destinations: tuple[Destination, ...] = ()
        self.side: Pipeline | None = None
        """Of the port where there is nothing but metrics."""

    @property
    def model_names(self) -> tuple[str, ...]:
        return tuple(name for name in self.router.model_names() if name != UNNAMED)
