"""Builds pipelines: from a configuration's parts, what the worker keeps, and what all requests share."""

from __future__ import annotations

import time
from collections.abc import Mapping

from proxy.access.keys import Keys
from proxy.accounting.bus import UNRECORDED, Records
from proxy.config.callbacks import named
from proxy.config.schema import Config
from proxy.credentials import Withheld, withheld
from proxy.gateway.accounts.accounts import Accounts
from proxy.gateway.accounts.estimate import Estimator
from proxy.gateway.accounts.plans import Plans
from proxy.gateway.accounts.refusals import RefusalSettings
from proxy.gateway.pipeline import KeepPrompt, Pipeline
from proxy.gateway.reading.reception import Reception
from proxy.gateway.reading.routes import Routes
from proxy.gateway.reading.session import namer
from proxy.gateway.telling.cors import Cors
from proxy.gateway.telling.rebinding import HomeGuard
from proxy.gateway.trying.attempts import Attempts, Lasting
from proxy.gateway.trying.choosing import Choosing
from proxy.gateway.trying.outbound import Sender
from proxy.gateway.trying.sending import Sending
from proxy.pricing.book import PriceBook
from proxy.storage.prompts import redactions
from proxy.upstream.destination import Destination, Forwarding
from proxy.worker.kept import Kept
from proxy.worker.pages import Pages
from proxy.worker.parts import Parts
from proxy.worker.reaching import Reaching
from proxy.worker.settings import (
    attempt_settings,
    destination_of,
    following_settings,
    intake_limits,
    native_forwarding,
    origins_allowed,
    pass_through_route,
    plan_settings,
    price_book,
    quotes,
    session_affinity,
    tenancy_of,
)
from proxy.worker.shares import Shares


class Plant:
    def __init__(
        self, reaching: Reaching, kept: Kept, shares: Shares, pages: Pages, recorder: Records
    ) -> None:
        self._reaching = reaching
        self._kept = kept
        self._shares = shares
        self._pages = pages
        self._recorder = recorder
        self._key_headers: set[str] = set()
        self.page_paths: frozenset[str] = frozenset()

    def make(self, config: Config, environ: Mapping[str, str]) -> tuple[Parts, Pipeline]:
        """Slow; changes nothing that serves, so that a thread may do it. Raises ConfigError."""
        parts, book = Parts(config, environ, self._kept.store), price_book(config)
        attempts = self._attempts(parts, book)
        parts.side = self._side(parts, attempts)
        return parts, self._pipeline(parts, attempts, book, environ)

    def _attempts(self, parts: Parts, book: PriceBook) -> Attempts:
        config, kept = parts.config, self._kept
        return Attempts(
            parts.router,
            self._destinations(parts),
            Sending(self._reaching.client, self._sender(config)),
            attempt_settings(config),
            following_settings(config),
            Lasting(
                self._shares.retries,
                self._shares.room,
                kept.counted,
                unpriced=kept.unpriced,
                reckoning=kept.reckoning,
                conversations=kept.conversations,
                objects=kept.objects,
            ),
            book,
            tenancy_of(config),
        )

    def _destinations(self, parts: Parts) -> dict[str, Destination]:
        """Of all that are served; the parts hold those that they lead to as well."""
        forwards = parts.config.general_settings.forward_openai_org_id is True
        served = (deployment for deployment in parts.by_id.values() if deployment.unservable is None)
        made = {each.id: destination_of(each, forwards) for each in served}
        through = (each.through for each in made.values() if each.through is not None)
        parts.destinations = (*made.values(), *through)
        for destination in parts.destinations:
            self._reaching.renewals.prepare(destination)
        return made

    def _pipeline(
        self, parts: Parts, attempts: Attempts, book: PriceBook, environ: Mapping[str, str]
    ) -> Pipeline:
        config, kept = parts.config, self._kept
        general, origins = config.general_settings, origins_allowed(config, environ)
        customs = [pass_through_route(endpoint) for endpoint in general.pass_through_endpoints]
        pages = self._pages.of(parts, customs, book)
        self.page_paths = frozenset(page.path for page in pages)
        header = general.litellm_key_header_name
        reception = Reception(
            Routes(pages, customs),
            Keys(general.master_key, header.lower().encode() if header else None, kept.directory),
            None if general.master_key else HomeGuard(origins),
            None if kept.desk is None else kept.desk.seek,
            traces=any(callback.name == "otel" for callback in named(config.litellm_settings)),
        )
        return Pipeline(
            reception,
            Choosing(parts.router, namer(session_affinity(config)), tenancy_of(config), kept.objects),
            attempts,
            self._recorder,
            intake_limits(config, self._shares.memory, self._shares.disk),
            Cors(origins),
            self._reaching.reactor.walls.requests,
            self._accounts(parts, book),
            self._keep_prompt(config),
        )

    def _side(self, parts: Parts, attempts: Attempts) -> Pipeline | None:
        page = self._pages.of_side(parts.config)
        if page is None:
            return None
        limits = intake_limits(parts.config, self._shares.memory, self._shares.disk)
        token = parts.config.sluice_settings.metrics_token
        reception = Reception(Routes([page], (), only_pages=True), Keys(token))
        return Pipeline(reception, Choosing(parts.router), attempts, UNRECORDED, limits)

    def _accounts(self, parts: Parts, book: PriceBook) -> Accounts:
        config, kept = parts.config, self._kept
        parts.plans = Plans(kept.directory, plan_settings(config))
        return Accounts(
            kept.spending.ledger,
            parts.plans,
            Estimator(quotes(book), config.sluice_settings.assumed_output_tokens),
            kept.spending,
            time.monotonic,
            time.time,
            self._shares.turns,
            config.sluice_settings.total_timeout_s,
            RefusalSettings(config.litellm_settings.budget_exceeded_status_code),
        )

    def _sender(self, config: Config) -> Sender:
        everything = Forwarding(self._withheld(config))
        return Sender(native_forwarding(config.general_settings, everything), everything)

    def _withheld(self, config: Config) -> Withheld:
        """Clients that were not told of a new key header yet send the old one: it stays a credential."""
        if config.general_settings.litellm_key_header_name:
            self._key_headers.add(config.general_settings.litellm_key_header_name)
        ours = config.sluice_settings
        return withheld(self._key_headers, ours.withheld_headers, ours.passed_headers)

    def _keep_prompt(self, config: Config) -> KeepPrompt | None:
        """Raises ConfigError for a redaction that is no regular expression."""
        secrets, prompts = redactions(config.sluice_settings.prompt_redactions), self._kept.prompts
        if prompts is None or not config.sluice_settings.store_prompts:
            return None
        prompts.configure(config.sluice_settings.stored_prompt_chars, secrets)
        return prompts.keep
