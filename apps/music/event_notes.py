"""Events that the network said to notes, in the graph: what `EventVocabulary.decode` does, for the SavedModel."""

import tensorflow as tf

from apps.music.events import END, PITCHES, EventVocabulary


def event_notes(events: tf.Tensor, words: EventVocabulary) -> dict[str, tf.Tensor]:
    """The notes of events, each in the place of the event it begins with.

    Args:
        events: int32 `[batch, time]`; what stands behind `END` says nothing.
        words: their vocabulary.

    Returns:
        `start` and `end` float32 `[batch, time]`, seconds; `pitch` int32, MIDI, -1 where no note begins; `velocity` int32, MIDI;
        `is_drum` bool.
    """
    length = tf.shape(events)[1]
    going_on = tf.math.cumprod(tf.cast(tf.not_equal(events, END), tf.int32), axis=1)
    events *= going_on
    steps = tf.maximum(events - words.first_shift + 1, 0)
    now = tf.cumsum(steps, axis=1)  # [batch, time], in time steps
    kind = tf.where(events >= words.first_on, (events - words.first_on) // PITCHES, -1)
    is_key, pitch = (kind >= 0) & (kind < 4), (events - words.first_on) % PITCHES
    begins = is_key & tf.equal(kind % 2, 0)

    # A note ends where the next event of its key stands: beside it, when events are sorted by key and then by place.
    place = tf.range(length)[None]
    no_key = 2 * PITCHES
    key = tf.where(is_key, pitch + PITCHES * (kind // 2), no_key)
    order = tf.argsort(tf.cast(key, tf.int64) * tf.cast(length, tf.int64) + tf.cast(place, tf.int64), axis=1)
    keys_in_order = tf.gather(key, order, axis=1, batch_dims=1)
    now_in_order = tf.gather(now, order, axis=1, batch_dims=1)
    same = tf.equal(keys_in_order[:, :-1], keys_in_order[:, 1:])
    ends = tf.concat([tf.where(same, now_in_order[:, 1:], now[:, -1:]), now[:, -1:]], axis=1)
    ends = tf.gather(ends, tf.argsort(order, axis=1), axis=1, batch_dims=1)

    # The last loudness that was said: places of such events grow, so the largest so far is the last.
    is_velocity = (events >= words.first_velocity) & (events < words.first_shift)
    said = tf.where(is_velocity, place * words.velocity_bins + events - words.first_velocity + 1, 0)
    said = tf.transpose(tf.scan(tf.maximum, tf.transpose(said)))
    degree = tf.where(said > 0, (said - 1) % words.velocity_bins, words.velocity_bins // 2)
    velocities = tf.constant([words.velocity_of(each) for each in range(words.velocity_bins)])
    is_note = begins & (ends > now)
    return {
        "start": tf.where(is_note, tf.cast(now, tf.float32) * words.time_step, 0.0),
        "end": tf.where(is_note, tf.cast(ends, tf.float32) * words.time_step, 0.0),
        "pitch": tf.where(is_note, pitch, -1),
        "velocity": tf.where(is_note, tf.gather(velocities, degree), 0),
        "is_drum": is_note & (kind >= 2),
    }
