"""The options of a provider: from its preset, its table of the settings, and variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import marshmallow as ma

from gateway.core.errors import ProviderLoadError, SettingsError
from gateway.core.secrets import protect
from gateway.providers.adapter_calls import FAILURES
from gateway.providers.base import KEY_OPTION, AnyProvider
from gateway.providers.presets import Preset, expand
from gateway.settings import Environment, ProviderSettings

__all__ = ["OptionSource"]

_MERGED = ("models", "headers", "query", "body", "embed_body", "thinking_levels")
"""Options that are tables, whose rows may come from the settings and from a preset."""

_EXPANDED = frozenset({"base_url", "headers", KEY_OPTION})
"""Options in whose texts ``{NAME}`` stands for a variable."""

_SECRET_NAME = re.compile("key|token|secret|password", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class OptionSource:
    """A provider's table, and what else its options come from."""

    name: str
    table: ProviderSettings
    adapter: type[AnyProvider]
    preset: Preset | None
    environ: Environment

    @property
    def variables(self) -> Mapping[str, Sequence[str]]:
        """The variables of each option; the first one that is set counts.

        They belong to the one provider that has the name of its preset or adapter: with several
        instances they could mean any of them.
        """
        if self.preset is not None:
            named = self.preset.name == self.name
            return {KEY_OPTION: self.preset.variables} if named and self.preset.variables else {}
        if self.name != self.table.adapter:
            return {}
        return {
            option: (names,) if isinstance(names, str) else tuple(names)
            for option, names in self.adapter.options_from_env.items()
        }

    @property
    def required(self) -> Sequence[str]:
        """The options without which no request can be sent."""
        if self.preset is None:
            return self.adapter.required_options
        return (KEY_OPTION,) if self.preset.required else ()

    def values(self, missing: list[str]) -> dict[str, object]:
        """Return the options, but for those of variables, which come last and win.

        The names of variables that options stand for and that are not set are added to *missing*.
        """
        own, base = self.table.options, {} if self.preset is None else self.preset.options
        values = {**base, **own}
        for option in _MERGED:
            first, second = own.get(option), base.get(option)
            if isinstance(first, Mapping) and isinstance(second, Mapping):
                # What stands first counts: the patterns of the user, then those of the preset.
                values[option] = {**first, **{k: v for k, v in second.items() if k not in first}}
        for option in _EXPANDED & values.keys():
            values[option] = expand(values[option], self.environ.get, missing)
        return values

    def load(self, values: Mapping[str, object], unset: Sequence[str]) -> tuple[Any, list[str]]:
        """Return the checked options, and one sentence for each that is required and missing.

        *unset* are the variables that *values* need and that are not set. Raise `SettingsError` or
        `ProviderLoadError`.
        """
        variables = self.variables
        # A URL whose variables are missing is no URL.
        given = {k: value for k, value in values.items() if not (unset and k in _EXPANDED)}
        try:
            schema = self.adapter.options_schema()
            options = schema.load(given)
        except ma.ValidationError as error:
            raise SettingsError(_complaint(self.name, schema, error)) from None
        except (SettingsError, ProviderLoadError):
            raise
        except FAILURES as error:
            # Without its text and its traceback, which may hold values of the settings.
            raise ProviderLoadError(
                f"the adapter of {self.name} failed to read its options: {type(error).__name__}"
            ) from None
        protect(_secrets(options))
        missing = [f"{self.name} needs {variable}: set it" for variable in dict.fromkeys(unset)]
        missing += [
            f"{self.name} needs {option}: set {variables[option][0]}"
            if option in variables
            else f"{self.name} needs {option}: set {option} in [providers.{self.name}]"
            for option in self.required
            if not values.get(option)
        ]
        return options, missing


def _secrets(options: object) -> Iterator[str]:
    """Yield the texts of those options that must not be shown.

    A data class leaves them out of its representation; in a dictionary their names tell.
    """
    shown: Mapping[str, object] = options if isinstance(options, dict) else {}
    found = [value for name, value in shown.items() if _SECRET_NAME.search(name)]
    if is_dataclass(options):
        found = [getattr(options, one.name) for one in fields(options) if not one.repr]
    yield from (value for value in found if isinstance(value, str))


def _complaint(name: str, schema: ma.Schema, error: ma.ValidationError) -> str:
    # The cause holds the rejected values, which may be secrets; only the field's words are used.
    assert isinstance(error.messages, dict)  # noqa: S101 - a schema never raises a bare list
    key, messages = next(iter(error.messages.items()))
    if key in schema.fields:
        reason = messages[0] if isinstance(messages, list) else messages
        return f"[providers.{name}] {key}: {reason}"
    return (
        f"[providers.{name}] has no setting {key!r} (allowed: {', '.join(sorted(schema.fields))})"
    )
