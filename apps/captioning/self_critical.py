"""The second phase of a training: the network says captions, and what scores better than its others becomes more likely.

weights of the moment -> captions drawn of a batch of pictures -> CIDEr-D of each -> one step of gradient descent
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf
from keras import ops

from apps.captioning.captioner import BATCH, Captioner
from apps.captioning.cider_reward import CiderReward
from apps.captioning.config import Config
from apps.captioning.pictures import CaptionedPictures, Splits
from apps.captioning.preprocessing import Preprocessor
from apps.captioning.scores import sentence_cider
from apps.captioning.second_phase import SecondPhase
from apps.captioning.stored_inputs import StoredInputs
from common.console import get_console
from common.data.batch_plan import BatchPlan
from common.data.pipelines import without_autotune
from common.data.token_vocabulary import END_ID, PAD_ID, START_ID
from common.errors import UserError
from common.runs import Run
from common.training.compilation import require_jit_compile
from common.training.fit import FitResult, resumable_fit
from common.training.optimizer import make_optimizer
from common.training.token_losses import log_loss


class SelfCriticalLoss(keras.losses.Loss):
    """Makes captions more likely that scored better than the others of their picture, and the others less.

        loss = mean over the captions of (score - mean score of the others) * -log p(caption)

    Call arguments:
        labels: float32 `[batch, captions, time, 2]`, the number of each token, 0 behind the end, and the score of its caption.
        logits: float32 `[batch, captions, time, vocabulary]`.

    Reference:
        Rennie et al. 2017, arXiv:1612.00563; Luo 2020, arXiv:2003.09971, for the others as the measure.
    """

    def __init__(self, name="self_critical_loss"):
        super().__init__(name=name, reduction="sum_over_batch_size")  # the mean over the captions

    def call(self, labels, logits):
        tokens, rewards = labels[..., 0], labels[..., 0, 1]
        real = ops.cast(ops.not_equal(tokens, PAD_ID), "float32")
        return advantages(rewards) * ops.sum(real * log_loss(tokens, logits), axis=-1)


def advantages(rewards):
    """How much better each caption is than the mean of the others of its picture: float32 `[batch, captions]` of the same."""
    count = rewards.shape[-1]
    return (rewards - ops.mean(rewards, axis=-1, keepdims=True)) * (count / (count - 1))


def sample_cider(labels, logits):
    """The CIDEr-D of the captions that were drawn, in hundredths: float32 `[batch, captions]`."""
    return 100.0 * labels[..., 0, 1]


class SampledCaptions:
    """Training batches of captions that the network says as it is at the moment.

    A batch is what `CaptionBatches` gives of a picture, the tokens before, and the labels of `SelfCriticalLoss`. What is drawn
    is a function of the weights, the seed and the step alone.

    Args:
        captioner: of the network that is trained.
        preprocessor: adapted; its longest boundary is where a caption is broken off.
        inputs: of the pictures.
        pictures: raw, whose captions are the references.
        name: of the inputs in the batches, `pixels` or `features`.
        samples: captions of each picture, at least 2.
        batch_size: pictures in a batch.
        seed: of the order and of what is drawn.
    """

    def __init__(
        self,
        captioner: Captioner,
        preprocessor: Preprocessor,
        inputs: StoredInputs,
        pictures: CaptionedPictures,
        name: str,
        samples: int,
        batch_size: int,
        seed: int,
    ):
        self._preprocessor, self._inputs, self._name = preprocessor, inputs, name
        self._samples, self._seed = samples, seed
        self.length = preprocessor.boundaries[-1]
        self._usable = np.flatnonzero(inputs.usable)
        self._reward = CiderReward([pictures.captions[index] for index in self._usable])
        self._plan = BatchPlan(np.zeros(len(self._usable), np.int64), [batch_size], [None], seed)
        self.steps_per_epoch = self._plan.steps_per_epoch
        self._batch_size = min(batch_size, len(self._usable))

        def draw(read, seeds):
            return captioner.sample(captioner.features(read), seeds, samples, self.length).ids

        # Not by XLA: the loop ends when all captions have ended.
        self._draw = tf.function(
            draw,
            [
                tf.TensorSpec([self._batch_size, *inputs.shape], inputs.dtype),
                tf.TensorSpec([self._batch_size * samples], tf.uint32),
            ],
            autograph=False,
        )

    def batch(self, rows: np.ndarray, step: int):
        """One batch of the pictures `rows`, counted among those that can be read."""
        read = self._inputs.gather(self._usable[rows])
        count = len(rows) * self._samples
        seeds = np.random.default_rng([self._seed, step]).integers(2**32, size=count, dtype=np.uint32)
        ids = self._draw(read, seeds).numpy()  # [batch * samples, time]
        texts = [text.decode("utf-8", "replace") for text in self._preprocessor.invert(tf.constant(ids)).numpy()]
        ended = (ids == END_ID).any(axis=1)
        parts = [slice(start, start + self._samples) for start in range(0, count, self._samples)]
        rewards = np.stack(
            [self._reward(row, texts[part], ended[part]) for row, part in zip(rows, parts, strict=True)]
        )  # [batch, samples]
        before = np.pad(ids[:, :-1], ((0, 0), (1, 0)), constant_values=START_ID)
        before[ids == PAD_ID] = PAD_ID  # nothing follows the end
        shape = (len(rows), self._samples, self.length)
        ids, before = ids.reshape(shape), before.reshape(shape)
        labels = np.stack(np.broadcast_arrays(ids.astype(np.float32), rewards[..., None].astype(np.float32)), axis=-1)
        return {self._name: read, "caption_inputs": before}, labels

    def dataset(self, first_step: int = 0) -> tf.data.Dataset:
        """Endless batches from `first_step` on, each drawn when it is asked for: after the step before it."""
        shape = (self._batch_size, self._samples, self.length)

        def batches() -> Iterator:
            step = first_step
            while True:
                epoch, place = divmod(step, self.steps_per_epoch)
                for rows, _ in self._plan.epoch(epoch)[place:]:
                    yield self.batch(rows, step)
                    step += 1

        dataset = tf.data.Dataset.from_generator(
            batches,
            output_signature=(
                {
                    self._name: tf.TensorSpec([shape[0], *self._inputs.shape], self._inputs.dtype),
                    "caption_inputs": tf.TensorSpec(shape, tf.int32),
                },
                tf.TensorSpec((*shape, 2), tf.float32),
            ),
        )
        options = tf.data.Options()
        options.experimental_optimization.inject_prefetch = False  # a batch ahead would be of weights that are gone
        return without_autotune(dataset.with_options(options))

    def padded_lengths(self, epoch: int) -> list[int]:
        """One length for all, which XLA compiles once."""
        return [self.length] * self.steps_per_epoch


class GreedyCider:
    """CIDEr-D of the most likely captions, as `scores.caption_metrics` counts it: what says which epoch is best.

    Args:
        captioner: of the network that is trained.
        preprocessor: adapted.
        inputs: of the pictures.
        pictures: raw, whose captions are the references.
    """

    def __init__(
        self, captioner: Captioner, preprocessor: Preprocessor, inputs: StoredInputs, pictures: CaptionedPictures
    ):
        self._preprocessor, self._inputs = preprocessor, inputs
        self._usable = np.flatnonzero(inputs.usable)
        self._references = [pictures.captions[index] for index in self._usable]
        self._greedy = tf.function(
            lambda read: captioner.greedy(captioner.features(read)).ids,
            [tf.TensorSpec([BATCH, *inputs.shape], inputs.dtype)],
            autograph=False,
        )

    def __call__(self) -> Mapping[str, float]:
        """`cider` of the weights of the moment, 0 to 1000."""
        captions: list[str] = []
        for start in range(0, len(self._usable), BATCH):
            rows = self._usable[start : start + BATCH]
            read = self._inputs.gather(np.pad(rows, (0, BATCH - len(rows)), constant_values=-1))
            texts = self._preprocessor.invert(self._greedy(read)).numpy()[: len(rows)]
            captions += [text.decode("utf-8", "replace") for text in texts]
        return {"cider": float(sentence_cider(captions, self._references).mean())}


def require_sampling_backend(config: Config) -> None:
    """Refuses the second phase, before the first one, on a backend that keeps its weights to itself within an epoch.

    Raises:
        UserError: it is asked for on another backend than TensorFlow.
    """
    backend = keras.backend.backend()
    if config.train.self_critical_epochs and backend != "tensorflow":
        raise UserError(
            f"train.self_critical_epochs is {config.train.self_critical_epochs}, but captions are drawn between the steps on "
            f"the TensorFlow backend alone, and KERAS_BACKEND is {backend}; "
            "train with KERAS_BACKEND=tensorflow, or leave it out"
        )


def train_self_critically(
    network: keras.Model,
    part: keras.Model,
    inputs: Mapping[str, StoredInputs],
    config: Config,
    run: Run,
    splits: Splits,
    preprocessor: Preprocessor,
    first: FitResult,
    resume: bool,
) -> None:
    """Goes on training from the best weights of the first phase, and leaves the best of both in the network.

    Args:
        network: with those weights.
        part: what is trained of it, see `model.trained_part`.
        inputs: what `part` reads of the pictures of `train` and `validation`.
        config: the effective configuration.
        run: checkpoints and history go into its folder `self_critical`.
        splits: raw pictures and captions; the test split is not looked at.
        preprocessor: adapted.
        first: what became of the first phase.
        resume: go on from the newest checkpoint of this phase, if it began with the same weights.
    """
    console, settings, phase = get_console(), config.train, SecondPhase.of(run)
    captioner = Captioner(network, preprocessor)
    data = SampledCaptions(
        captioner,
        preprocessor,
        inputs["train"],
        splits.train,
        "pixels" if config.model.encoder_is_trained else "features",
        settings.self_critical_samples,
        settings.batch_size,
        settings.seed,
    )
    validation = GreedyCider(captioner, preprocessor, inputs["validation"], splits.validation)
    before, weights = validation()["cider"], [np.array(variable.numpy()) for variable in part.weights]
    console.line(
        f"  self-critical training: {data.steps_per_epoch:,} steps an epoch of {settings.batch_size} pictures with "
        f"{settings.self_critical_samples} drawn captions; validation CIDEr is {before:.1f} before it"
    )
    settings = settings.model_copy(
        update={
            "epochs": settings.self_critical_epochs,
            "learning_rate": settings.self_critical_learning_rate,
            "schedule": "constant",
            "warmup_fraction": 0.0,
        }
    )
    captioner.decoder.demands = False  # they are about true captions
    part.compile(
        optimizer=make_optimizer(settings, data.steps_per_epoch * settings.epochs),
        loss=SelfCriticalLoss(),
        metrics=[keras.metrics.MeanMetricWrapper(sample_cider, name="cider")],
        jit_compile=settings.jit_compile,
    )
    require_jit_compile(part, settings.jit_compile)
    phase.begin(first.best_epoch)
    try:
        result = resumable_fit(
            part, data, validation, phase, settings, monitor="val_cider", mode="max", resume=resume, console=console
        )
    except UserError as error:  # what it advises to change has another name in this phase
        raise UserError(str(error).replace("--train.learning_rate", "--train.self_critical_learning_rate")) from error
    if result.best_value > before:
        console.line(f"  validation CIDEr was {before:.1f} and is {result.best_value:.1f} (epoch {result.best_epoch})")
        return
    for variable, value in zip(part.weights, weights, strict=True):
        variable.assign(value)
    console.line(
        f"  no epoch of self-critical training is better than before it (validation CIDEr {result.best_value:.1f} at best, "
        f"{before:.1f} before): the weights of before stay"
    )
