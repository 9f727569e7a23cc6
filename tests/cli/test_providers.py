"""Adapters as they are installed: listed, judged, and harmless while nobody uses them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from commandline import SECRET, forget_settings, install, install_adapter, run, serving
from gateway.cli.main import main
from gateway.core.version import __version__
from gateway.providers.inventory import Adapter, aligned, survey
from gateway.settings import Environment, ProviderSettings, Settings

BROKEN = {
    "import": (
        "from no_such_library import Client",
        "cannot be imported: ModuleNotFoundError: No module named 'no_such_library'",
    ),
    "syntax": (
        "def chat(:",
        "cannot be imported: SyntaxError: invalid syntax (sick_adapter.py, line 1)",
    ),
    "attribute": (
        "",
        "cannot be imported: AttributeError: module 'sick_adapter' has no attribute 'SickProvider'",
    ),
    "several lines": (
        "raise RuntimeError('a\\n  b')",
        "cannot be imported: RuntimeError: a b",
    ),
    "an end": ("raise SystemExit(9)", "cannot be imported: SystemExit: 9"),
    "half": (
        "from gateway.providers import Provider\nclass SickProvider(Provider):\n    pass",
        "lacks list_models",
    ),
    "no class": ("SickProvider = 1", "is not a Provider class: 1"),
    "another class": ("SickProvider = int", "is not a Provider class: <class 'int'>"),
    "newer": (
        "from gateway.providers import Provider\nclass SickProvider(Provider):\n    contract = 99",
        "needs contract 99, this gateway has 2: update ollama-gateway",
    ),
}
SICK = "sick-adapter 0.1"
POINT = "sick_adapter:SickProvider"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a directory in which distributions can be installed for this test."""
    directory = tmp_path / "site"
    install_adapter(directory)
    monkeypatch.syspath_prepend(str(directory))
    before = set(sys.modules)
    yield directory
    for name in {"sick_adapter", "patient_adapter"} - before:
        sys.modules.pop(name, None)


def found(settings: Settings, name: str) -> list[Adapter]:
    return [adapter for adapter in survey(settings) if adapter.name == name]


def using(adapter: str, **options: object) -> Settings:
    return Settings(
        providers={"work": ProviderSettings(adapter, options)},
        environ=Environment(({"PATIENT_TOKEN": SECRET},)),
    )


@pytest.mark.parametrize(("code", "reason"), BROKEN.values(), ids=BROKEN)
def test_a_broken_adapter_says_why_and_is_trouble_only_to_those_who_use_it(
    site: Path, code: str, reason: str
) -> None:
    install(site, SICK, {"sick": POINT}, ("sick_adapter", code))
    reason = f"the adapter 'sick' {reason}"

    assert found(using("patient"), "sick") == [
        Adapter("sick", POINT, SICK, state=f"broken: {reason}")
    ]
    assert found(using("sick"), "sick") == [
        Adapter("sick", POINT, SICK, state=f"broken, needed by work: {reason}", trouble=True)
    ]


def test_a_name_of_two_distributions_is_told_with_both(site: Path) -> None:
    install(site, SICK, {"patient": POINT})
    reason = "the adapter name 'patient' is ambiguous: patient_adapter:PatientProvider and " + POINT

    assert found(Settings(), "patient") == [
        Adapter(
            "patient",
            "patient_adapter:PatientProvider",
            "patient-adapter 1.2",
            state=f"broken: {reason}",
        ),
        Adapter("patient", POINT, SICK, state=f"broken: {reason}"),
    ]


def test_an_adapter_that_is_missing_is_listed_in_its_place(site: Path) -> None:
    settings = Settings(
        providers={name: ProviderSettings("nobody") for name in ("work", "nobody", "home")}
    )

    listed = survey(settings)

    assert [adapter.name for adapter in listed] == [
        *("anthropic", "mistral", "nobody", "ollama", "openai", "patient")
    ]
    assert listed[2] == Adapter(
        "nobody", state="not installed, needed by work, nobody, home", trouble=True
    )


USED: Mapping[str, tuple[Settings, str, bool]] = {
    "not": (Settings(), "not configured", False),
    "by one": (using("patient", token=SECRET), "configured as work", False),
    "without a key": (
        using("patient"),
        "incomplete: work needs token: set token in [providers.work]",
        False,
    ),
    "with a wrong option": (
        using("patient", token=SECRET, models=SECRET),
        "refused: [providers.work] models: Not a valid list.",
        True,
    ),
    "with an unknown option": (
        using("patient", tokn=SECRET),
        "refused: [providers.work] has no setting 'tokn' (allowed: models, token)",
        True,
    ),
    "by several": (
        Settings(
            providers={
                "work": ProviderSettings("patient", {"token": SECRET}),
                "patient": ProviderSettings("patient"),
                "home": ProviderSettings("patient", {"colour": SECRET}),
            }
        ),
        "configured as work; incomplete: patient needs token: set PATIENT_TOKEN;"
        " refused: [providers.home] has no setting 'colour' (allowed: models, token)",
        True,
    ),
}


@pytest.mark.parametrize(("settings", "state", "trouble"), USED.values(), ids=USED)
@pytest.mark.usefixtures("site")
def test_who_uses_an_adapter_is_told_but_not_with_what(
    settings: Settings, state: str, trouble: bool
) -> None:
    listed = survey(settings)

    assert [adapter for adapter in listed if adapter.name == "patient"] == [
        Adapter(
            "patient",
            "patient_adapter:PatientProvider",
            "patient-adapter 1.2",
            contract=2,
            state=state,
            trouble=trouble,
        )
    ]
    assert SECRET not in "".join(aligned(listed))


def test_several_keys_are_counted() -> None:
    settings = Settings(providers={"mistral": ProviderSettings("mistral", {}, ("a", "b"))})

    (mistral,) = found(settings, "mistral")

    assert mistral.state == "configured as mistral (2 keys)"


def test_lines_are_aligned_and_what_is_unknown_is_a_dash() -> None:
    assert aligned([]) == []
    assert aligned(
        [Adapter("a", "mod:A", "one 1.0", 12, "configured as a"), Adapter("long", state="gone")]
    ) == [
        "a     mod:A  one 1.0  contract 12  configured as a",
        "long  -      -        -            gone",
    ]


def test_the_command_lists_all_and_a_broken_one_that_nobody_uses_is_no_trouble(
    tmp_path: Path,
) -> None:
    install_adapter(tmp_path / "site")
    install(tmp_path / "site", SICK, {"sick": POINT}, ("sick_adapter", "import no_such_library"))
    (tmp_path / "gateway.toml").write_text(f"[providers.patient]\ntoken = '{SECRET}'\n")

    status, output, complaints = run(tmp_path, "providers", "--config", "gateway.toml")

    ours = f"ollama-gateway {__version__}"
    contract = f"{ours}  contract 2  not configured"
    width = len(ours)
    assert output.splitlines() == [
        f"anthropic  gateway.providers.anthropic:AnthropicProvider  {contract}",
        f"mistral    gateway.providers.mistral:MistralProvider      {contract}",
        f"ollama     gateway.providers.ollama:OllamaProvider        {contract}",
        f"openai     gateway.providers.openai:OpenAIProvider        {contract}",
        "patient    patient_adapter:PatientProvider                "
        f"{'patient-adapter 1.2':{width}}  contract 2  configured as patient",
        f"sick       {POINT}                      "
        f"{SICK:{width}}  -           broken: the adapter 'sick' cannot be imported:"
        " ModuleNotFoundError: No module named 'no_such_library'",
    ]
    assert (status, complaints) == (0, "")


@pytest.mark.slow
def test_the_gateway_serves_although_an_adapter_that_nobody_uses_is_broken(tmp_path: Path) -> None:
    install_adapter(tmp_path / "site")
    install(tmp_path / "site", SICK, {"sick": POINT}, ("sick_adapter", "raise SystemExit(9)"))
    (tmp_path / "gateway.toml").write_text(f"[providers.patient]\ntoken = '{SECRET}'\n")

    status, output, complaints = run(tmp_path, "check", "--config", "gateway.toml")
    assert (status, complaints) == (0, "")
    assert f"adapter sick: {POINT} ({SICK})" in output

    with serving(tmp_path, "--config", "gateway.toml") as gateway:
        gateway.process.terminate()
        assert gateway.finish() == 0
    assert any("providers: patient" in line for line in gateway.log)


@pytest.mark.parametrize(("command", "status"), [("providers", 1), ("check", 2)])
def test_a_broken_adapter_that_the_settings_use_is_trouble(
    site: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    status: int,
) -> None:
    install(site, SICK, {"sick": POINT}, ("sick_adapter", "import no_such_library"))
    monkeypatch.chdir(site)
    forget_settings(monkeypatch)
    Path("gateway.toml").write_text(f"[providers.sick]\napi_key = '{SECRET}'\n")

    assert main([command, "--config", "gateway.toml"]) == status

    told = "".join(capsys.readouterr())
    assert "the adapter 'sick' cannot be imported: ModuleNotFoundError" in told
    assert SECRET not in told


def test_a_gateway_whose_adapter_is_broken_does_not_start(tmp_path: Path) -> None:
    install(tmp_path / "site", SICK, {"sick": POINT}, ("sick_adapter", "import no_such_library"))
    (tmp_path / "gateway.toml").write_text("[providers.sick]\n")

    assert run(tmp_path, "--config", "gateway.toml") == (
        2,
        "",
        "gateway: the adapter 'sick' cannot be imported:"
        " ModuleNotFoundError: No module named 'no_such_library'\n",
    )


def test_a_provider_of_a_preset_tells_so() -> None:
    settings = Settings(
        providers={
            "groq": ProviderSettings("groq", {}, ("a", "b")),
            "mine": ProviderSettings("mine", preset="nothing"),
        }
    )
    (openai,) = found(settings, "openai")
    assert openai.state == "configured as groq (preset groq, 2 keys)"
    (missing,) = found(settings, "nothing")
    assert missing.state == "not installed, needed by mine"


def test_presets_are_listed_with_their_variables(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["providers", "--presets"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    groq = ["groq", "openai", "GROQ_API_KEY", "https://api.groq.com/openai/v1"]
    assert groq in lines
    assert main(["check", "--presets"]) == 2
