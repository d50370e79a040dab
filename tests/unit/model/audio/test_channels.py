"""Samples that are no numbers, offsets, and channels against each other."""

from __future__ import annotations

import struct

import av
import numpy as np
import pytest

from model.audio.channels import Centred, Mended, MonoMix, channels_of
from model.audio.decoding import decode, stream
from model.audio.frames import Damage
from model.errors import NonFiniteAudioError
from tests.unit.encoded_audio import tone, wav

RATE_HZ = 8_000


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_single_samples_that_are_no_numbers_are_silent(value: float) -> None:
    """All else of the file is heard as it is, and the file's note counts them."""
    samples = np.stack([tone(2.0, RATE_HZ, 300.0), tone(2.0, RATE_HZ, 300.0)])
    spoilt = samples.copy()
    spoilt[1, 3_000:3_002] = value
    damage = Damage()

    (block,) = stream(wav(spoilt, RATE_HZ), block_s=10.0, damage=damage)

    expected = samples.mean(axis=0)
    expected[3_000:3_002] = samples[0, 3_000:3_002] / 2
    np.testing.assert_allclose(block.samples, expected, atol=1e-6)
    assert damage.note is not None
    assert "no numbers: 2" in damage.note


def test_a_file_of_samples_that_are_no_numbers_is_refused() -> None:
    """More than a hundredth of them: other numbers in the file mean nothing either."""
    samples = np.tile(tone(2.0, RATE_HZ, 300.0), (2, 1))
    samples[:, ::50] = np.nan

    with pytest.raises(NonFiniteAudioError, match="2% of the audio are samples that are NaN"):
        decode(wav(samples, RATE_HZ))


def test_a_channel_without_numbers_is_silent() -> None:
    """The other one is heard."""
    heard = tone(2.0, RATE_HZ, 300.0)
    mend = Mended()

    mended = mend(np.stack([np.full_like(heard, np.nan), heard]))

    np.testing.assert_array_equal(mended, [np.zeros_like(heard), heard])
    assert (mend.samples, mend.lost) == (len(heard), 0)


@pytest.mark.parametrize("layout", ["mono", "stereo", "6.1", "7.1", "hexadecagonal"])
@pytest.mark.parametrize("kind", ["flt", "s16", "s32"])
def test_all_planes_of_a_frame_are_read(layout: str, kind: str) -> None:
    """Also eight and more, and the same as where channels take turns."""
    count = av.AudioLayout(layout).nb_channels
    dtype = {"flt": np.float32, "s16": np.int16, "s32": np.int32}[kind]
    packed = av.AudioFrame.from_ndarray(
        np.arange(100 * count, dtype=dtype)[None], format=kind, layout=layout
    )
    packed.sample_rate = RATE_HZ
    (planar,) = av.AudioResampler(f"{kind}p", layout, RATE_HZ).resample(packed)

    found = channels_of(planar)

    assert found.shape == (count, 100)
    np.testing.assert_array_equal(found, channels_of(packed))


@pytest.mark.parametrize("before", [b"", b"bext\x03\0\0\0abc\0"])
def test_integers_of_24_bits_in_32_are_heard(before: bytes) -> None:
    """As some recorders write them, with chunks before the format or without."""
    samples = tone(2.0, RATE_HZ, 300.0)
    content = (np.round(samples * 8_388_607).astype("<i4") << 8).tobytes()
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, RATE_HZ, 4 * RATE_HZ, 4, 32, 22, 24, 4)
    form += bytes.fromhex("0100000000001000800000aa00389b71")
    chunks = b"WAVE" + before + b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(content)) + content

    audio = decode(b"RIFF" + struct.pack("<I", len(chunks)) + chunks)

    np.testing.assert_allclose(audio.samples, samples, atol=1e-6)


@pytest.mark.parametrize("offset", [-0.6, 0.05, 0.3])
def test_a_constant_offset_is_taken_out(offset: float) -> None:
    """Of a faulty converter; without one the samples stay what they are."""
    sound = (0.3 * tone(6.0, RATE_HZ, 110.0))[None]

    found = decode(wav(sound + offset, RATE_HZ))
    plain = decode(wav(sound, RATE_HZ))

    assert np.abs(found.samples - sound[0]).max() < 0.005
    np.testing.assert_array_equal(plain.samples, sound[0])


def test_an_offset_that_changes_is_followed() -> None:
    """Two transfers in one file; each channel has its own."""
    sound = 0.3 * np.random.default_rng(0).normal(size=(2, 1 << 16)).astype(np.float32)
    centre = Centred()

    for offset in (0.2, -0.2):
        shifted = sound + np.array([[offset], [0.0]], np.float32)
        for _ in range(16):
            found = centre(shifted)

    np.testing.assert_allclose(found, sound, atol=0.01)
    np.testing.assert_array_equal(found[1], sound[1])


@pytest.mark.parametrize(("correlation", "turned"), [(-0.7, True), (-0.36, False), (0.5, False)])
def test_a_miswired_channel_is_turned_over(correlation: float, turned: bool) -> None:
    """Of a wide stereo recording as well; the widest that are right are left as they are."""
    left, other = np.random.default_rng(0).normal(size=(2, 40_000)).astype(np.float32)
    right = np.float32(correlation) * left + np.float32(np.sqrt(1 - correlation**2)) * other

    mono = MonoMix()(np.stack([left, right]))

    # Which of the two is turned depends on which is louder; the sign of a mix is not heard.
    expected = np.abs(left - right) / 2 if turned else np.abs(left + right) / 2
    np.testing.assert_allclose(np.abs(mono), expected, atol=1e-5)
