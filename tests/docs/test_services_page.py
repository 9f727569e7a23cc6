"""The page on services against the presets."""

from __future__ import annotations

from gateway.providers.presets import _preset, presets
from pages import DOCS, blocks, codes, table

PAGE = "reference/services.md"


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
