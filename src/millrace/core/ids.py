"""Identifiers and the random names of runs."""

from __future__ import annotations

import hashlib
import itertools
import os
import random
import secrets
import uuid

_ADJECTIVES = (
    "able amber agile ancient ardent azure bold brave bright brisk calm candid clear "
    "clever cosmic crimson daring deep deft eager early earnest fair fast fearless fine "
    "fleet fluent fond frank free fresh gentle glad golden grand great hardy honest "
    "humble keen kind lively loyal lucid lunar merry mighty modest nimble noble open "
    "patient placid polite proud quick quiet rapid rare ready robust rustic serene sharp "
    "silent silver sincere smart smooth solid sound spry stable steady still stoic sunny "
    "swift tidy tough tranquil true upbeat valiant vivid warm wise witty "
).split()
_NOUNS = (
    "ant auk badger bat bear beaver bee bison boar bream carp cat chough civet cod colt "
    "coot crab crane crow deer dingo doe dove duck eel egret eland elk emu falcon fawn "
    "finch fox frog gecko goat goose grouse gull hare hawk heron hind hornet horse ibex "
    "ibis jackdaw jay kestrel kite koala lamb lark lemur lion lynx magpie mink mole moose "
    "moth mouse newt ox orca otter owl panda perch pike plover pony quail rail ram raven "
    "robin rook ruff seal shrew skua snail snipe stag stoat stork swan swift tern thrush "
    "tiger toad trout vole wasp weasel whale wolf wren yak zebra "
).split()

# Names are decoration: they need variety, not secrecy.
_random = random.Random(secrets.randbits(64))  # noqa: S311


def run_id() -> str:
    """32 lower-case hexadecimal digits."""
    return uuid.uuid4().hex


def derived_run_id(*parts: str) -> str:
    """The run id that belongs to *parts*, such as actor and idempotency key; always the same."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def logged_model_id() -> str:
    """`m-` and 32 lower-case hexadecimal digits."""
    return f"m-{uuid.uuid4().hex}"


def dataset_id() -> str:
    """`d-` and 32 lower-case hexadecimal digits."""
    return f"d-{uuid.uuid4().hex}"


def comment_id() -> str:
    """`c-` and 32 lower-case hexadecimal digits."""
    return f"c-{uuid.uuid4().hex}"


def approval_id() -> str:
    """`a-` and 32 lower-case hexadecimal digits."""
    return f"a-{uuid.uuid4().hex}"


def model_server_id() -> str:
    """`s-` and 32 lower-case hexadecimal digits."""
    return f"s-{uuid.uuid4().hex}"


def view_id() -> str:
    """`v-` and 32 lower-case hexadecimal digits."""
    return f"v-{uuid.uuid4().hex}"


def view_id_of(content: str) -> str:
    """The same for the same content, in the form of `view_id`."""
    return f"v-{hashlib.sha256(content.encode()).hexdigest()[:32]}"


def task_id() -> str:
    """`t-` and 32 lower-case hexadecimal digits."""
    return f"t-{uuid.uuid4().hex}"


def record_id() -> str:
    """`dr-` and 32 lower-case hexadecimal digits."""
    return f"dr-{uuid.uuid4().hex}"


def webhook_id() -> str:
    """A UUID, as the field spells it."""
    return str(uuid.uuid4())


def delivery_id() -> str:
    """A UUID: receivers tell by it that they have heard before."""
    return str(uuid.uuid4())


# A system call for every request costs as much as routing it: one prefix a process, counted on.
_process = secrets.token_hex(6)
_requests = itertools.count()


def _after_fork() -> None:
    """Be another process: the parent's other children start from the same state."""
    global _process  # noqa: PLW0603 - it names this very process
    _process = secrets.token_hex(6)
    _random.seed(secrets.randbits(64))


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def request_id() -> str:
    """Hexadecimal digits that tie an answer to the log; unlike any other process's."""
    return f"{_process}{next(_requests):08x}"


def run_name() -> str:
    """A name that people can remember: `<adjective>-<noun>-<number>`."""
    number = _random.randrange(1000)
    return f"{_random.choice(_ADJECTIVES)}-{_random.choice(_NOUNS)}-{number}"
