"""Settings as operators write them: misspelt names, secrets in files, errors in their words."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic_settings import SettingsError

from app.commands.common import make_settings
from app.environment import SECRETS, unknown_variables, variable
from app.errors import ServerStartError
from app.settings import Settings


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("CIRCUMPLEX_PROT", "CIRCUMPLEX_PORT"),
        ("CIRCUMPLEX_MUSIC_ROOT", "CIRCUMPLEX_MUSIC_ROOTS"),
        ("CIRCUMPLEX_ADMINTOKEN", "CIRCUMPLEX_ADMIN_TOKEN"),
        ("circumplex_watch", "CIRCUMPLEX_WATCH_S"),
        ("CIRCUMPLEX_ADMIN_TOKEN_FIEL", "CIRCUMPLEX_ADMIN_TOKEN_FILE"),
        ("CIRCUMPLX_REQUIRE_KEY", "CIRCUMPLEX_REQUIRE_KEY"),
    ],
)
def test_a_misspelt_variable_is_named_with_the_nearest(written: str, meant: str) -> None:
    """One line that says what has no effect and what was meant."""
    (line,) = unknown_variables(Settings.model_fields, {written: "1", "PATH": "/bin"})

    assert line.startswith(f"{written} is no setting")
    assert f"did you mean {meant}?" in line


def test_settings_and_foreign_variables_are_not_warned_of() -> None:
    """Also in small letters, as files of secrets, and the folder of the datasets."""
    known = [variable(name) for name in Settings.model_fields]
    known += [f"{variable(name)}_FILE" for name in SECRETS]
    known += ["circumplex_port", "CIRCUMPLEX_SHARED_DATA", "CIRCUS_PORT", "PORT"]

    assert unknown_variables(Settings.model_fields, dict.fromkeys(known, "x")) == []


def test_a_variable_like_none_is_warned_of_too() -> None:
    """Where nothing is near, the page with all settings is named."""
    (line,) = unknown_variables(Settings.model_fields, {"CIRCUMPLEX_XYZZY": "1"})

    assert "docs/settings.md" in line


def test_a_command_says_what_has_no_effect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On standard error, and goes on."""
    monkeypatch.setenv("CIRCUMPLEX_KEEP_SNAPSHOT", "3")

    settings = make_settings(data_dir=tmp_path)

    said = capsys.readouterr()
    assert "did you mean CIRCUMPLEX_KEEP_SNAPSHOTS?" in said.err
    assert said.out == ""
    assert settings.keep_snapshots == 5


@pytest.mark.parametrize(
    ("name", "value"),
    [("PORT", "70000"), ("PORT", "eighty"), ("UPLOAD_WORKERS", "0"), ("DEVICE", "tpu")],
)
def test_an_error_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    """As the operator wrote it, not the field of a class."""
    monkeypatch.setenv(f"CIRCUMPLEX_{name}", value)

    with pytest.raises(ServerStartError, match=f"^CIRCUMPLEX_{name}: "):
        make_settings()


def test_an_error_names_the_option_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the variable, which is right."""
    monkeypatch.setenv("CIRCUMPLEX_PORT", "8000")

    with pytest.raises(ServerStartError, match=r"^--port: "):
        make_settings(port=70_000)


def test_secrets_are_read_from_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without the line break at their end."""
    values = {
        "ADMIN_TOKEN": "a token of some length\n",
        "DATABASE_URL": "postgresql://me@db/music\n",
        "DATABASE_PASSWORD": "p@ss/w:rd\r\n",
        "SERVER_PASSWORD": "with spaces ",
    }
    for name, value in values.items():
        (tmp_path / name).write_text(value)
        monkeypatch.setenv(f"CIRCUMPLEX_{name}_FILE", str(tmp_path / name))

    settings = Settings()

    assert settings.admin_token is not None
    assert settings.admin_token.get_secret_value() == "a token of some length"
    assert settings.resolved_database_url == "postgresql://me:p%40ss%2Fw%3Ard@db/music"
    assert settings.server_password.get_secret_value() == "with spaces "


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe\xff"])
def test_a_file_that_holds_no_secret_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
) -> None:
    """Missing, empty or no text: a service without its token would be another service."""
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    monkeypatch.setenv("CIRCUMPLEX_ADMIN_TOKEN_FILE", str(file))

    with pytest.raises(SettingsError, match="CIRCUMPLEX_ADMIN_TOKEN_FILE"):
        Settings()
    with pytest.raises(ServerStartError, match="CIRCUMPLEX_ADMIN_TOKEN_FILE"):
        make_settings()


def test_a_secret_and_its_file_exclude_each_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nobody has to guess which one counts."""
    (tmp_path / "token").write_text("one")
    monkeypatch.setenv("CIRCUMPLEX_ADMIN_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("CIRCUMPLEX_ADMIN_TOKEN", "another")

    with pytest.raises(SettingsError, match="both set"):
        Settings()


@pytest.mark.parametrize("url", ["postgresql://db/music", "postgresql://me:it@db/music", ""])
def test_a_password_that_no_url_takes_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """It would be ignored in silence."""
    monkeypatch.setenv("CIRCUMPLEX_DATABASE_URL", url)
    monkeypatch.setenv("CIRCUMPLEX_DATABASE_PASSWORD", "secret")

    with pytest.raises(ServerStartError, match="CIRCUMPLEX_DATABASE_PASSWORD needs"):
        make_settings()
