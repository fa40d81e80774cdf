from pathlib import Path
from typing import Annotated, ClassVar, Literal

import pytest
from msgspec import Meta

from services.runtime.settings import Row, Settings, SettingsError, Shared, read, read_all, rows


class ClassifySettings(Settings, frozen=True, kw_only=True):
    prefix: ClassVar[str] = "CLASSIFY"
    model_dir: Annotated[Path, Meta(description="The model to serve.")]
    min_confidence: Annotated[float, Meta(ge=0, le=1, description="A floor.")] = 0.5
    max_tokens: Annotated[int, Meta(ge=8, description="Longer texts are cut.")] = 256
    device: Annotated[Literal["cpu", "cuda"], Meta(description="Where the model runs.")] = "cpu"
    warm_up: Annotated[bool, Meta(description="Whether to warm up.")] = True
    languages: Annotated[tuple[str, ...], Meta(description="Languages to serve.")] = ("en", "es")
    ports: Annotated[tuple[int, ...], Meta(description="Ports.")] = ()
    patience_s: Annotated[float, Meta(gt=0, description="How long to wait.")] = 1.5
    token: Annotated[str, Meta(min_length=4, description="The key.", extra={"secret": True})] = ""


def faults(environment: dict[str, str]) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        read(ClassifySettings, environment, "classify")
    return caught.value.faults


def fault(**environment: str) -> str:
    (only,) = faults({"CLASSIFY_MODEL_DIR": "models"} | environment)
    return only


def test_all_faults_are_told_at_once_in_the_words_of_the_house_style() -> None:
    with pytest.raises(SettingsError) as caught:
        read(ClassifySettings, {"CLASSIFY_MIN_CONFIDENCE": "1.5"}, "classify")
    assert str(caught.value) == (
        "classify cannot start: 2 settings are wrong\n"
        "  CLASSIFY_MODEL_DIR is not set\n"
        "  CLASSIFY_MIN_CONFIDENCE='1.5': expected a number from 0 to 1"
    )


def test_one_fault_is_told_in_the_singular() -> None:
    with pytest.raises(SettingsError) as caught:
        read(ClassifySettings, {}, "classify")
    assert str(caught.value) == "classify cannot start: 1 setting is wrong\n  CLASSIFY_MODEL_DIR is not set"


@pytest.mark.parametrize(
    ("variable", "raw", "words"),
    [
        ("CLASSIFY_MIN_CONFIDENCE", "high", "expected a number from 0 to 1"),
        ("CLASSIFY_MAX_TOKENS", "7", "expected a whole number, at least 8"),
        ("CLASSIFY_MAX_TOKENS", "8.5", "expected a whole number, at least 8"),
        ("CLASSIFY_DEVICE", "tpu", "expected one of cpu, cuda"),
        ("CLASSIFY_WARM_UP", "perhaps", "expected true or false"),
        ("CLASSIFY_PORTS", "1,two", "expected a whole number; several are separated by commas"),
    ],
)
def test_a_wrong_value_is_shown_with_what_was_expected(variable: str, raw: str, words: str) -> None:
    assert fault(**{variable: raw}) == f"{variable}='{raw}': {words}"


@pytest.mark.parametrize("raw", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(raw: str) -> None:
    assert fault(CLASSIFY_MIN_CONFIDENCE=raw) == f"CLASSIFY_MIN_CONFIDENCE='{raw}': expected a number from 0 to 1"


@pytest.mark.parametrize("raw", ["nan", "inf", "0"])
def test_a_number_without_an_upper_limit_must_still_be_one(raw: str) -> None:
    assert fault(CLASSIFY_PATIENCE_S=raw) == f"CLASSIFY_PATIENCE_S='{raw}': expected a number, above 0"


def test_a_wrong_secret_is_not_shown() -> None:
    assert fault(CLASSIFY_TOKEN="abc") == "CLASSIFY_TOKEN (not shown): expected text, at least 4 characters"


def test_a_secret_does_not_appear_when_settings_are_printed() -> None:
    settings = read(ClassifySettings, {"CLASSIFY_MODEL_DIR": "m", "CLASSIFY_TOKEN": "tiger-lily"}, "classify")
    assert settings.token.startswith("tiger")
    assert "tiger-lily" not in repr(settings) + str(settings) + str(list(settings.__rich_repr__()))
    assert "token='(not shown)'" in repr(settings)


def test_a_misspelt_setting_is_a_fault_that_guesses_the_right_one() -> None:
    assert faults({"CLASSIFY_MODLE_DIR": "m"}) == [
        "CLASSIFY_MODEL_DIR is not set",
        "CLASSIFY_MODLE_DIR is not a setting of classify: did you mean CLASSIFY_MODEL_DIR?",
    ]


def test_variables_that_an_orchestrator_sets_are_left_alone() -> None:
    environment = {"CLASSIFY_MODEL_DIR": "m", "CLASSIFY_SERVICE_HOST": "10.0.0.7", "CLASSIFIED": "x", "CLASSIFY": "x"}
    assert read(ClassifySettings, environment, "classify").model_dir == Path("m")


def test_values_are_read_by_their_kind() -> None:
    settings = read(
        ClassifySettings,
        {
            "CLASSIFY_MODEL_DIR": "~/model",
            "CLASSIFY_MIN_CONFIDENCE": " 0.25 ",
            "CLASSIFY_MAX_TOKENS": "64",
            "CLASSIFY_DEVICE": "cuda",
            "CLASSIFY_WARM_UP": "false",
            "CLASSIFY_LANGUAGES": "en, pt,",
            "CLASSIFY_PORTS": "1,2",
        },
        "classify",
    )
    assert settings == ClassifySettings(
        model_dir=Path("~/model").expanduser(),
        min_confidence=0.25,
        max_tokens=64,
        device="cuda",
        warm_up=False,
        languages=("en", "pt"),
        ports=(1, 2),
    )


def test_an_empty_variable_counts_as_not_set() -> None:
    settings = read(ClassifySettings, {"CLASSIFY_MODEL_DIR": "m", "CLASSIFY_DEVICE": " "}, "classify")
    assert settings.device == "cpu"


def test_faults_of_several_kinds_are_told_at_once_and_only_once() -> None:
    with pytest.raises(SettingsError) as caught:
        read_all(
            (ClassifySettings, Shared, ClassifySettings),
            {"CLASSIFY_WARM_UP": "2", "STORMDRAIN_CTY_DIR": "here"},
            "classify",
        )
    assert caught.value.faults == [
        "CLASSIFY_MODEL_DIR is not set",
        "CLASSIFY_WARM_UP='2': expected true or false",
        "STORMDRAIN_CTY_DIR is not a setting of classify: did you mean STORMDRAIN_CITY_DIR?",
    ]


def test_several_kinds_are_read_in_order() -> None:
    classify, shared = read_all((ClassifySettings, Shared), {"CLASSIFY_MODEL_DIR": "m"}, "classify")
    assert isinstance(classify, ClassifySettings)
    assert isinstance(shared, Shared)


def test_rows_say_what_to_write_in_the_environment() -> None:
    found = {row.variable: row for row in rows(ClassifySettings)}
    assert found["CLASSIFY_MODEL_DIR"] == Row("CLASSIFY_MODEL_DIR", "a path", "required", "The model to serve.")
    assert found["CLASSIFY_WARM_UP"].default == "true"
    assert found["CLASSIFY_LANGUAGES"].default == "en,es"
    assert found["CLASSIFY_LANGUAGES"].expected == "text; several are separated by commas"
    assert found["CLASSIFY_PORTS"].default == "empty"
    assert found["CLASSIFY_TOKEN"] == Row(
        "CLASSIFY_TOKEN", "text, at least 4 characters", "empty", "The key.", secret=True
    )
