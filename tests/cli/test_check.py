from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from commandline import SECRET, forget_settings, install_adapter, run
from gateway.cli.check import Finding, examine
from gateway.cli.main import main
from gateway.core.version import __version__
from gateway.providers import inventory
from gateway.sandbox import Sandbox, start
from gateway.settings import Environment, ModelsSettings, ProviderSettings, ServerSettings, Settings

OURS = {
    "anthropic": "AnthropicProvider",
    "mistral": "MistralProvider",
    "ollama": "OllamaProvider",
    "openai": "OpenAIProvider",
}
ADAPTERS = [
    *(
        Finding(f"adapter {name}: gateway.providers.{name}:{cls} (ollama-gateway {__version__})")
        for name, cls in OURS.items()
    ),
    Finding("adapter patient: patient_adapter:PatientProvider (patient-adapter 1.2)"),
]


@pytest.fixture(autouse=True)
def _installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    install_adapter(tmp_path / "site")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    yield
    sys.modules.pop("patient_adapter", None)


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Be in an empty directory without any settings of the tester."""
    monkeypatch.chdir(tmp_path)
    forget_settings(monkeypatch)
    return tmp_path


def patient(token: str = SECRET, *, models: ModelsSettings | None = None) -> Settings:
    return Settings(
        models=models or ModelsSettings(),
        providers={"patient": ProviderSettings("patient", {"token": token})},
        sources=("gateway.toml",),
    )


async def findings(settings: Settings) -> list[Finding]:
    return [finding async for finding in examine(settings)]


async def test_what_is_configured_and_reachable_is_listed() -> None:
    assert await findings(patient()) == [
        Finding("settings: gateway.toml"),
        *ADAPTERS,
        Finding("provider patient: 2 models: patient-mini:latest, patient:latest"),
    ]


async def test_the_preset_of_a_provider_is_told() -> None:
    options = {"api_key": SECRET, "base_url": "http://127.0.0.1:1/v1"}
    found = await findings(Settings(providers={"groq": ProviderSettings("groq", options)}))
    assert Finding("provider groq: preset groq") in found
    assert found[-1].trouble


async def test_names_are_those_that_clients_see() -> None:
    models = ModelsSettings(aliases={"tiny": "patient-mini"}, expose=("*-mini*",))

    assert (await findings(patient(models=models)))[1 + len(ADAPTERS) :] == [
        Finding("provider patient: 2 models: patient-mini:latest, tiny:latest")
    ]


async def test_an_alias_that_leads_nowhere_is_trouble() -> None:
    models = ModelsSettings(aliases={"gpt-4o": "patient-large"})

    assert (await findings(patient(models=models)))[-1] == Finding(
        "alias gpt-4o: there is no model patient-large", trouble=True
    )


async def test_each_target_of_an_alias_must_lead_somewhere() -> None:
    models = ModelsSettings(aliases={"gpt-4o": ["patient", "patient-large"]})

    assert [one for one in await findings(patient(models=models)) if one.trouble] == [
        Finding("alias gpt-4o: there is no model patient-large", trouble=True)
    ]


async def test_a_target_may_be_an_alias_behind_its_provider_as_it_may_for_a_client() -> None:
    models = ModelsSettings(aliases={"tiny": "patient-mini", "best": "patient/tiny"})

    assert [one for one in await findings(patient(models=models)) if one.trouble] == []


async def test_each_key_is_tried() -> None:
    async with await start(sandbox=Sandbox(keys=["good"])) as running:
        keys = ("good", "bad-1", "good")
        mistral = ProviderSettings("mistral", {"base_url": running.base_url}, keys)
        found = await findings(Settings(providers={"mistral": mistral}))
    told = [one for one in found if one.text.startswith("provider")]
    assert told[:3] == [
        Finding("provider mistral (key 1): accepted"),
        Finding(
            "provider mistral (key 2): mistral rejected the API key: set MISTRAL_API_KEY,"
            " or api_key of the provider mistral",
            trouble=True,
        ),
        Finding("provider mistral (key 3): accepted"),
    ]
    assert (len(told), "models: " in told[3].text) == (4, True)


async def test_a_provider_without_a_model_for_clients_is_trouble() -> None:
    models = ModelsSettings(expose=("nothing",))

    assert (await findings(patient(models=models)))[-1] == Finding(
        "provider patient: no models", trouble=True
    )


@pytest.mark.parametrize(
    ("token", "trouble"),
    [
        ("refused", "provider patient: patient refused our key"),
        ("slow", "provider patient: no answer within 0.05 seconds"),
        ("", "patient needs token: set PATIENT_TOKEN"),
    ],
)
async def test_a_provider_that_cannot_be_used_is_trouble_and_its_aliases_are_not_blamed(
    token: str, trouble: str
) -> None:
    models = ModelsSettings(aliases={"gpt-4o": "patient-large"}, list_timeout=0.05)

    assert (await findings(patient(token, models=models)))[1 + len(ADAPTERS) :] == [
        Finding(trouble, trouble=True)
    ]


async def test_one_troubled_provider_does_not_hide_the_others() -> None:
    settings = Settings(
        providers={
            "work": ProviderSettings("patient", {"token": "refused"}),
            "home": ProviderSettings("patient", {"token": SECRET, "models": ["tiny"]}),
        }
    )

    assert (await findings(settings))[1 + len(ADAPTERS) :] == [
        Finding("provider work: patient refused our key", trouble=True),
        Finding("provider home: 1 models: tiny:latest"),
    ]


async def test_settings_and_adapters_of_no_known_origin_are_told_as_such(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loose = EntryPoint(name="loose", value="loose:Provider", group="gateway.providers")
    monkeypatch.setattr(inventory, "installed", lambda: {"loose": [loose]})
    settings = Settings(environ=Environment(({"MISTRAL_API_KEY": ""},)))

    assert await findings(settings) == [
        Finding("settings: defaults"),
        Finding("adapter loose: loose:Provider (unknown origin)"),
        Finding("mistral needs api_key: set MISTRAL_API_KEY", trouble=True),
    ]


def test_a_check_that_finds_no_trouble_succeeds_and_shows_no_secret(tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("[providers.patient]\n")
    (tmp_path / ".env").write_text(f"PATIENT_TOKEN={SECRET}\nGATEWAY_HOME=.\n")

    assert run(tmp_path, "check", "--config", "gateway.toml") == (
        0,
        "settings: gateway.toml, .env (GATEWAY_HOME)\n"
        + "".join(f"{finding.text}\n" for finding in ADAPTERS)
        + "provider patient: 2 models: patient-mini:latest, patient:latest\n",
        "",
    )


def test_a_check_of_the_sandbox_needs_no_key(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["check", "--sandbox"])

    output, complaints = capsys.readouterr()
    assert (status, complaints) == (0, "")
    assert output.splitlines()[-1].startswith("provider mistral: ")


def test_a_check_that_finds_trouble_fails_with_one_line_for_each(
    elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (elsewhere / "gateway.toml").write_text(
        f"[providers.work]\nadapter = 'patient'\ntoken = '{SECRET}'\nmodels = []\n"
        "[providers.home]\nadapter = 'patient'\ntoken = 'refused'\n"
    )

    status = main(["check", "--config", "gateway.toml"])

    output, complaints = capsys.readouterr()
    assert status == 1
    assert SECRET not in output
    assert complaints == (
        "gateway: provider home: patient refused our key\ngateway: provider work: no models\n"
    )


async def test_what_is_allowed_but_hardly_meant_is_a_warning() -> None:
    open_to_all = replace(patient(), server=ServerSettings(host="0.0.0.0"))
    warnings = [one for one in await findings(open_to_all) if one.text.startswith("warning: ")]
    assert warnings
    assert not any(one.trouble for one in warnings)
