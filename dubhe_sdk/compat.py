"""Names that dubhe-sdk 2.x had: which of them work here, and what takes the place of the others.

A name works where it can mean something here: the platform's variables, the log, the context. The
modules of these names are in this package, next to the others. The rest is refused, by the import
itself, by `dubhe check` and in the END of the model that could not be constructed, in the same
words: they come from here.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import ModuleType

_READ_REQUEST = "read the request by ctx.get(dubhe_sdk.ContextKey.KEY_…) or ctx.json_request"
_NO_SERVER = "remove it: the service listens by itself, as `export protocol=…` in run.sh says"

# What a name of 2.x works as. Members that it does not have are refused.
WORKING = {
    "dubhe_sdk.config": (
        "the platform's variables, such as INSTANCE_ID, and the constants of "
        "dubhe_sdk.ContextKey; read others by os.environ"
    ),
    "dubhe_sdk.service": "Logger and context",
    "dubhe_sdk.service.Logger": "Logger(), logger and the methods of a logging.Logger",
    "dubhe_sdk.service.context": (
        "Context, ContextKey and its constants, and current_context; " + _READ_REQUEST
    ),
}
# What to do instead of a name that cannot mean anything here.
REFUSED = {
    "dubhe_sdk.http_server": _NO_SERVER,
    "dubhe_sdk.param": _READ_REQUEST,
    "dubhe_sdk.service.ADCkafka": (
        "report by ctx.logProgress…() and ctx.logResult…(): the sidecar sends to Kafka"
    ),
    "dubhe_sdk.tcp_server": _NO_SERVER,
}


def name_of_2x(name: str) -> str:
    """Return the name of 2.x that a dotted name is, or is below; empty if there is none.

    Example:
        >>> name_of_2x("dubhe_sdk.param.train.Batch")
        'dubhe_sdk.param'
    """
    found = [one for one in (*WORKING, *REFUSED) if f"{name}.".startswith(f"{one}.")]
    return max(found, key=len, default="")


def works(name: str) -> bool:
    """Return whether a dotted name of 2.x means something here. Imports the module of that name."""
    base = name_of_2x(name)
    if base not in WORKING:
        return False
    __import__(base)
    return _member(name, base) in ("", "*", *dir(sys.modules[base]))


def refusal(name: str) -> str:
    """Return why a name of 2.x does not work, and what to use instead.

    Args:
        name: with dots; if 2.x is not known to have had it, the text is empty.
    """
    base = name_of_2x(name)
    if not base:
        return ""
    if base in REFUSED:
        return f"{base} of dubhe-sdk 2.x does not exist here; {REFUSED[base]}"
    member = _member(name, base)
    if member:
        what = f"{base}.{member} of dubhe-sdk 2.x does not exist here"
    else:
        what = f"not every name that {base} had in dubhe-sdk 2.x exists here"
    return f"{what}; {base} has {WORKING[base]}"


def refuse(module: str) -> ImportError:
    """Return the error for the import of a module that cannot mean anything here."""
    return ImportError(refusal(module), name=module)


def missing(module: str, name: str) -> AttributeError:
    """Return the error for a name that a module of 2.x's name does not have."""
    # With `name` and `obj` Python would look for similar names; that is not what is meant.
    return AttributeError(refusal(f"{module}.{name}"))


def submodule(package: str, name: str) -> ModuleType:
    """Return what ``package.name`` is if that is a name of 2.x, also without an import before.

    Raises:
        AttributeError: it is none, or cannot mean anything here.
    """
    whole = f"{package}.{name}"
    if whole in WORKING:
        __import__(whole)
        return sys.modules[whole]
    raise AttributeError(refusal(whole) or f"module {package!r} has no attribute {name!r}")


def public(names: Iterable[str]) -> list[str]:
    """Return, in order, the names that do not begin with an underscore."""
    return sorted(name for name in names if not name.startswith("_"))


def _member(name: str, base: str) -> str:
    return name[len(base) + 1 :].partition(".")[0]
