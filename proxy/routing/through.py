"""Who serves requests that name no model: they must find the objects of those that name one."""

from __future__ import annotations

from collections.abc import Sequence

from proxy.types import Deployment


def through(
    deployments: Sequence[Deployment],
    environment: Deployment | None = None,
    *,
    environment_first: bool = False,
) -> list[Deployment]:
    """The first that there are: those marked for it, the environment's key where it comes first, the configuration's
    own that every model reaches, the environment's key. One that the configuration has too is that one."""
    marked = [each for each in deployments if each.use_in_pass_through]
    if marked:
        return marked
    own = _own(deployments, environment)
    if environment is None or (own and not environment_first):
        return own
    return [each for each in deployments if same_key(each, environment)] or [environment]


def _own(deployments: Sequence[Deployment], environment: Deployment | None) -> list[Deployment]:
    """Those of the projects that serve every OpenAI model: an object there can be used with any.

    Where none serves all, since some models are elsewhere: all of the models at the environment's base.
    """
    openai = [each for each in deployments if each.whole_api]
    found = _common(openai)
    if found or environment is None:
        return found
    return _common([each for each in openai if each.api_base == environment.api_base])


def _common(deployments: Sequence[Deployment]) -> list[Deployment]:
    scopes: dict[str, set[str]] = {}
    for each in deployments:
        scopes.setdefault(each.group, set()).add(each.object_scope)
    shared = set.intersection(*scopes.values()) if scopes else set()
    return [each for each in deployments if each.object_scope in shared]


def same_key(one: Deployment, other: Deployment) -> bool:
    """The same credential for the same organization of the same upstream: one project, whatever it is called."""
    return (one.api_base, one.api_key, one.organization) == (
        other.api_base,
        other.api_key,
        other.organization,
    )
