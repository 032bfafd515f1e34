"""`/key/...`: made, changed, exchanged, ended, shown. Each is a plan: what is to be written, and what is answered.

Source: https://docs.litellm.ai/docs/proxy/virtual_keys
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from proxy.access.directory import Change
from proxy.access.identity import VirtualKey
from proxy.access.periods import later
from proxy.access.rotation import exchanged
from proxy.control.management.asking import (
    Asker,
    Given,
    Outcome,
    forbidden,
    not_found,
    one_page,
    page_of,
    text_of,
    texts_of,
    wrong,
)
from proxy.control.management.fields import changes_of
from proxy.control.management.making import check_holders, check_weight, new_key, secret_of, with_rotation
from proxy.control.management.showing import Shower, Shown

OWNERS_FIELDS = frozenset({"key_alias", "metadata"})
"""What who owns a key may change of it."""
_SEARCHED = ("user_id", "team_id", "key_alias")


def find(asker: Asker, text: str, param: str = "key") -> VirtualKey:
    """By secret, hash or id. Raises GatewayError 404."""
    key = asker.directory.key_named(text)
    if key is None:
        raise not_found("key", text if not text.startswith("sk-") else "sk-...", param)
    return key


def stored(asker: Asker, text: str, param: str = "key") -> VirtualKey:
    """As it was written, to be changed. Raises GatewayError 400 for one of the configuration, 404."""
    key = find(asker, text, param)
    if asker.directory.is_configured(key.id):
        raise wrong(param, "This key is written in the configuration: change it there.")
    entity = asker.directory.stored("key", key.id)
    assert isinstance(entity, VirtualKey)
    return entity


def generate(asker: Asker, given: Given, shower: Shower) -> Outcome:
    secret = secret_of(asker, given, "key")
    key = new_key(asker, given, secret)
    return Outcome(shown_new(shower, key, secret), (asker.directory.change(key),))


def shown_new(shower: Shower, key: VirtualKey, secret: str) -> Shown:
    """The one answer that holds the secret."""
    shown = shower.key_with_token(key)
    return {**shown, "key": secret, "token_id": key.token, "litellm_budget_table": None}


def update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    text = given.get("key")
    key = stored(asker, text_of(given, "key") if text else _of_alias(asker, given).id)
    fields = changes_of(VirtualKey, given, asker.now)
    if not text:
        fields.pop("key_alias", None)
    if not asker.admin:
        _check_owner(asker, key, fields)
    check_holders(asker, fields)
    changed = with_rotation(asker, given, msgspec.structs.replace(key, **fields, updated_at=asker.now))
    answer = {**shower.key(changed), "key": text or changed.token}
    return Outcome(answer, (asker.directory.change(changed),))


def _of_alias(asker: Asker, given: Given) -> VirtualKey:
    alias = text_of(given, "key_alias")
    for key in asker.directory.all_of("key"):
        if isinstance(key, VirtualKey) and key.key_alias == alias:
            return key
    raise not_found("key", alias, "key_alias")


def _check_owner(asker: Asker, key: VirtualKey, fields: Mapping[str, object]) -> None:
    check_weight(fields, key.queue_weight)
    if asker.runs(key.team_id) and fields.get("team_id", key.team_id) == key.team_id:
        return
    if not asker.owns(key):
        raise forbidden("This key is not yours to change.")
    if not fields.keys() <= OWNERS_FIELDS:
        raise forbidden(f"Of a key of your own you may change {', '.join(sorted(OWNERS_FIELDS))}.")


def delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    by_alias = not given.get("keys")
    names = texts_of(given, "key_aliases" if by_alias else "keys")
    keys = [
        stored(asker, _of_alias(asker, {"key_alias": name}).id if by_alias else name, "keys")
        for name in names
    ]
    for key in keys:
        if not (asker.admin or asker.owns(key) or asker.runs(key.team_id)):
            raise forbidden("One of these keys is not yours to delete.")
    ids = dict.fromkeys(key.id for key in keys)
    return Outcome({"deleted_keys": names}, tuple(asker.directory.deletion("key", id_) for id_ in ids))


def regenerate(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """The old secret ends at once, or with its `grace_period`."""
    key = stored(asker, text_of(given, "key"))
    fields = changes_of(VirtualKey, given, asker.now)
    if not asker.admin:
        check_weight(fields, key.queue_weight)
        if not (asker.owns(key) or asker.runs(key.team_id)):
            raise forbidden("This key is not yours to exchange.")
        if not asker.runs(key.team_id) and not fields.keys() <= OWNERS_FIELDS:
            raise forbidden(f"Of a key of your own you may change {', '.join(sorted(OWNERS_FIELDS))}.")
    check_holders(asker, fields)
    secret = secret_of(asker, given, "new_key")
    key = msgspec.structs.replace(key, **fields)
    changed = exchanged(with_rotation(asker, given, key), secret, asker.now, _grace_of(asker, given))
    return Outcome(shown_new(shower, changed, secret), (asker.directory.change(changed),))


def _grace_of(asker: Asker, given: Given) -> float | None:
    """Until when the old secret is accepted. Raises GatewayError 400."""
    grace = given.get("grace_period")
    if grace in (None, ""):
        return None
    try:
        return later(str(grace), asker.now)
    except ValueError as error:
        raise wrong("grace_period", f"`grace_period`: {error}") from None


def info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Without `key`: of the key that asks."""
    asked = given.get("key")
    if asked:
        key = find(asker, text_of(given, "key"))
    elif asker.key is not None:
        key = asker.key
    else:
        raise not_found("key", "the master key", "key")
    if not asker.may_see(key):
        raise forbidden("You may not see this key's info.")
    return Outcome({"key": asked or key.token, "info": shower.key(key)})


def listed(asker: Asker, given: Given, shower: Shower) -> Outcome:
    number, size = page_of(given, "size", 10)
    found = shower.keys(lambda key: _is_wanted(asker, given, key))
    full = str(given.get("return_full_object", "false")).lower() == "true"
    newest_first = sorted(found, key=lambda key: -key.created_at)
    shown = [
        shower.key_with_token(key) if full else key.token for key in one_page(newest_first, number, size)
    ]
    pages = -(-len(found) // size)
    return Outcome({"keys": shown, "total_count": len(found), "current_page": number, "total_pages": pages})


def _is_wanted(asker: Asker, given: Given, key: VirtualKey) -> bool:
    if not (asker.admin or asker.owns(key) or asker.runs(key.team_id)):
        return False
    if given.get("key_hash") not in (None, "", key.token, key.id):
        return False
    return all(given.get(name) in (None, "", getattr(key, name)) for name in _SEARCHED)


def block(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=True)


def unblock(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _blocked(asker, given, shower, blocked=False)


def _blocked(asker: Asker, given: Given, shower: Shower, *, blocked: bool) -> Outcome:
    key = stored(asker, text_of(given, "key"))
    asker.must_run_key(key)
    changed = msgspec.structs.replace(key, blocked=blocked, updated_at=asker.now)
    return Outcome(shower.key_with_token(changed), (asker.directory.change(changed),))


def health(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Of the key that asks: it was let in."""
    return Outcome({"key": "healthy", "logging_callbacks": None})


def deletions_of(asker: Asker, shower: Shower, of: Callable[[VirtualKey], bool]) -> list[Change]:
    """All such keys, but those of the configuration."""
    directory = asker.directory
    return [
        directory.deletion("key", key.id) for key in shower.keys(of) if not directory.is_configured(key.id)
    ]
