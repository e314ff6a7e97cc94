"""Sounds as WhatsApp plays them: Ogg/Opus for voice messages, with the waveform it draws."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import av

from flashapi.errors import InvalidInput

OPUS_TYPE = "audio/ogg; codecs=opus"
PLAYED_AS_IS = {
    "audio/mpeg": "audio/mpeg",
    "audio/mp4": "audio/mp4",
    "audio/aac": "audio/aac",
    "audio/amr": "audio/amr",
}
"""Types that phones play; what they are sent as."""
RATE = 48_000
BITS_PER_SECOND = 32_000
BARS = 64
LOUDEST = 100
EVERY = 8
"""Of so many samples one counts for the waveform."""
UNREADABLE = "audio: o arquivo está danificado ou não tem som"


@dataclass(frozen=True)
class Sound:
    """A sound ready to be sent. `content` is None where the file can go as it is."""

    content: bytes | None
    mimetype: str
    seconds: int
    waveform: bytes | None


def as_voice(path: Path) -> Sound:
    """A voice message: mono Opus in Ogg, with 64 values of loudness. Raises InvalidInput."""
    return _opus(path, waveform=True)


def as_audio(path: Path, mimetype: str) -> Sound:
    """A sound file as it is, or where phones don't play its type, as Opus. Raises InvalidInput."""
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            stream = _sound_of(container)
            seconds = _seconds(container, stream)
            has_film = any(not _is_cover(each) for each in container.streams.video)
            codec = stream.codec_context.name
    except av.FFmpegError:
        raise InvalidInput(UNREADABLE) from None
    if mimetype == "audio/ogg" and codec in ("opus", "libopus"):
        return Sound(None, OPUS_TYPE, seconds, None)
    if mimetype == "video/mp4" and not has_film and codec == "aac":
        return Sound(None, "audio/mp4", seconds, None)
    if mimetype in PLAYED_AS_IS and seconds:
        return Sound(None, PLAYED_AS_IS[mimetype], seconds, None)
    return _opus(path, waveform=False)


def _opus(path: Path, waveform: bool) -> Sound:
    loudness: list[int] = []
    encoded = io.BytesIO()
    try:
        with av.open(str(path), metadata_errors="replace") as source:
            stream = _sound_of(source)
            keeps = _is_voice_already(source, stream)
            if keeps:
                samples = sum(_measure(frame, loudness) for frame in _mono(source, stream))
            else:
                samples = _encode(source, stream, encoded, loudness)
    except (av.FFmpegError, ValueError):
        raise InvalidInput(UNREADABLE) from None
    if not samples:
        raise InvalidInput(UNREADABLE)
    return Sound(
        content=None if keeps else encoded.getvalue(),
        mimetype=OPUS_TYPE,
        seconds=max(1, round(samples / RATE)),
        waveform=_bars(loudness) if waveform else None,
    )


def _encode(source: Any, stream: Any, into: io.BytesIO, loudness: list[int]) -> int:
    """Write the sound as Opus; returns how many samples there were."""
    samples = 0
    with av.open(into, "w", format="ogg") as target:
        opus = cast(Any, target.add_stream("libopus", rate=RATE, options={"application": "voip"}))
        opus.layout = "mono"
        opus.bit_rate = BITS_PER_SECOND
        for frame in _mono(source, stream):
            samples += _measure(frame, loudness)
            target.mux(opus.encode(frame))
        target.mux(opus.encode(None))
    return samples


def _mono(source: Any, stream: Any) -> Iterator[Any]:
    """The sound in frames of 16-bit mono at RATE."""
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    for frame in source.decode(stream):
        frame.pts = None  # gaps and jumps of the source would be encoded as errors
        yield from resampler.resample(frame)
    yield from resampler.resample(None)


def _measure(frame: Any, loudness: list[int]) -> int:
    """Note how loud a frame is; returns its number of samples."""
    values = memoryview(bytes(frame.planes[0]))[: frame.samples * 2].cast("h")[::EVERY]
    loudness.append(sum(abs(value) for value in values) // max(1, len(values)))
    return int(frame.samples)


def _bars(loudness: list[int]) -> bytes:
    """64 values from 0 to 100, the loudest of them 100."""
    count = len(loudness)
    spans = [loudness[bar * count // BARS : max(bar * count // BARS + 1, (bar + 1) * count // BARS)]
             for bar in range(BARS)]  # fmt: skip
    heights = [sum(span) / max(1, len(span)) for span in spans]
    loudest = max(heights)
    return bytes(round(height / loudest * LOUDEST) if loudest else 0 for height in heights)


def _sound_of(container: Any) -> Any:
    if not container.streams.audio:
        raise InvalidInput(UNREADABLE)
    return container.streams.audio[0]


def _is_voice_already(container: Any, stream: Any) -> bool:
    context = stream.codec_context
    return bool(container.format.name == "ogg" and context.name in ("opus", "libopus") and context.channels == 1)


def _is_cover(stream: Any) -> bool:
    """Whether a video stream is only the picture of an album."""
    return stream.codec_context.name in ("mjpeg", "png", "bmp")


def _seconds(container: Any, stream: Any) -> int:
    if stream.duration is not None and stream.time_base is not None:
        return max(1, int(round(stream.duration * stream.time_base)))
    return max(1, round(container.duration / av.time_base)) if container.duration else 0
