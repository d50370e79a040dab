"""Instruments, drums and a room, in numpy: notes to stereo sound.

Letters: N samples of a note, M samples of a piece, K partials. Sound is float32 at
`SAMPLE_RATE_HZ`, full scale 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SAMPLE_RATE_HZ = 44_100
_TABLE = 16_384  # samples of one period; read without interpolation its error is under -75 dB
_MAX_PARTIALS = 40
_BLOCK = 1 << 18  # samples of an FFT

Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Touch:
    """How a note is played; each from 0 to 1.

    Attributes:
        brightness: Energy of the upper partials.
        roughness: Detuning and distortion.
        softness: How slowly the tone begins.
    """

    brightness: float = 0.5
    roughness: float = 0.0
    softness: float = 0.0

    @property
    def delay_s(self) -> float:
        """What softness adds to an instrument's rise time."""
        return 0.25 * self.softness**2


class Instrument(Protocol):
    """Something that plays one note."""

    def tone(self, frequency_hz: float, duration_s: float, touch: Touch) -> Sound:
        """One note, [N], peak about 1; N covers the release after `duration_s` too."""


@dataclass(frozen=True)
class Wave:
    """A harmonic instrument: one period of partials k^-slope that darkens as it rings.

    Attributes:
        slope: Spectral slope at medium brightness; 1 is a sawtooth.
        even: Weight of the even partials; 0 sounds like a clarinet.
        attack_s: Rise time.
        decay_s: Time constant of the ringing; infinite for bowed and blown sounds.
        release_s: Time constant after the note's end.
        darken_s: Time constant with which the upper partials fade.
        vibrato_cents: Depth of vibrato, which sets in after 0.3 s.
        unison: Voices that play the note together.
        detune_cents: Spread of these voices.
        breath: Level of breath, bow or string noise.
        drive: Distortion; 0 is clean.
    """

    slope: float
    even: float = 1.0
    attack_s: float = 0.005
    decay_s: float = float("inf")
    release_s: float = 0.08
    darken_s: float = 1.0
    vibrato_cents: float = 0.0
    unison: int = 1
    detune_cents: float = 0.0
    breath: float = 0.0
    drive: float = 0.0

    def tone(self, frequency_hz: float, duration_s: float, touch: Touch) -> Sound:
        """One note, [N]."""
        t = _times(duration_s + 4.0 * self.release_s)
        slope = self.slope + 1.2 * (0.5 - touch.brightness)
        partials = int(min(_MAX_PARTIALS, 0.45 * SAMPLE_RATE_HZ / frequency_hz))
        bright, dark = (_period(s, self.even, partials) for s in (slope, slope + 1.4))
        ringing = np.exp(-t / self.darken_s, dtype=np.float32)
        sound = np.zeros_like(t)
        for voice, cents in enumerate(self._detuning(touch.roughness)):
            cycles = frequency_hz * 2.0 ** (cents / 1200.0) * t + 0.37 * voice
            index = self._bent(cycles, frequency_hz, t)
            sound += dark[index] + ringing * (bright[index] - dark[index])
        sound /= self.unison**0.5
        drive = self.drive + 3.0 * touch.roughness * (self.drive > 0.0)
        if drive:
            sound = np.tanh((1.0 + 3.0 * drive) * sound) * np.float32(0.8)
        if self.breath:
            sound += self.breath * _noise(len(t), 1500.0, 6000.0)
        return _float(
            sound
            * _envelope(t, duration_s, self.attack_s + touch.delay_s, self.decay_s, self.release_s)
        )

    def _detuning(self, roughness: float) -> NDArray[np.float64]:
        spread = self.detune_cents * (1.0 + roughness)
        return np.linspace(-spread, spread, self.unison) if self.unison > 1 else np.zeros(1)

    def _bent(self, cycles: Sound, frequency_hz: float, t: Sound) -> NDArray[np.int32]:
        if self.vibrato_cents:
            depth = frequency_hz * self.vibrato_cents / 1200.0 * np.log(2.0) / (2.0 * np.pi * 5.3)
            onset = np.clip((t - 0.3) / 0.4, 0.0, 1.0)
            cycles = cycles + depth * onset * np.sin(2.0 * np.pi * 5.3 * t)
        return (cycles * _TABLE).astype(np.int32) & (_TABLE - 1)


@dataclass(frozen=True)
class Struck:
    """A bell or an electric piano: frequency modulation that dies away.

    Attributes:
        ratio: Modulator to carrier; whole numbers sound harmonic.
        index: Modulation at the stroke, at medium brightness.
        decay_s: Time constant of the ringing at middle C; higher notes are shorter.
        release_s: Time constant after the note's end.
    """

    ratio: float
    index: float
    decay_s: float
    release_s: float = 0.25

    def tone(self, frequency_hz: float, duration_s: float, touch: Touch) -> Sound:
        """One note, [N]."""
        t = _times(duration_s + 4.0 * self.release_s)
        decay_s = self.decay_s * (261.6 / frequency_hz) ** 0.5
        index = self.index * (0.4 + 1.2 * touch.brightness + touch.roughness)
        fading = index * np.exp(-t / (0.35 * decay_s), dtype=np.float32)
        omega = 2.0 * np.pi * frequency_hz
        sound = np.sin(omega * t + fading * np.sin(self.ratio * omega * t), dtype=np.float32)
        return _float(
            sound * _envelope(t, duration_s, 0.003 + touch.delay_s, decay_s, self.release_s)
        )


@dataclass(frozen=True)
class Storm:
    """Wind, surf or machines: a band of noise that swells and sinks.

    Attributes:
        low_hz: Lower edge.
        high_hz: Upper edge at medium brightness.
    """

    low_hz: float
    high_hz: float

    def tone(self, frequency_hz: float, duration_s: float, touch: Touch) -> Sound:
        """One gust, [N]; it has no pitch, so `frequency_hz` does not matter."""
        t = _times(duration_s)
        high_hz = self.high_hz * 4.0 ** (round(touch.brightness, 1) - 0.5)
        swell = np.sin(np.pi * t / duration_s) ** 0.7
        return _float(swell * _noise(len(t), self.low_hz, high_hz))


INSTRUMENTS: dict[str, Instrument] = {
    "harp": Wave(
        1.4,
        attack_s=0.004,
        decay_s=0.9,
        release_s=0.2,
        darken_s=0.3,
        unison=2,
        detune_cents=4.0,
        breath=0.1,
    ),
    "guitar": Wave(
        1.1,
        attack_s=0.003,
        decay_s=0.7,
        release_s=0.1,
        darken_s=0.2,
        unison=3,
        detune_cents=8.0,
        breath=0.12,
    ),
    "piano": Wave(
        1.5,
        attack_s=0.004,
        decay_s=1.3,
        release_s=0.15,
        darken_s=0.4,
        unison=2,
        detune_cents=1.5,
        breath=0.06,
    ),
    "flute": Wave(2.4, attack_s=0.06, release_s=0.1, vibrato_cents=14.0, breath=0.12),
    "accordion": Wave(1.2, attack_s=0.03, release_s=0.06, unison=3, detune_cents=11.0, breath=0.05),
    "clarinet": Wave(1.6, even=0.15, attack_s=0.04, release_s=0.08, vibrato_cents=5.0),
    "cello": Wave(
        1.35,
        attack_s=0.12,
        release_s=0.2,
        vibrato_cents=18.0,
        unison=2,
        detune_cents=3.0,
        breath=0.015,
    ),
    "strings": Wave(
        1.3, attack_s=0.3, release_s=0.4, vibrato_cents=8.0, unison=4, detune_cents=9.0
    ),
    "spiccato": Wave(
        1.0, attack_s=0.012, decay_s=0.25, release_s=0.06, unison=3, detune_cents=8.0, breath=0.03
    ),
    "pad": Wave(1.9, attack_s=0.8, release_s=0.8, unison=3, detune_cents=6.0),
    "lead": Wave(0.9, attack_s=0.008, release_s=0.06, vibrato_cents=7.0, unison=3, detune_cents=10),
    "brass": Wave(1.05, attack_s=0.045, release_s=0.08, unison=2, detune_cents=4.0, darken_s=3.0),
    "stab": Wave(
        0.95, attack_s=0.004, decay_s=0.35, release_s=0.06, darken_s=0.2, unison=3, detune_cents=12
    ),
    "overdrive": Wave(
        0.9, attack_s=0.005, decay_s=3.0, release_s=0.05, unison=2, detune_cents=6.0, drive=1.5
    ),
    "bass": Wave(1.4, attack_s=0.006, decay_s=1.5, release_s=0.06, darken_s=0.3),
    "double bass": Wave(1.9, attack_s=0.012, decay_s=0.8, release_s=0.08, darken_s=0.2),
    "fuzz bass": Wave(0.9, attack_s=0.004, decay_s=2.0, release_s=0.04, drive=1.0),
    "electric piano": Struck(ratio=1.0, index=1.1, decay_s=1.6),
    "music box": Struck(ratio=3.98, index=0.45, decay_s=1.4, release_s=0.5),
    "storm": Storm(60.0, 2500.0),
    "bells": Struck(ratio=2.76, index=0.9, decay_s=2.5, release_s=0.8),
}


@cache
def drum(name: str, brightness: float) -> Sound:
    """One stroke of a drum, [N].

    Args:
        name: kick, snare, hat, shaker, tom or crash.
        brightness: 0 (brushed) to 1 (hard), rounded by the caller so that strokes are shared.

    Raises:
        KeyError: There is no such drum.
    """
    length_s = {"kick": 0.4, "snare": 0.3, "hat": 0.12, "shaker": 0.15, "tom": 0.6, "crash": 1.8}
    t = _times(length_s[name])
    if name == "kick":
        sweep = 48.0 * t + 90.0 / 35.0 * (1.0 - np.exp(-35.0 * t))
        click = _noise(len(t), 1500.0, 5000.0) * np.exp(-t / 0.004) * brightness
        return _float(np.sin(2.0 * np.pi * sweep) * np.exp(-t / 0.11) + 0.3 * click)
    if name == "tom":
        sweep = 85.0 * t + 40.0 / 20.0 * (1.0 - np.exp(-20.0 * t))
        return _float(np.sin(2.0 * np.pi * sweep) * np.exp(-t / 0.17))
    if name == "snare":
        body = 0.5 * np.sin(2.0 * np.pi * 185.0 * t) * np.exp(-t / 0.05)
        wires = _noise(len(t), 900.0, 4000.0 + 7000.0 * brightness) * np.exp(-t / 0.07)
        return _float(body + 0.7 * wires)
    low_hz, fade_s = {"hat": (7000.0, 0.025), "shaker": (5000.0, 0.035), "crash": (3500.0, 0.5)}[
        name
    ]
    rise = np.clip(t / (0.02 if name == "shaker" else 0.001), 0.0, 1.0)
    return _float(0.6 * rise * np.exp(-t / fade_s) * _noise(len(t), low_hz, 15_000.0))


def reverberate(sound: NDArray[np.float32], share: float, seconds: float) -> NDArray[np.float32]:
    """Put a stereo piece into a room.

    Args:
        sound: [2, M].
        share: Level of the room beside the direct sound, 0 to 1.
        seconds: Time until the room has decayed by 60 dB.

    Returns:
        [2, M]; what rings on after the end is cut.
    """
    t = _times(seconds)
    rng = np.random.default_rng(7)
    decay = np.exp(-6.9 * t / seconds) * np.clip(t / 0.012, 0.0, 1.0)
    impulse = rng.standard_normal((2, len(t))).astype(np.float32) * decay
    impulse = _band(impulse, 120.0, 5000.0)
    impulse /= np.sqrt((impulse**2).sum(axis=1, keepdims=True))
    wet = _convolve(sound, impulse)
    return _float((1.0 - 0.5 * share) * sound + share * wet)


def to_level(sound: NDArray[np.float32], level_dbfs: float) -> NDArray[np.float32]:
    """Scale a piece to a loudness; peaks are rounded off below full scale.

    The level is measured where hearing is sensitive (300 Hz to 8 kHz), as broadcasters do, so that
    a bass drum does not count for more than it is heard.

    Args:
        sound: [2, M].
        level_dbfs: Root mean square of the weighted sound, in dB below full scale.

    Returns:
        [2, M], within full scale.
    """
    wanted = 10.0 ** (level_dbfs / 20.0)
    present = _weighted_rms(sound, 300.0, 8000.0)
    scaled = sound * np.float32(wanted / max(present, 1e-9))
    knee = np.float32(0.7)
    over = np.abs(scaled) - knee
    rounded = knee + (1.0 - knee) * np.tanh(over / (1.0 - knee))
    return _float(np.where(over > 0.0, np.sign(scaled) * rounded, scaled) * 0.98)


@cache
def _period(slope: float, even: float, partials: int) -> Sound:
    k = np.arange(1, partials + 1)
    amplitude = k**-slope * np.where(k % 2, 1.0, even)  # [K]
    spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
    spectrum[1 : partials + 1] = amplitude * np.exp(1j * 2.1 * k**1.5)  # spread phases: low crest
    period = np.fft.irfft(spectrum, _TABLE)
    return _float(0.35 * period / np.sqrt(np.mean(period**2)))


def _times(duration_s: float) -> Sound:
    return _float(np.arange(int(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ)


def _envelope(
    t: Sound, duration_s: float, attack_s: float, decay_s: float, release_s: float
) -> Sound:
    rise = np.clip(t / attack_s, 0.0, 1.0)
    release = np.exp(-np.maximum(t - duration_s, 0.0) / release_s)
    fade_out = np.clip((t[-1] - t) / 0.01, 0.0, 1.0) if len(t) else t
    return _float(rise * np.exp(-t / decay_s) * release * fade_out)


@cache
def _noise_second() -> Sound:
    return np.random.default_rng(11).standard_normal(SAMPLE_RATE_HZ).astype(np.float32)


def _noise(length: int, low_hz: float, high_hz: float) -> Sound:
    return np.resize(_noise_band(low_hz, high_hz), length)


@cache
def _noise_band(low_hz: float, high_hz: float) -> Sound:
    noise = _band(_noise_second()[None, :], low_hz, high_hz)[0]
    return _float(0.35 * noise / np.sqrt(np.mean(noise**2)))


def _convolve(sound: NDArray[np.float32], impulse: NDArray[np.float32]) -> NDArray[np.float32]:
    """Overlap and add, [2, M]; blocks fit the processor's cache."""
    size, tail = _BLOCK, impulse.shape[1] - 1
    response = np.fft.rfft(impulse, size)
    wet = np.zeros((2, sound.shape[1] + size), dtype=np.float32)
    for start in range(0, sound.shape[1], size - tail):
        block = sound[:, start : min(start + size - tail, sound.shape[1])]
        wet[:, start : start + size] += np.fft.irfft(np.fft.rfft(block, size) * response, size)
    return wet[:, : sound.shape[1]]


def _weighted_rms(sound: NDArray[np.float32], low_hz: float, high_hz: float) -> float:
    """Root mean square within a band, by Parseval's theorem, block by block."""
    energy = 0.0
    gain = _gain(_BLOCK, low_hz, high_hz)
    for start in range(0, sound.shape[1], _BLOCK):
        spectrum = np.abs(np.fft.rfft(sound[:, start : start + _BLOCK], _BLOCK)) * gain
        energy += 2.0 * float(np.sum(np.square(spectrum), dtype=np.float64)) / _BLOCK
    return float(np.sqrt(energy / sound.size))


def _band(sound: NDArray[np.float32], low_hz: float, high_hz: float) -> NDArray[np.float32]:
    spectrum = np.fft.rfft(sound) * _gain(sound.shape[1], low_hz, high_hz)
    return _float(np.fft.irfft(spectrum, sound.shape[1]))


def _gain(size: int, low_hz: float, high_hz: float) -> NDArray[np.float32]:
    """Of a band with slopes of 12 dB an octave, for each bin of an FFT of `size`."""
    frequency_hz = np.maximum(np.fft.rfftfreq(size, 1.0 / SAMPLE_RATE_HZ), 1.0)
    return _float(
        1.0 / np.sqrt((1.0 + (low_hz / frequency_hz) ** 4) * (1.0 + (frequency_hz / high_hz) ** 4))
    )


def _float(values: NDArray[np.floating]) -> NDArray[np.float32]:
    return values.astype(np.float32)
