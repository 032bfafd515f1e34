"""Every route of the simulated API."""

from __future__ import annotations

from proxy.simulator import (
    assistants,
    audio,
    batches,
    chat,
    completions,
    conversations,
    embeddings,
    files,
    fine_tuning,
    images,
    messages,
    models,
    moderations,
    responses,
    runs,
    stored_chats,
    threads,
    uploads,
    vector_store_files,
    vector_stores,
)
from proxy.simulator.route import Route

ROUTES: tuple[Route, ...] = (
    *chat.ROUTES,
    *stored_chats.ROUTES,
    *completions.ROUTES,
    *embeddings.ROUTES,
    *moderations.ROUTES,
    *models.ROUTES,
    *images.ROUTES,
    *audio.ROUTES,
    *responses.ROUTES,
    *conversations.ROUTES,
    *files.ROUTES,
    *uploads.ROUTES,
    *batches.ROUTES,
    *fine_tuning.ROUTES,
    *vector_stores.ROUTES,
    *vector_store_files.ROUTES,
    *assistants.ROUTES,
    *threads.ROUTES,
    *messages.ROUTES,
    *runs.ROUTES,
)
