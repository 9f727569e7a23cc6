"""The page on services against the presets."""

from __future__ import annotations

import tomllib
from pathlib import Path

from gateway.providers.presets import _preset, presets
from pages import DOCS, blocks, codes, table

PAGE = "reference/services.md"
ADAPTERS = Path(__file__).parents[2] / "adapters"


def test_every_preset_is_on_the_page() -> None:
    shown = {
        codes(row["Name"])[0]: (
            codes(row["Adapter"])[0],
            tuple(codes(row["Variables"])),
            codes(row["Address"])[0],
        )
        for row in table(PAGE, "Presets")
    }
    assert shown == {
        name: (one.adapter, one.variables, one.options["base_url"])
        for name, one in presets().items()
    }


def test_the_preset_of_another_package_can_be_read() -> None:
    (source,) = [block.text for block in blocks(DOCS / PAGE, "python")]
    names: dict[str, dict[str, object]] = {}
    exec(source, names)
    acme = _preset("acme", names["ACME"])
    assert (acme.adapter, acme.variables, acme.required) == ("openai", ("ACME_API_KEY",), True)


def test_every_package_of_the_tree_is_on_the_page() -> None:
    shown = {}
    for row in table(PAGE, "Adapters in packages of their own"):
        (name,) = codes(row["Package"])
        adapters, extras = (tuple(codes(row[column])) for column in ("Adapters", "Extras"))
        shown[name] = adapters, extras
        source = "".join(
            file.read_text("utf-8") for file in sorted((ADAPTERS / name / "src").glob("*/*.py"))
        )
        assert [word for word in codes(row["Variables"]) if f'"{word}"' not in source] == []
    found = {}
    for file in sorted(ADAPTERS.glob("*/pyproject.toml")):
        project = tomllib.loads(file.read_text("utf-8"))["project"]
        points = project["entry-points"]["gateway.providers"]
        extras = tuple(name for name in project["optional-dependencies"] if name != "test")
        found[project["name"]] = tuple(points), extras
    assert shown == found
