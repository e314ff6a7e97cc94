"""What becomes of files before they are sent."""

import io
import subprocess
import sys
from pathlib import Path

import av
import pytest
from PIL import Image

from flashapi.errors import InvalidInput
from tests.support import samples
from workers.media import films, pictures, sounds


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize(
    "content",
    [samples.sound(), samples.sound("mp3", "libmp3lame"), samples.sound("ipod", "aac"), samples.sound("flac", "flac"),
     samples.sound("ogg", "libopus"), samples.sound("webm", "libopus")],
)  # fmt: skip
def test_a_voice_message_is_mono_opus_with_64_bars(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    voice = sounds.as_voice(file)
    assert voice.mimetype == "audio/ogg; codecs=opus"
    assert voice.seconds == samples.SOUND_SECONDS
    assert voice.waveform is not None and len(voice.waveform) == 64
    assert max(voice.waveform) == 100
    assert sum(voice.waveform[:32]) < sum(voice.waveform[32:]), "the tone grows louder"
    assert voice.content is not None
    with av.open(io.BytesIO(voice.content)) as container:
        context = container.streams.audio[0].codec_context
        assert (container.format.name, context.name, context.channels) == ("ogg", "opus", 1)
        length = sum(frame.samples for frame in container.decode(audio=0)) / 48_000
        assert length == pytest.approx(samples.SOUND_SECONDS, abs=0.1)


def test_a_voice_message_that_is_one_already_stays(file: Path) -> None:
    file.write_bytes(samples.sound("ogg", "libopus", "mono"))
    voice = sounds.as_voice(file)
    assert voice.content is None
    assert voice.waveform is not None and len(voice.waveform) == 64


@pytest.mark.parametrize(
    ("content", "mimetype", "sent_as"),
    [
        (samples.sound("mp3", "libmp3lame"), "audio/mpeg", "audio/mpeg"),
        (samples.sound("ogg", "libopus"), "audio/ogg", "audio/ogg; codecs=opus"),
        (samples.sound("ipod", "aac"), "audio/mp4", "audio/mp4"),
        (samples.sound("mp4", "aac"), "video/mp4", "audio/mp4"),
    ],
)
def test_audio_that_phones_play_stays(file: Path, content: bytes, mimetype: str, sent_as: str) -> None:
    file.write_bytes(content)
    audio = sounds.as_audio(file, mimetype)
    assert (audio.content, audio.mimetype, audio.seconds) == (None, sent_as, samples.SOUND_SECONDS)


def test_audio_that_phones_do_not_play_is_converted(file: Path) -> None:
    file.write_bytes(samples.sound())
    audio = sounds.as_audio(file, "audio/wav")
    assert audio.mimetype == "audio/ogg; codecs=opus"
    assert audio.content is not None and audio.content.startswith(b"OggS")


def test_a_film_shows_its_size_length_and_first_picture(file: Path) -> None:
    file.write_bytes(samples.film())
    film = films.look_at(file)
    assert (film.width, film.height, film.seconds) == (320, 180, 2)
    with Image.open(io.BytesIO(film.thumbnail)) as thumbnail:
        assert (thumbnail.format, max(thumbnail.size)) == ("JPEG", 100)


def test_a_picture_is_measured_upright(file: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    file.write_bytes(samples.picture(size=(400, 100), exif=exif))
    picture = pictures.look_at(file)
    assert (picture.width, picture.height) == (100, 400)
    with Image.open(io.BytesIO(picture.thumbnail)) as thumbnail:
        assert thumbnail.size == (25, 100)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "WEBP"])
def test_the_picture_of_a_group_is_a_square_jpeg(file: Path, form: str) -> None:
    file.write_bytes(samples.picture(form, (1_000, 800)))
    with Image.open(io.BytesIO(pictures.as_profile_picture(file))) as seen:
        assert (seen.format, seen.size) == ("JPEG", (640, 640))


def test_the_picture_of_a_group_is_upright(file: Path) -> None:
    drawn = Image.new("RGB", (400, 400), "red")
    drawn.paste("blue", (0, 200, 400, 400))
    exif = Image.Exif()
    exif[0x0112] = 3  # upside down
    drawn.save(file, "PNG", exif=exif)
    with Image.open(io.BytesIO(pictures.as_profile_picture(file))) as seen:
        assert seen.size == (400, 400)
        assert seen.getpixel((200, 100))[2] > 200  # type: ignore[index]


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF"])
def test_a_sticker_is_a_square_webp(file: Path, form: str) -> None:
    file.write_bytes(samples.picture(form, (1_000, 400)))
    sticker = pictures.as_sticker(file)
    assert sticker.content is not None and len(sticker.content) <= pictures.STICKER_BYTES
    assert not sticker.is_moving
    with Image.open(io.BytesIO(sticker.content)) as image:
        assert (image.format, image.size) == ("WEBP", (512, 512))
        alpha = image.convert("RGBA").getchannel("A")
        assert (alpha.getpixel((0, 0)), alpha.getpixel((256, 256))) == (0, 255)


def test_a_moving_sticker_still_moves(file: Path) -> None:
    file.write_bytes(samples.moving_picture())
    sticker = pictures.as_sticker(file)
    assert sticker.content is not None and sticker.is_moving
    with Image.open(io.BytesIO(sticker.content)) as image:
        assert getattr(image, "n_frames", 1) == 4


@pytest.mark.parametrize("content", [samples.picture("WEBP"), samples.moving_picture("WEBP")])
def test_webp_stays_as_it_is(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert pictures.as_sticker(file).content is None


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0" + b"x" * 500, samples.picture("PNG")[:300], b"OggS" + bytes(99)]
)
def test_damaged_files_are_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    for read in (pictures.look_at, pictures.as_sticker, films.look_at, sounds.as_voice):
        with pytest.raises(InvalidInput):
            read(file)


def test_a_large_photo_is_taken(file: Path) -> None:
    Image.new("RGB", (8_160, 6_120), "green").save(file, "JPEG")
    assert pictures.look_at(file).width == 8_160


@pytest.mark.parametrize("form, options", [("PNG", {}), ("JPEG", {"progressive": True}), ("GIF", {})])
def test_what_is_too_much_decoded_is_refused(file: Path, form: str, options: dict[str, bool]) -> None:
    Image.new("L", (9_000, 9_000)).save(file, form, **options)
    for read in (pictures.look_at, pictures.as_sticker, pictures.as_profile_picture):
        with pytest.raises(InvalidInput, match="9000 x 9000 pixels; o máximo é de 25 megapixels"):
            read(file)
    assert pictures.preview(file) is None


@pytest.mark.filterwarnings("ignore:Image size:PIL.Image.DecompressionBombWarning")
def test_what_nobody_would_even_open_is_refused(file: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(file, "PNG")
    with pytest.raises(InvalidInput, match="image: a imagem tem pixels demais"):
        pictures.look_at(file)


READ_AND_TELL = """
import sys
from pathlib import Path
from workers.media import pictures

def megabytes(field):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field)) / 1024

Path("/proc/self/clear_refs").write_text("5")
before = megabytes("VmRSS")
getattr(pictures, sys.argv[1])(Path(sys.argv[2]))
print(megabytes("VmHWM") - before)
"""


@pytest.mark.parametrize("read", ["look_at", "as_sticker", "as_profile_picture"])
def test_a_picture_is_decoded_once(file: Path, read: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (5_000, 5_000), "green").save(file, "PNG", exif=exif)
    told = subprocess.run([sys.executable, "-c", READ_AND_TELL, read, file], capture_output=True, check=True)
    decoded = 5_000 * 5_000 * 4 / 2**20
    assert decoded * 0.9 < float(told.stdout) < decoded * 1.5
