"""`/customer/...`, `/budget/...`, `/tag/...`: for the holder of the master key.

Sources: https://docs.litellm.ai/docs/proxy/customers, https://docs.litellm.ai/docs/proxy/tag_budgets
"""

from __future__ import annotations

import msgspec

from proxy.access.directory import KINDS
from proxy.access.identity import Budget, Customer, Identity, Tag
from proxy.control.management.asking import Asker, Given, Outcome, text_of, texts_of, wrong
from proxy.control.management.kinds import all_of, changed, find, id_of, new
from proxy.control.management.showing import Shower, Shown

# Customers


def customer_new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    customer = new(asker, Customer, given, text_of(given, "user_id"))
    return Outcome(shower.other(customer), (asker.directory.change(customer),))


def customer_update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    customer = changed(asker, Customer, given, text_of(given, "user_id"))
    return Outcome(shower.other(customer), (asker.directory.change(customer),))


def customer_info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    user_id = text_of(given, "end_user_id", "user_id")
    return Outcome(shower.other(find(asker, Customer, user_id, "end_user_id")))


def customer_list(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    return Outcome([shower.other(customer) for customer in all_of(asker, Customer)])


def customer_delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    ids = list(dict.fromkeys(texts_of(given, "user_ids")))
    for id_ in ids:
        find(asker, Customer, id_, "user_ids")
    answer = {"deleted_customers": len(ids), "message": f"Successfully deleted customers with ids: {ids}"}
    return Outcome(answer, tuple(asker.directory.deletion("customer", id_) for id_ in ids))


def customer_block(asker: Asker, given: Given, shower: Shower) -> Outcome:
    """Those that are not there are made: whoever is named is blocked."""
    return _customers_blocked(asker, given, shower, blocked=True)


def customer_unblock(asker: Asker, given: Given, shower: Shower) -> Outcome:
    return _customers_blocked(asker, given, shower, blocked=False)


def _customers_blocked(asker: Asker, given: Given, shower: Shower, *, blocked: bool) -> Outcome:
    asker.must_be_admin()
    customers = []
    for id_ in dict.fromkeys(texts_of(given, "user_ids")):
        found = asker.directory.stored("customer", id_)
        customer = found if isinstance(found, Customer) else Customer(user_id=id_, created_at=asker.now)
        customers.append(msgspec.structs.replace(customer, blocked=blocked, updated_at=asker.now))
    answer = {"blocked_users": [shower.other(customer) for customer in customers]}
    return Outcome(answer, tuple(asker.directory.change(customer) for customer in customers))


# Budgets


def budget_new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    budget = new(asker, Budget, given, id_of(Budget, given))
    return Outcome(shower.other(budget), (asker.directory.change(budget),))


def budget_update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    budget = changed(asker, Budget, given, text_of(given, "budget_id"))
    return Outcome(shower.other(budget), (asker.directory.change(budget),))


def budget_info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    return Outcome([shower.other(find(asker, Budget, id_, "budgets")) for id_ in texts_of(given, "budgets")])


def budget_list(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    return Outcome([shower.other(budget) for budget in all_of(asker, Budget)])


def budget_delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    budget = find(asker, Budget, text_of(given, "id", "budget_id"), "id")
    holders = sum(_holds(asker, kind, budget.budget_id) for kind in KINDS)
    if holders:
        raise wrong(
            "id", f"{holders} keys, teams or others have this budget: without it they would have no limits."
        )
    return Outcome(shower.other(budget), (asker.directory.deletion("budget", budget.budget_id),))


def _holds(asker: Asker, kind: str, budget_id: str) -> int:
    return sum(
        isinstance(each, Identity) and each.budget_id == budget_id for each in asker.directory.all_of(kind)
    )


# Tags


def tag_new(asker: Asker, given: Given, shower: Shower) -> Outcome:
    tag = new(asker, Tag, given, text_of(given, "name"))
    answer = {"message": f"Tag {tag.name} created successfully", "tag": shower.other(tag)}
    return Outcome(answer, (asker.directory.change(tag),))


def tag_update(asker: Asker, given: Given, shower: Shower) -> Outcome:
    tag = changed(asker, Tag, given, text_of(given, "name"))
    answer = {"message": f"Tag {tag.name} updated successfully", "tag": shower.other(tag)}
    return Outcome(answer, (asker.directory.change(tag),))


def tag_info(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    found: dict[str, Shown] = {}
    for name in texts_of(given, "names"):
        found[name] = shower.other(find(asker, Tag, name, "names"))
    return Outcome(found)


def tag_list(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    return Outcome([shower.other(tag) for tag in all_of(asker, Tag)])


def tag_delete(asker: Asker, given: Given, shower: Shower) -> Outcome:
    asker.must_be_admin()
    tag = find(asker, Tag, text_of(given, "name"), "name")
    answer = {"message": f"Tag {tag.name} deleted successfully"}
    return Outcome(answer, (asker.directory.deletion("tag", tag.name),))
