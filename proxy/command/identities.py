"""`sluice keys`, `teams`, `users`, `customers`, `budgets`, `tags`: LiteLLM's endpoints, on the state file itself.

One table: a noun has words, each of which is an operation of `control.management`, and options, which are its fields.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import cast

import msgspec
import trio

from proxy.access.directory import Directory
from proxy.access.identity import Budget, Customer, Entity, Tag, Team, User, VirtualKey
from proxy.access.periods import zone_of
from proxy.command.columns import fields_in_lines, in_columns
from proxy.command.state import add_options, path_of
from proxy.config.fill import master_key_of
from proxy.config.load import examine
from proxy.config.schema import Config
from proxy.config.settings import GeneralSettings
from proxy.control.management import Office, Plan, keys, members, others, teams, users
from proxy.control.management.fields import NEVER_GIVEN
from proxy.errors import GatewayError
from proxy.limits.subjects import Kind, subject
from proxy.process.exit_codes import EX_FAILED, EX_OK
from proxy.storage import spend
from proxy.storage.file import StateFile
from proxy.worker.register import NANO, Desk, Register
from proxy.worker.settings import configured_keys, reserved_secrets

PAGE = 1_000
"""Of a list, asked for at once."""
NOTHING = "none"
"""Takes a value away, in an update."""
Shown = dict[str, object]


class Noun(msgspec.Struct, frozen=True):
    struct: type[Entity]
    summary: str
    words: Mapping[str, Plan]
    named: str
    """The field by which operations name one."""
    many: str
    """The same of several, for `delete`."""
    columns: tuple[str, ...]
    rows: str | None = None
    """Where the rows of a list's answer are; None: it is the list."""
    more: Mapping[str, str] = {}
    """Options that are no fields of its own: name, and what they are for."""


_NEW_KEY = {
    "duration": "until its end: 30s, 15m, 1h, 30d, 2w, 1mo; -1: never",
    "expires": "its end as a time: 2026-12-31",
    "key": "a secret of your own, instead of one that is made",
    "key_type": "llm_api, management or read_only: which routes",
    "grace_period": "with regenerate: how long the old secret is accepted",
}
NOUNS: Mapping[str, Noun] = {
    "keys": Noun(
        VirtualKey,
        "virtual keys: create, list, info, update, delete, block, unblock, regenerate",
        {
            "create": keys.generate, "list": keys.listed, "info": keys.info, "update": keys.update,
            "delete": keys.delete, "block": keys.block, "unblock": keys.unblock, "regenerate": keys.regenerate,
        },
        "key", "keys",
        ("key_name", "key_alias", "team_id", "user_id", "models", "spend", "max_budget", "expires", "status"),
        "keys", _NEW_KEY,
    ),
    "teams": Noun(
        Team,
        "teams: create, list, info, update, delete, block, unblock, add-member, update-member, remove-member",
        {
            "create": teams.new, "list": teams.listed, "info": teams.info, "update": teams.update,
            "delete": teams.delete, "block": teams.block, "unblock": teams.unblock,
            "add-member": members.add, "update-member": members.update, "remove-member": members.delete,
        },
        "team_id", "team_ids",
        ("team_id", "team_alias", "models", "members", "spend", "max_budget", "blocked"),
        more={
            "member": "with add-member, update-member, remove-member: the user",
            "role": "with add-member, update-member: admin or user",
            "max_budget_in_team": "with add-member, update-member: what the user may spend of the team's",
            "team_member_budget": "with create, update: what each user may spend of the team's",
            "team_member_budget_duration": "how long until that is whole again",
            "team_member_rpm_limit": "requests in any minute of each user in the team",
            "team_member_tpm_limit": "tokens in any minute of each user in the team",
        },
    ),
    "users": Noun(
        User,
        "users: create (with a first key), list, info, update, delete",
        {
            "create": users.new, "list": users.listed, "info": users.info, "update": users.update,
            "delete": users.delete,
        },
        "user_id", "user_ids",
        ("user_id", "user_email", "user_role", "teams", "spend", "max_budget", "key_count"),
        "users", {"teams": "ids, separated by commas"},
    ),
    "customers": Noun(
        Customer,
        "customers, on whose behalf requests are sent: create, list, info, update, delete, block, unblock",
        {
            "create": others.customer_new, "list": others.customer_list, "info": others.customer_info,
            "update": others.customer_update, "delete": others.customer_delete, "block": others.customer_block,
            "unblock": others.customer_unblock,
        },
        "user_id", "user_ids",
        ("user_id", "alias", "spend", "max_budget", "budget_duration", "blocked"),
    ),
    "budgets": Noun(
        Budget,
        "budgets that many may have: create, list, info, update, delete",
        {
            "create": others.budget_new, "list": others.budget_list, "info": others.budget_info,
            "update": others.budget_update, "delete": others.budget_delete,
        },
        "budget_id", "budgets",
        ("budget_id", "max_budget", "budget_duration", "rpm_limit", "tpm_limit", "max_parallel_requests"),
    ),
    "tags": Noun(
        Tag,
        "tags with limits of their own: create, list, info, update, delete",
        {
            "create": others.tag_new, "list": others.tag_list, "info": others.tag_info,
            "update": others.tag_update, "delete": others.tag_delete,
        },
        "name", "names",
        ("name", "description", "spend", "max_budget", "budget_duration"),
    ),
}  # fmt: skip
_ALIASES = {"key_alias": "--alias", "team_alias": "--alias", "user_alias": "--alias", "team_id": "--team",
            "user_id": "--user", "user_email": "--email", "user_role": "--role", "budget_id": "--budget"}  # fmt: skip
"""Shorter names of options, where a noun's own name is understood."""
EXAMPLES = """\
examples:
  sluice keys create --alias ci --models gpt-4o,openai/* --max-budget 10 --duration 30d
  sluice keys list --team research
  sluice keys regenerate sk-... --grace-period 24h
  sluice teams create research --models gpt-4o --max-budget 500 --budget-duration 1mo
  sluice teams add-member research --member ada --role admin

A key is named by its secret, hash or alias, all else by its id. The gateway may run: its workers hear of it within a
second.
Values: lists are separated by commas, `none` takes one away, mappings are NAME=VALUE,NAME=VALUE or JSON."""


def parser(noun: str, environ: Mapping[str, str]) -> argparse.ArgumentParser:
    found = NOUNS[noun]
    command = argparse.ArgumentParser(
        prog=f"sluice {noun}",
        description=found.summary[:1].upper() + found.summary[1:] + ".",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    command.add_argument("word", choices=list(found.words), metavar="WORD", help=", ".join(found.words))
    command.add_argument(
        "names", nargs="*", metavar="NAME", help="which; of create: the id that it shall have"
    )
    for field in _fields(found.struct):
        spelled = {f"--{field.name}", f"--{field.name.replace('_', '-')}"}
        short = _ALIASES.get(field.name)
        options = [*sorted(spelled, key=lambda name: "_" in name), *([short] if short else [])]
        command.add_argument(
            *dict.fromkeys(options), dest=field.name, metavar="VALUE", help=argparse.SUPPRESS
        )
    for name, text in found.more.items():
        if name not in {field.name for field in _fields(found.struct)}:
            spelled = {f"--{name}", f"--{name.replace('_', '-')}"}
            command.add_argument(*sorted(spelled), dest=name, metavar="VALUE", help=text)
    command.add_argument("--json", action="store_true", help="the answer as JSON, as the endpoint gives it")
    add_options(command, environ)
    listed = ", ".join(f"--{field.name.replace('_', '-')}" for field in _fields(found.struct))
    command.description = f"{command.description}\n\nfields: {listed}\n(docs/keys.md says what they mean)"
    return command


def _fields(struct: type[Entity]) -> list[msgspec.structs.FieldInfo]:
    return [field for field in msgspec.structs.fields(struct) if field.name not in NEVER_GIVEN]


def command_of(noun: str) -> Callable[[Sequence[str], Mapping[str, str]], int]:
    return partial(_main, noun)


def _main(noun: str, arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    found = NOUNS[noun]
    command = parser(noun, environ)
    options = command.parse_args(arguments)
    try:
        given = _given(found, options)
    except ValueError as problem:
        command.error(str(problem))
    state = StateFile(path_of(options, environ))
    try:
        said = trio.run(partial(_carry_out, found, options, given, state, _config(options, environ)))
    except GatewayError as refused:
        print(f"sluice {noun}: {refused.message}", file=sys.stderr)
        return EX_FAILED
    finally:
        state.close()
    _tell(found, options, msgspec.json.decode(msgspec.json.encode(said)))
    return EX_OK


def _config(options: argparse.Namespace, environ: Mapping[str, str]) -> Config:
    """Its keys are shown too, and its zone is the budgets'."""
    config = None if options.config is None else examine(options.config, environ).config
    return config or Config(general_settings=GeneralSettings(master_key=master_key_of(environ)))


class _Spent:
    """What the state file says was spent."""

    def __init__(self, state: StateFile) -> None:
        self._state = state

    async def dollars(self, kind: str, id_: str, since_unix_s: float) -> float:
        whose = subject(cast("Kind", kind), id_)
        return await self._state.read(partial(spend.spent, subject=whose, since_unix_s=since_unix_s)) / NANO


async def _carry_out(
    noun: Noun, options: argparse.Namespace, given: Shown, state: StateFile, config: Config
) -> object:
    directory = Directory()
    directory.configure(configured_keys(config), reserved_secrets(config))
    desk = Desk(Register(state, directory), directory)
    office = Office(desk, _Spent(state), zone_of(config.litellm_settings.timezone))
    plan = noun.words[options.word]
    if noun.struct is VirtualKey:
        await desk.refresh()
        given = _by_alias(directory, given)
    if options.word != "list" or noun.rows is None:
        return await office.carry_out(plan, given, None, admin=True)
    rows: list[object] = []
    for page in range(1, sys.maxsize):
        paged = {**given, "page": page, "size": PAGE, "page_size": PAGE, "return_full_object": "true"}
        answer = cast(Shown, await office.carry_out(plan, paged, None, admin=True))
        part = cast(list[object], answer[noun.rows])
        rows += part
        if len(part) < PAGE:
            break
    return rows


def _by_alias(directory: Directory, given: Shown) -> Shown:
    """People tell keys by their aliases."""
    of = {key.key_alias: key.id for key in directory.all_of("key") if isinstance(key, VirtualKey)}

    def named(name: object) -> object:
        return of.get(str(name), name) if directory.key_named(str(name)) is None else name

    if isinstance(given.get("keys"), list):
        return {**given, "keys": [named(name) for name in cast("list[object]", given["keys"])]}
    return {**given, "key": named(given["key"])} if "key" in given else given


def _given(noun: Noun, options: argparse.Namespace) -> Shown:
    """Raises ValueError."""
    types = {field.name: field.type for field in _fields(noun.struct)}
    names = {*types, *noun.more}
    given = {
        name: _value(types.get(name, str), getattr(options, name), name)
        for name in names
        if getattr(options, name, None) is not None
    }
    if "teams" in given:
        given["teams"] = str(given["teams"]).split(",")
    if options.word in ("add-member", "update-member", "remove-member"):
        given["user_id"] = given.pop("member", None)
    if options.word == "add-member":
        given["member"] = {"user_id": given["user_id"], "role": given.pop("role", "user")}
    return given | _named(noun, options)


def _named(noun: Noun, options: argparse.Namespace) -> Shown:
    word, names = options.word, options.names
    if word == "list":
        if names:
            raise ValueError("`list` takes no names: its options say which are listed")
        return {}
    if word == "create":
        if noun.struct is VirtualKey and names:
            raise ValueError("a new key takes no name: --alias gives it one")
        return {noun.named: names[0]} if names else {}
    if not names:
        raise ValueError(f"`{word}` needs a name")
    several = noun.struct is Customer and word in ("block", "unblock")
    by_list = noun.struct in (Budget, Tag) and word == "info"
    if (word == "delete" and noun.struct not in (Budget, Tag)) or several or by_list:
        return {noun.many: list(names)}
    if len(names) > 1:
        raise ValueError(f"`{word}` takes one name")
    return {noun.named: names[0], **({"end_user_id": names[0]} if noun.struct is Customer else {})}


def _value(kind: object, text: str, name: str) -> object:
    """By the field's type. Raises ValueError."""
    if text.lower() == NOTHING:
        return None
    shape = "" if "Literal" in str(kind) else str(kind)
    if shape.startswith("tuple"):
        return [each.strip() for each in text.split(",") if each.strip()]
    if "Mapping" in shape and not text.startswith("{"):
        pairs = (pair.partition("=") for pair in text.split(","))
        return {key.strip(): _json(value.strip()) for key, _, value in pairs}
    if "Mapping" in shape or any(word in shape for word in ("float", "int", "bool")):
        try:
            return cast(object, msgspec.json.decode(text))
        except msgspec.DecodeError:
            raise ValueError(f"--{name.replace('_', '-')}: {text!r} is not what it must be") from None
    return text


def _json(text: str) -> object:
    try:
        return cast(object, msgspec.json.decode(text))
    except msgspec.DecodeError:
        return text


def _tell(noun: Noun, options: argparse.Namespace, answer: object) -> None:
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(answer)).decode())
    elif options.word == "list":
        print(in_columns(noun.columns, cast("list[Shown]", answer)))
    elif isinstance(answer, dict) and options.word in ("create", "regenerate") and answer.get("key"):
        print(answer["key"])
        print(f"This is the only time that it is shown; its hash is {answer['token']}", file=sys.stderr)
    else:
        print(fields_in_lines(answer))
