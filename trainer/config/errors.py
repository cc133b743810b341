"""How a configuration says what is wrong with it."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError


class ConfigError(ValueError):
    """A field has an impossible value. The message names the field, the value and what would work."""

    def __init__(self, name: str, value: object, remedy: str) -> None:
        self.name, self.value, self.remedy = name, value, remedy
        super().__init__(f"{name} = {value!r}: {remedy}")


def require(condition: bool, name: str, value: object, remedy: str) -> None:
    """Raise ConfigError unless `condition` holds."""
    if not condition:
        raise ConfigError(name, value, remedy)


def first_error(error: "ValidationError", *, within: str = "") -> ConfigError:
    """What a stored configuration failed on first, named by its whole path.

    Args:
        within: the section that was read, if not the whole.
    """
    first = error.errors()[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):
        return cause
    name = ".".join([*filter(None, [within]), *(str(part) for part in first["loc"])])
    return ConfigError(name or "config", first.get("input"), first["msg"])
