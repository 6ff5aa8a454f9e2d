"""The README tells the truth about settings and commands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from fhir_svc.cli import main
from fhir_svc.settings import SECRETS, Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ROWS = dict(re.findall(r"^\| `FHIR_SVC_(\w+)` \| ([^|]+?) \|", README, flags=re.MULTILINE))


def test_every_setting_stands_in_the_readme_and_no_other() -> None:
    assert {name.lower() for name in ROWS} == set(Settings.model_fields)


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_the_readme_says_which_settings_are_secret_and_which_are_needed(name: str) -> None:
    said = ROWS[name.upper()]

    assert ("secret" in said) == (name in SECRETS)
    assert ("needed" in said) == Settings.model_fields[name].is_required()


@pytest.mark.parametrize(
    "line", re.findall(r"^(?:\.venv/bin/)?fhir-svc ([a-z]+(?: [a-z]+)?)", README, flags=re.MULTILINE)
)
def test_every_command_of_the_readme_exists(line: str) -> None:
    words = [
        word for word in line.split() if word in {*main.commands, "add", "upgrade", "verify", "check", "show", "diff"}
    ]

    result = CliRunner().invoke(main, [*words, "--help"])

    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("word", re.findall(r"`make (\w+)`", README))
def test_every_make_word_of_the_readme_exists(word: str) -> None:
    assert re.search(rf"^{word}:", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)


def test_no_download_address_stands_in_the_repository_s_set_up_files() -> None:
    for name in ("requirements.lock", "Makefile", ".ci/run", "pyproject.toml"):
        assert not re.search(r"https?://", (ROOT / name).read_text(encoding="utf-8")), name
