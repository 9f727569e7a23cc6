"""When there is a page."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gateway import ServerSettings, Settings
from gateway.cli.worker import start_lines, with_ui
from gateway.settings import UiSettings

URL = "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    ("server", "enabled"),
    [
        (ServerSettings(), True),
        (ServerSettings("localhost"), True),
        (ServerSettings("::1"), True),
        (ServerSettings("0.0.0.0"), False),
        (ServerSettings(""), False),
        (ServerSettings(socket="/run/a.sock"), False),
    ],
)
def test_the_command_line_has_the_page_where_only_this_machine_can_reach_it(
    server: ServerSettings, enabled: bool
) -> None:
    assert with_ui(Settings(server=server)).ui == UiSettings(enabled)


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_what_the_settings_say_wins(host: str, said: bool) -> None:
    settings = Settings(server=ServerSettings(host), ui=UiSettings(said))
    assert with_ui(settings) is settings


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(ui=UiSettings(True)), [f"in a browser: {URL}/ui/"]),
        (Settings(ui=UiSettings(False)), []),
        # No browser opens the address of a Unix socket.
        (Settings(ui=UiSettings(True), server=ServerSettings(socket="/run/a.sock")), []),
    ],
)
def test_the_start_names_the_address_of_the_page(settings: Settings, named: list[str]) -> None:
    lines = start_lines(settings, [], [URL])
    assert [line for line in lines if line.startswith("in a browser")] == named


def test_without_the_page_nothing_of_it_is_imported(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from gateway import Settings, create_app\n"
        "from gateway.settings import ProviderSettings, UiSettings\n"
        "for enabled in (None, False, True):\n"
        "    mistral = {'mistral': ProviderSettings('mistral', {'api_key': 'k'})}\n"
        "    create_app(Settings(ui=UiSettings(enabled), providers=mistral))\n"
        "    print(any(name.startswith('gateway.ui') for name in sys.modules))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=50
    )
    assert done.stdout.split() == ["False", "False", "True"]
