"""What settings make of TZ: a zone they have data for, by its name, or a refusal that names TZ."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest

from flashapi import settings as reading
from flashapi import timestamps

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
