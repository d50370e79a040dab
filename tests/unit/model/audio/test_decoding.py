from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import av
import numpy as np
import pytest

from model.audio.decoding import MIN_DURATION_S, Audio, decode, probe, stream
from model.audio.frames import Damage, frames_of, translated
from model.errors import (
    AudioReadError,
    AudioTooLongError,
    AudioTooShortError,
    EmptyAudioError,
    UndecodableAudioError,
)
from tests.unit.encoded_audio import encoded, tone, wav
from tests.unit.music import music

FORMATS = [
    # container, codec, sample rate, largest allowed error of the waveform (lossy codecs: relative)
    ("wav", "pcm_s16le", 44_100, 1e-4),
    ("wav", "pcm_u8", 22_050, 1e-2),
    ("wav", "pcm_s24le", 96_000, 1e-4),
    ("wav", "pcm_f32le", 48_000, 1e-6),
    ("wav", "pcm_f64le", 8_000, 1e-6),
    ("aiff", "pcm_s16be", 44_100, 1e-4),
    ("flac", "flac", 44_100, 1e-4),
    ("mp3", "libmp3lame", 44_100, 0.05),
    ("ogg", "vorbis", 44_100, 0.05),
    ("ogg", "libopus", 48_000, 0.05),
    ("ipod", "aac", 44_100, 0.05),
    ("asf", "wmav2", 44_100, 0.05),
]


def _tone_amplitude(audio: Audio, hz: float) -> float:
    """Amplitude of the sine at `hz` in the middle of the clip."""
    middle = audio.samples[len(audio.samples) // 4 : 3 * len(audio.samples) // 4].astype(np.float64)
    turns = np.exp(-2j * np.pi * hz * np.arange(len(middle)) / audio.sample_rate_hz)
    window = np.hanning(len(middle))
    return float(2 * np.abs((middle * turns * window).sum()) / window.sum())


@pytest.mark.parametrize(("container", "codec", "rate_hz", "tolerance"), FORMATS)
def test_every_format_keeps_the_mean_of_its_channels(
    container: str, codec: str, rate_hz: int, tolerance: float
) -> None:
    """Left 0.5 and right 0.1 of one tone come back as 0.3 of it, at the native rate."""
    left = tone(2.0, rate_hz, 440.0)
    audio = decode(encoded(np.stack([0.5 * left, 0.1 * left]), rate_hz, container, codec))

    assert audio.sample_rate_hz == rate_hz
    assert audio.duration_s == pytest.approx(2.0, abs=0.15)
    assert audio.samples.dtype == np.float32
    assert _tone_amplitude(audio, 440.0) == pytest.approx(0.3, abs=max(tolerance, 1e-3))


def test_eight_float_channels_are_averaged() -> None:
    """An 8-channel float WAV yields the mean of its channels."""
    channels = np.random.default_rng(1).uniform(-1, 1, (8, 48_000)).astype(np.float32)

    audio = decode(wav(channels, 48_000))

    np.testing.assert_allclose(audio.samples, channels.mean(0), atol=1e-6)


def test_path_bytes_and_file_object_agree(tmp_path: Path) -> None:
    """Where the bytes come from makes no difference."""
    content = encoded(tone(1.0, 44_100, 300.0)[None], 44_100, "mp3", "libmp3lame")
    path = tmp_path / "tone.mp3"
    path.write_bytes(content)

    from_path = decode(path)
    from_bytes = decode(content)
    with path.open("rb") as file:
        from_file = decode(file)

    np.testing.assert_array_equal(from_path.samples, from_bytes.samples)
    np.testing.assert_array_equal(from_path.samples, from_file.samples)


@pytest.mark.parametrize("name", ["http:song.wav", "concat:a|b.wav", "50% -i.wav", "ünï 🎵.wav"])
def test_a_file_name_is_never_an_address(tmp_path: Path, name: str) -> None:
    """Names that look like FFmpeg protocols or options are opened as plain files."""
    path = tmp_path / name
    path.write_bytes(wav(tone(1.0, 8_000, 300.0)[None], 8_000))

    assert decode(path).duration_s == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("block_s", "overlap_s"), [(0.3, 0.0), (0.5, 0.2), (2.0, 1.9), (30.0, 5.0)]
)
def test_blocks_cover_the_file(block_s: float, overlap_s: float) -> None:
    """Blocks start every block - overlap seconds and together are the whole file."""
    content = wav(np.random.default_rng(0).uniform(-1, 1, (1, 70_000)), 22_050)
    whole = decode(content).samples

    blocks = list(stream(content, block_s=block_s, overlap_s=overlap_s))

    step, size = round((block_s - overlap_s) * 22_050), round(block_s * 22_050)
    for i, block in enumerate(blocks):
        np.testing.assert_array_equal(block.samples, whole[i * step : i * step + size])
    assert (len(blocks) - 1) * step + len(blocks[-1].samples) == len(whole)
    assert all(len(b.samples) > size - step for b in blocks[1:])


def test_an_overlap_as_long_as_the_block_is_refused() -> None:
    """Blocks must make progress."""
    with pytest.raises(ValueError, match="overlap_s is 1"):
        list(stream(wav(tone(1.0, 8_000, 300.0)[None], 8_000), block_s=1.0, overlap_s=1.0))


@pytest.mark.parametrize("content", [b"", b"\x00" * 5000, b"just some text\n" * 500, b"RIFF"])
def test_bytes_that_are_no_audio_are_refused(content: bytes) -> None:
    """Nothing, zeros, text and a bare magic number are undecodable or empty, in words."""
    with pytest.raises((UndecodableAudioError, EmptyAudioError), match=r"the audio|cannot decode"):
        decode(content)


def test_text_renamed_to_mp3_is_refused(tmp_path: Path) -> None:
    """The message names the file and the reason."""
    path = tmp_path / "notes.mp3"
    path.write_text("just some text\n" * 500)

    with pytest.raises(UndecodableAudioError, match=r"notes\.mp3"):
        decode(path)


def test_an_empty_file_is_called_empty(tmp_path: Path) -> None:
    """Zero bytes are told apart from nonsense, from a path, from bytes and from a file object."""
    path = tmp_path / "empty.wav"
    path.touch()

    with path.open("rb") as file:
        for source in (path, b"", io.BytesIO(), file):
            with pytest.raises(EmptyAudioError, match="empty"):
                decode(source)


def test_a_header_without_samples_is_empty() -> None:
    """A well-formed WAV of zero samples holds no audio."""
    with pytest.raises(EmptyAudioError, match="no audio"):
        decode(wav(np.zeros((1, 0)), 44_100))


def test_missing_files_and_folders_are_audio_errors(tmp_path: Path) -> None:
    """The file system's errors are translated as well."""
    for path in (tmp_path / "gone.mp3", tmp_path):
        with pytest.raises(AudioReadError, match=f"cannot read {path.name}"):
            decode(path)


def test_a_picture_is_no_audio() -> None:
    """A container without an audio track, or of another kind, is refused."""
    with pytest.raises(UndecodableAudioError):
        decode(b"\x89PNG\r\n\x1a\n" + bytes(2000))


def test_a_video_track_alone_is_no_audio() -> None:
    """A film without sound has no audio track."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="matroska") as container:
        track = container.add_stream("mpeg4", rate=25)
        track.width = track.height = 32
        for _ in range(5):
            container.mux(track.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(track.encode(None))

    with pytest.raises(UndecodableAudioError, match="no audio track"):
        decode(buffer.getvalue())


def test_a_playlist_cannot_reach_other_files(tmp_path: Path) -> None:
    """An upload that is an HLS playlist does not make the decoder open the files it names."""
    secret = tmp_path / "secret.ts"
    secret.write_bytes(encoded(tone(1.0, 44_100, 300.0)[None], 44_100, "mpegts", "mp2"))
    playlist = (
        "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXT-X-MEDIA-SEQUENCE:0\n"
        f"#EXTINF:10.0,\n{secret}\n#EXT-X-ENDLIST\n"
    )
    path = tmp_path / "list.mp3"
    path.write_text(playlist)

    for source in (playlist.encode(), path):
        with pytest.raises(UndecodableAudioError):
            decode(source)


@pytest.mark.parametrize(
    ("container", "codec"), [("mp3", "libmp3lame"), ("flac", "flac"), ("ogg", "vorbis")]
)
def test_a_truncated_file_yields_what_decodes(container: str, codec: str) -> None:
    """Cut in half, an eight-second file still gives seconds of the same tone."""
    noise = 0.05 * np.random.default_rng(0).standard_normal(8 * 44_100)
    signal = (0.4 * tone(8.0, 44_100, 440.0) + noise).astype(np.float32)
    content = encoded(signal[None], 44_100, container, codec)

    audio = decode(content[: len(content) // 2])

    assert 2.0 < audio.duration_s < 6.0
    assert _tone_amplitude(audio, 440.0) == pytest.approx(0.4, abs=0.03)


def test_damage_in_the_middle_is_skipped() -> None:
    """Rubbish between good MP3 frames costs those frames only."""
    content = bytearray(encoded(0.4 * tone(6.0, 44_100, 440.0)[None], 44_100, "mp3", "libmp3lame"))
    middle = len(content) // 2
    content[middle : middle + 2000] = np.random.default_rng(0).bytes(2000)

    assert 5.0 < decode(bytes(content)).duration_s < 6.5


def test_a_tenth_of_a_second_is_too_short() -> None:
    """The message says how much there is and how much is needed."""
    with pytest.raises(
        AudioTooShortError, match=rf"0\.10 s of audio; at least {MIN_DURATION_S:g} s"
    ):
        decode(wav(tone(0.1, 44_100, 440.0)[None], 44_100))


def test_the_limit_acts_on_decoded_samples() -> None:
    """Three seconds pass under a limit of three and not under one of two."""
    content = wav(tone(3.0, 8_000, 300.0)[None], 8_000)

    assert decode(content, max_duration_s=3.0).duration_s == 3.0
    with pytest.raises(AudioTooLongError, match="longer than the 2 s"):
        decode(content, max_duration_s=2.0)
    with pytest.raises(AudioTooLongError):
        list(stream(content, block_s=0.5, max_duration_s=2.0))


def test_decoding_stops_at_the_limit() -> None:
    """An hour of silence in a few kilobytes is not decoded to its end."""
    hour = encoded(np.zeros((1, 8_000 * 3600), dtype=np.float32), 8_000, "flac", "flac")
    blocks = stream(hour, block_s=10.0, max_duration_s=60.0)
    seen_s = 0.0

    with pytest.raises(AudioTooLongError):  # noqa: PT012
        for block in blocks:
            seen_s += block.duration_s
    assert seen_s <= 60.0


def test_a_header_that_claims_ten_hours_is_harmless() -> None:
    """A WAV that declares ten hours and holds one second is one second long."""
    content = bytearray(wav(tone(1.0, 8_000, 300.0)[None].astype(np.float32), 8_000))
    place = content.index(b"data") + 4
    claimed = 36_000 * 8_000 * 4
    content[place : place + 4] = struct.pack("<I", claimed)
    content[4:8] = struct.pack("<I", claimed + 36)

    audio = decode(bytes(content), max_duration_s=600.0)

    assert audio.duration_s == pytest.approx(1.0)


@pytest.mark.parametrize("rate_hz", [1, 100, 4_000_000])
def test_impossible_sample_rates_are_refused(rate_hz: int) -> None:
    """Rates that no music has would make resampling explode."""
    with pytest.raises(UndecodableAudioError, match=f"{rate_hz} Hz"):
        decode(wav(np.zeros((1, 100_000), dtype=np.float32), rate_hz))


@pytest.mark.parametrize(
    ("rate_hz", "kept_hz"),
    [(192_000, 192_000), (352_800, 176_400), (1_411_200, 176_400), (2_822_400, 176_400)],
)
def test_rates_of_dsd_are_brought_down(rate_hz: int, kept_hz: int) -> None:
    """DSD256 and DSD512 are heard, and a waveform takes no gigabytes."""
    audio = decode(wav(0.5 * tone(1.0, rate_hz, 440.0)[None], rate_hz))

    assert audio.sample_rate_hz == kept_hz
    assert audio.duration_s == pytest.approx(1.0, abs=0.001)
    assert _tone_amplitude(audio, 440.0) == pytest.approx(0.5, abs=0.01)


def test_a_change_of_rate_midway_is_followed() -> None:
    """Two MP3 files in one come out at the rate of the first, at the right pitch."""
    first = encoded(0.5 * tone(2.0, 44_100, 440.0)[None], 44_100, "mp3", "libmp3lame")
    second = encoded(0.5 * tone(2.0, 22_050, 440.0)[None], 22_050, "mp3", "libmp3lame")

    audio = decode(first + second)

    assert audio.sample_rate_hz == 44_100
    assert audio.duration_s == pytest.approx(4.0, abs=0.2)
    end = Audio(audio.samples[int(2.4 * 44_100) :], 44_100)
    assert _tone_amplitude(end, 440.0) == pytest.approx(0.5, abs=0.05)


def test_probe_reads_the_header() -> None:
    """Rate, channels, codec and declared length are told without decoding."""
    info = probe(encoded(np.zeros((2, 44_100), dtype=np.float32), 44_100, "flac", "flac"))

    assert (info.sample_rate_hz, info.channels, info.codec) == (44_100, 2, "flac")
    assert info.duration_s == pytest.approx(1.0)


def test_many_threads_decode_alike() -> None:
    """Eight threads at once get the same samples as one."""
    content = encoded(tone(2.0, 44_100, 440.0)[None], 44_100, "mp3", "libmp3lame")
    expected = decode(content).samples

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(lambda _: decode(content).samples, range(32)))

    for samples in results:
        np.testing.assert_array_equal(samples, expected)


def test_decoders_write_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """Damaged input leaves standard output and error clean."""
    content = encoded(tone(2.0, 44_100, 440.0)[None], 44_100, "mp3", "libmp3lame")
    decode(content[: len(content) // 2] + b"rubbish" * 100)
    with pytest.raises(UndecodableAudioError):
        decode(b"\xff\xfb\x90\x00" + b"rubbish" * 100)

    captured = capfd.readouterr()

    assert (captured.out, captured.err) == ("", "")


@pytest.mark.parametrize("second", [-1.0, -0.8])
def test_opposite_channels_do_not_cancel(second: float) -> None:
    """Miswired stereo sounds like its louder channel, not like silence."""
    left = music(4.0, 8_000, 0)

    mono = decode(wav(np.stack([left, second * left]), 8_000)).samples

    np.testing.assert_allclose(mono, left * (1 - second) / 2, atol=1e-6)


def test_channels_that_differ_are_averaged() -> None:
    """Turned over are only channels that hold nearly the same against each other."""
    random = np.random.default_rng(0)
    left, own = random.normal(size=(2, 8_000)).astype(np.float32)
    right = -0.5 * left + own

    mono = decode(wav(np.stack([left, right]), 8_000)).samples

    np.testing.assert_allclose(mono, (left + right) / 2, atol=1e-6)


class Greedy:
    """A packet of a container, and the container: nothing of it fits into memory."""

    def __init__(self, tracks: object) -> None:
        self.streams = tracks

    def decode(self) -> list[object]:
        """Fail."""
        raise av.error.MemoryError(12, "Cannot allocate memory")

    def demux(self, _track: object) -> Iterator[Greedy]:
        """One packet."""
        yield self


def test_a_lack_of_memory_is_no_damage(tmp_path: Path) -> None:
    """What was decoded before memory ran out is not kept as the whole file."""
    path = tmp_path / "tone.wav"
    path.write_bytes(wav([tone(1.0, 8000, 440.0)], 8000))

    with (
        pytest.raises(MemoryError),
        translated(path),
        av.open(path) as container,
    ):
        list(frames_of(Greedy(container.streams), path, Damage()))
