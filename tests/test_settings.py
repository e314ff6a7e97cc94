"""What settings make of what they are told, and what they refuse, each time naming the variable."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashapi import settings as reading
from flashapi import timestamps
from workers.first_start import SECRETS, write_dotenv

ZONE = "America/Sao_Paulo"


def zone(given: str) -> str:
    return reading.load({"TZ": given}, None).timezone


@pytest.fixture
def no_zones_of_the_system() -> Iterator[None]:
    """A machine without /usr/share/zoneinfo."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    yield
    zoneinfo.reset_tzpath()


@pytest.mark.parametrize(
    "given, name",
    [
        ("", ZONE),
        (ZONE, ZONE),
        (f":{ZONE}", ZONE),
        ("UTC", "UTC"),
        ("Etc/GMT+3", "Etc/GMT+3"),
        (f"/usr/share/zoneinfo/{ZONE}", ZONE),
        (f":/usr/share/zoneinfo/{ZONE}", ZONE),
    ],
)
def test_a_zone_by_any_of_its_names(no_zones_of_the_system: None, given: str, name: str) -> None:
    assert zone(given) == name
    assert timestamps.local(1_764_000_000_000, name)


@pytest.mark.parametrize("colon", ["", ":"])
def test_a_link_is_the_zone_it_leads_to(tmp_path: Path, colon: str) -> None:
    data = tmp_path / "zoneinfo" / ZONE
    data.parent.mkdir(parents=True)
    data.touch()
    (tmp_path / "other").symlink_to(data)
    (tmp_path / "localtime").symlink_to("other")
    assert zone(f"{colon}{tmp_path}/localtime") == ZONE


@pytest.mark.parametrize(
    "given",
    ["BRT3", "BRT3BRST", "<-03>3", ":", "America", "America/Nowhere", "/etc/passwd", ":/nonexistent/localtime",
     "../UTC", "/usr/share/zoneinfo/", "/usr/share/zoneinfo/America", f"{ZONE}/", "x" * 300, "nu\0lo"],
)  # fmt: skip
def test_what_is_no_zone_is_refused(given: str) -> None:
    with pytest.raises(reading.InvalidSetting, match="^TZ "):
        zone(given)


def test_a_copied_file_and_a_circle_of_links_have_no_name(tmp_path: Path) -> None:
    (tmp_path / "copied").write_bytes(b"TZif2")
    (tmp_path / "circle").symlink_to("circle")
    for name in ("copied", "circle"):
        with pytest.raises(reading.InvalidSetting, match="^TZ "):
            zone(f":{tmp_path}/{name}")


def test_an_empty_variable_leaves_the_file_its_word(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("GLOBAL_API_KEY=da-pasta\nPORT=3999\nTZ=\n")
    told = reading.load({"GLOBAL_API_KEY": "", "PORT": " ", "LOG_LEVEL": ""}, dotenv)
    assert (told.global_api_key, told.port, told.timezone, told.log_level) == ("da-pasta", 3999, ZONE, "info")
    assert reading.load({"GLOBAL_API_KEY": "de-fora"}, dotenv).global_api_key == "de-fora"


def test_what_the_first_start_writes_is_what_is_read(tmp_path: Path) -> None:
    """Also where docker compose has exported the secrets empty."""
    dotenv = tmp_path / ".env"
    dotenv.write_text("GLOBAL_API_KEY=\nWEBHOOK_SECRET_KEY=da-pasta\n")
    exported = dict.fromkeys(SECRETS, "")
    write_dotenv(dotenv, exported, loopback=True)
    told = reading.load(exported, dotenv)
    assert len(told.global_api_key) > 30 and len(told.websocket_secret) > 30
    assert told.webhook_secret_key == "da-pasta"


@pytest.mark.parametrize("name", SECRETS)
@pytest.mark.parametrize("published", ["ASDASDSA55WQ88E55R8ER5T2QW5E5Q", "123"])
def test_a_secret_that_everybody_knows_is_refused(name: str, published: str) -> None:
    with pytest.raises(reading.InvalidSetting, match=f"^{name} .* published"):
        reading.load({name: published}, None)


@pytest.mark.parametrize(
    "name, bad, good", [("LOG_LEVEL", "verbose", "Debug"), ("SESSION_PHONE_NAME", "Chromium", "firefox")]
)
def test_a_word_that_means_nothing_is_refused_with_those_that_do(name: str, bad: str, good: str) -> None:
    with pytest.raises(reading.InvalidSetting, match=f"(?i)^{name} must be one of .*{good}.*, not '{bad}'"):
        reading.load({name: bad}, None)
    reading.load({name: good}, None)
