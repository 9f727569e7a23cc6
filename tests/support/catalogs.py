"""Catalogs over providers whose models a test names by their ids."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gateway.core.model_info import ModelInfo
from gateway.models.catalog import ModelCatalog, build_index
from gateway.models.derived import DerivedModel
from gateway.models.index import ProviderModels

__all__ = ["catalog_of", "models_of"]


def models_of(provider: str, *ids: str, complete: bool = True) -> ProviderModels:
    """Return the models with *ids* as those of *provider*, whose origin has the same name."""
    models = [ModelInfo(model_id) for model_id in ids]
    return ProviderModels(provider, f"https://{provider}.example", models, complete, ModelInfo)


def catalog_of(
    *providers: ProviderModels,
    aliases: Mapping[str, str | Sequence[str]] | None = None,
    expose: Sequence[str] = (),
    derived: Iterable[DerivedModel] = (),
) -> ModelCatalog:
    """Return the catalog of all models of *providers*."""
    return ModelCatalog(
        build_index(providers, aliases=aliases or {}, expose=expose, derived=derived)
    )
