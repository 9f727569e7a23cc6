"""The page on the page in the browser against the pages and the start."""

from __future__ import annotations

import re

from gateway import Settings
from gateway.cli.worker import start_lines
from gateway.settings import UiSettings
from gateway.ui.files import read_files
from pages import page

PAGE = "how-to/ui.md"


def test_each_section_is_about_a_page() -> None:
    shown = re.findall(r"^## (.*)$", page(PAGE), re.M)
    titles = [
        found[1]
        for name, file in read_files().items()
        if name.startswith("pages/")
        for found in re.finditer(r'^export const title = "(.*)";$', file.body.decode(), re.M)
    ]
    assert len(titles) == len([name for name in read_files() if name.startswith("pages/")])
    assert set(shown) <= set(titles)


def test_the_line_of_the_start_is_the_one_that_is_shown() -> None:
    settings = Settings(ui=UiSettings(True))
    *_, line = start_lines(settings, [], ["http://127.0.0.1:11434"])
    assert line in page(PAGE)
