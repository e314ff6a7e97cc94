"""Files of each kind, made here, so that tests know what is in them."""

import array
import io
import math
import zipfile
from fractions import Fraction
from typing import Any, cast

import av
from PIL import Image

PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"
SOUND_SECONDS = 3


def picture(form: str = "JPEG", size: tuple[int, int] = (320, 200), **options: Any) -> bytes:
    """A picture with some texture."""
    made = io.BytesIO()
    Image.effect_noise(size, 60).convert("RGB").save(made, form, **options)
    return made.getvalue()


def archive(*entries: tuple[str, str]) -> bytes:
    """A ZIP of these names and contents, in this order."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as written:
        for name, content in entries:
            written.writestr(name, content)
    return made.getvalue()


def moving_picture(form: str = "GIF", size: tuple[int, int] = (60, 40), frames: int = 4) -> bytes:
    """An animation."""
    images = [Image.new("RGB", size, (40 * number, 80, 120)) for number in range(frames)]
    made = io.BytesIO()
    images[0].save(made, form, save_all=True, append_images=images[1:], duration=80, loop=0)
    return made.getvalue()


def sound(form: str = "wav", codec: str = "pcm_s16le", layout: str = "stereo", rate: int = 48_000) -> bytes:
    """A tone of SOUND_SECONDS that grows louder."""
    made = io.BytesIO()
    channels = 1 if layout == "mono" else 2
    total = rate * SOUND_SECONDS
    with av.open(made, "w", format=form) as container:
        stream = cast(Any, container.add_stream(codec, rate=rate))
        stream.layout = layout
        context = stream.codec_context
        resampler = av.AudioResampler(context.format.name, layout, rate, context.frame_size)
        for start in range(0, total, 4_800):
            frame = av.AudioFrame(format="s16", layout=layout, samples=4_800)
            frame.sample_rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
            values = [int(20_000 * i / total * math.sin(i * 880 * math.pi / rate)) for i in range(start, start + 4_800)]
            frame.planes[0].update(array.array("h", [each for each in values for _ in range(channels)]).tobytes())
            for ready in resampler.resample(frame):
                container.mux(stream.encode(ready))
        for ready in resampler.resample(None):
            container.mux(stream.encode(ready))
        container.mux(stream.encode(None))
    return made.getvalue()


def film(form: str = "mp4", codec: str = "libx264", size: tuple[int, int] = (320, 180), frames: int = 20) -> bytes:
    """A film of ten pictures a second, without sound."""
    made = io.BytesIO()
    with av.open(made, "w", format=form) as container:
        stream = cast(Any, container.add_stream(codec, rate=10))
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        for number in range(frames):
            frame = av.VideoFrame.from_image(Image.new("RGB", size, (number * 10 % 255, 100, 50)))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return made.getvalue()
