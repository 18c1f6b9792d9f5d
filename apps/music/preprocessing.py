"""Pieces in, numbers of symbols out, and numbers back to pieces: the same graph in training and in the SavedModel."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tensorflow as tf

from apps.music.chords import chords_of
from apps.music.config import Config, DataConfig, PreprocessingConfig, SamplingConfig
from apps.music.events import EventVocabulary
from apps.music.pieces import GIVEN_SILENCE, NOT_GIVEN, SILENCE, NotePiece, Pieces, VoicePiece, steps_per_bar
from apps.music.vocabulary import FIRST_PITCH, FREE, HOLD, REST, VoiceVocabulary
from common.data.buckets import choose_boundaries
from common.errors import UserError
from common.files import reading


class Preprocessor(tf.Module):
    """From pieces to what the network reads, and from what it says to pieces.

    Args:
        config: `PreprocessingConfig`.
        data: `DataConfig`, of which the representation is read.
        sampling: `SamplingConfig`, how is composed where nobody says otherwise.

    Attributes:
        vocabulary: `VoiceVocabulary` or `EventVocabulary`, after `adapt`.
        ranges: lowest and highest pitch of each voice in the training pieces, [voices, 2]; without voices, of all
            notes that are no drums, or of the drums where there is nothing else.
        metre: the most frequent metre of the training pieces.
        tempo: their median tempo, in quarter notes a minute.
        boundaries: lengths that batches are padded to.
    """

    def __init__(self, config: PreprocessingConfig, data: DataConfig, sampling: SamplingConfig):
        super().__init__(name="preprocessor")
        self.config, self.data, self.sampling = config, data, sampling
        self.vocabulary = None
        self.ranges: list[list[int]] = []
        self.metre, self.tempo, self.boundaries = (4, 4), 96.0, []
        self.events_per_second = 0.0

    @classmethod
    def from_config(cls, config: Config) -> Preprocessor:
        """The preprocessor of an application's configuration, not adapted yet."""
        return cls(config.preprocessing, config.data, config.sampling)

    @property
    def has_voices(self) -> bool:
        """Whether pieces are voices on a grid; else they are events."""
        return self.data.representation == "voices"

    @property
    def steps_per_bar(self) -> int:
        """Steps of the grid in a bar of the most frequent metre."""
        return steps_per_bar(self.metre, self.data.steps_per_quarter)

    def adapt(self, train: Pieces) -> None:
        """Learns ranges, metre, tempo and the lengths of padded batches, from training pieces alone.

        Raises:
            UserError: if no note sounds in them.
        """
        if self.has_voices:
            voices = [np.concatenate([piece.pitches[:, voice] for piece in train]) for voice in range(self.data.voices)]
            sounding = [pitches[pitches != SILENCE] for pitches in voices]
        else:
            drums = np.concatenate([piece.drum_notes for piece in train])
            pitches = np.concatenate([piece.notes["pitch"] for piece in train])
            sounding = [pitches if drums.all() else pitches[~drums]]
        if not all(map(len, sounding)):
            silent = f"voice {1 + [len(each) for each in sounding].index(0)} of " if self.has_voices else ""
            raise UserError(
                f"no note sounds in {silent}the training pieces of {train.origin}; give pieces with notes"
                + (", or set --data.voices to the number of voices that they have" if silent else "")
            )
        self.ranges = [[int(each.min()), int(each.max())] for each in sounding]
        metres = [piece.metre for piece in train]
        self.metre = max(sorted(set(metres)), key=metres.count)
        self.tempo = float(np.median([piece.tempo for piece in train]))
        self._make_vocabulary()
        lengths = [len(self.encode(piece)) for piece in train]
        if not self.has_voices:
            self.events_per_second = sum(lengths) / max(1.0, sum(piece.seconds for piece in train))
        self.boundaries = choose_boundaries(np.minimum(lengths, self.config.max_length), self.config.length_buckets)

    def _make_vocabulary(self):
        if not self.has_voices:
            config = self.config
            self.vocabulary = EventVocabulary(config.velocity_bins, config.max_shift, config.time_step)
            return
        # A few semitones more at each end, for held-out pieces and for melodies of other people.
        lowest, highest = (extreme(pitch for pair in self.ranges for pitch in pair) for extreme in (min, max))
        self.vocabulary = VoiceVocabulary(
            max(0, lowest - SPARE), min(127, highest + SPARE), self.data.voices, self.config.chord
        )

    def encode(self, piece: VoicePiece | NotePiece) -> np.ndarray:
        """The symbols of a whole piece: int32 [time, slots]."""
        if not self.has_voices:
            return self.vocabulary.encode(piece)[:, None]
        pitches = np.where(piece.pitches == SILENCE, GIVEN_SILENCE, piece.pitches)
        symbols = self(pitches[None].astype(np.int32), piece.onsets[None])[0].numpy()
        if self.config.chord:
            chords = chords_of(piece.pitches)
            holds = chords == np.concatenate([[-1], chords[:-1]])
            symbols[:, 0] = np.where(holds, HOLD, self.vocabulary.first_chord + chords)
        return symbols

    def __call__(self, pitches, onsets):
        """The symbols of voices that are known, and `FREE` where they are not.

        Args:
            pitches: int32 `[batch, time, voices]`, the highest voice first: MIDI pitches, `GIVEN_SILENCE`, `NOT_GIVEN`. What is
                outside of the vocabulary goes to its end.
            onsets: bool `[batch, time, voices]`, whether a note begins although the one before has the same pitch.

        Returns:
            int32 `[batch, time, slots]`.
        """
        words = self.vocabulary
        before = tf.pad(pitches, [[0, 0], [1, 0], [0, 0]], constant_values=NOT_GIVEN)[:, :-1]
        ids = tf.clip_by_value(pitches, words.lowest, words.highest) - words.lowest + FIRST_PITCH
        holds = tf.equal(pitches, before) & (~onsets | tf.equal(pitches, GIVEN_SILENCE))
        symbols = tf.where(tf.equal(pitches, GIVEN_SILENCE), REST, ids)
        symbols = tf.where(tf.equal(pitches, NOT_GIVEN), FREE, tf.where(holds, HOLD, symbols))
        symbols = tf.gather(symbols, words.order, axis=2)
        return tf.pad(symbols, [[0, 0], [0, 0], [int(words.chord), 0]])

    def invert(self, symbols):
        """The notes of symbols that the network said: int32 `[batch, time, slots]`.

        Returns:
            For voices `pitches` int32 `[batch, time, voices]`, the highest voice first, -1 where silent, and `onsets` bool of the
            same shape. For events `events` int32 `[batch, time]`, which `EventVocabulary.decode` makes notes of.
        """
        if not self.has_voices:
            return {"events": symbols[:, :, 0]}
        words = self.vocabulary
        symbols = tf.transpose(symbols[:, :, int(words.chord) :], [1, 0, 2])  # [time, batch, slots]
        symbols = tf.gather(symbols, np.argsort(words.order), axis=2)
        begins = tf.not_equal(symbols, HOLD) & tf.not_equal(symbols, FREE)
        sounding = tf.scan(lambda before, now: tf.where(tf.equal(now, HOLD), before, now), symbols)
        is_note = tf.greater_equal(sounding, FIRST_PITCH)
        pitches = tf.where(is_note, sounding - FIRST_PITCH + words.lowest, SILENCE)
        found = {"pitches": pitches, "onsets": begins & is_note}
        return {name: tf.transpose(value, [1, 0, 2]) for name, value in found.items()}

    def save(self, directory) -> None:
        """Writes `preprocessor.json`."""
        content = {
            "config": self.config.model_dump(mode="json"),
            "data": self.data.model_dump(mode="json"),
            "sampling": self.sampling.model_dump(mode="json"),
            "ranges": self.ranges,
            "metre": self.metre,
            "tempo": self.tempo,
            "boundaries": self.boundaries,
            "events_per_second": self.events_per_second,
        }
        Path(directory, "preprocessor.json").write_text(json.dumps(content, indent=0), encoding="utf-8")

    @classmethod
    def load(cls, directory) -> Preprocessor:
        """Reads what `save` wrote.

        Raises:
            UserError: a file is missing or damaged.
        """
        path = Path(directory, "preprocessor.json")
        with reading(path, "put it back from a copy, or train a new run"):
            content = json.loads(path.read_text(encoding="utf-8"))
            preprocessor = cls(
                PreprocessingConfig(**content["config"]),
                DataConfig(**content["data"]),
                SamplingConfig(**content["sampling"]),
            )
            preprocessor.ranges = [[int(low), int(high)] for low, high in content["ranges"]]
            numerator, denominator = content["metre"]
            preprocessor.metre = int(numerator), int(denominator)
            preprocessor.tempo = float(content["tempo"])
            preprocessor.boundaries = [int(each) for each in content["boundaries"]]
            preprocessor.events_per_second = float(content["events_per_second"])
            preprocessor._make_vocabulary()
        return preprocessor


SPARE = 3  # semitones
