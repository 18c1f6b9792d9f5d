"""The captioning network in PyTorch. If one of these fails, our steps are compared with those of another network."""

import numpy as np
import pytest

from apps.captioning.model import build_model, trained_part
from benchmarks import captioning_parts as parts
from benchmarks import captioning_speed, torch_captioning
from common.data.token_vocabulary import END_ID, UNKNOWN_ID
from common.training.token_losses import SmoothedCrossEntropy

TINY = {
    "model.embedding_dim": "5",
    "model.units": "6",
    "model.attention_units": "4",
    "preprocessing.picture_size": "64",
    "train.jit_compile": "false",  # XLA would compile for half a minute
}
SHAPE = captioning_speed.Shape("base", 3, 2, 7, 20)


def torch_weights(network, torch):
    """The numbers of our network under the names of PyTorch's."""
    found = {each.path: each.numpy() for each in network.weights}
    names = {
        "place/kernel": "place.weight",
        "place/bias": "place.bias",
        "row_position": "row_position",
        "column_position": "column_position",
        "embedding/embeddings": "embedding.weight",
        "first_state/dense_0/kernel": "first_state.weight",
        "first_state/dense_0/bias": "first_state.bias",
        "cell/cell/bias": "decoder.input.bias",
        "cell/cell/recurrent_kernel": "decoder.recurrent.weight",
        "cell/attention/query_kernel": "decoder.query.weight",
        "cell/attention/memory_kernel": "decoder.keys.weight",
        "cell/attention/bias": "decoder.keys.bias",
        "cell/attention/score_kernel": "decoder.score.weight",
        "cell/attention/coverage_kernel": "decoder.coverage",
        "cell/gate_kernel": "decoder.gate.weight",
        "cell/gate_bias": "decoder.gate.bias",
        "readout/kernel": "readout.weight",
        "readout/bias": "readout.bias",
        "words/kernel": "words.weight",
        "words/bias": "words.bias",
        "seen/kernel": "seen.weight",
        "seen/bias": "seen.bias",
    }
    normalization = {
        "gamma": "weight",
        "beta": "bias",
        "moving_mean": "running_mean",
        "moving_variance": "running_var",
    }
    weights = {}
    for path, value in found.items():
        short = path.split("decoder/", 1)[-1].removeprefix("recurrence/")
        layer, kind = path.split("/")[-2:]
        if layer == "whole":
            array = value.transpose(3, 2, 0, 1) if kind == "kernel" else value
            weights[f"encoder.whole.{'weight' if kind == 'kernel' else 'bias'}"] = array
        elif layer.startswith("stage"):  # such as stage1, stage1_residual0_normalization
            stage, *rest = layer.removeprefix("stage").removesuffix("_normalization").split("_residual")
            convolution = f"encoder.stages.{stage}.{int(rest[0]) + 1 if rest else 0}"
            if kind == "kernel":
                weights[f"{convolution}.convolution.weight"] = value.transpose(3, 2, 0, 1)
            else:
                weights[f"{convolution}.normalization.{normalization[kind]}"] = value
        elif "seed_generator" in path:
            continue
        elif short == "cell/cell/kernel":  # of the token, then of what was found
            weights["decoder.input.weight"], weights["decoder.context.weight"] = value[:5].T, value[5:].T
        else:
            name = names[short]
            transposed = name.endswith("weight") and not name.startswith(("embedding", "decoder.score"))
            weights[name] = value.T if transposed else value[None] if name == "decoder.score.weight" else value
    return {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in weights.items()}


# Nothing is dropped, but all the words: whether a word is read is drawn, too.
WITHOUT_CHANCE = {
    f"model.{name}_dropout": share
    for name, share in {"embedding": "0", "feature": "0", "output": "0", "word": "0.9999999"}.items()
}


@pytest.mark.parametrize(
    ("preset", "given"),
    [
        ("base", {}),
        ("base", {"preprocessing.picture_size": "72"}),
        ("base", {"model.lexicon": "0", "model.coverage": "false"}),
        ("photos", {}),
    ],
    ids=["base", "odd number of places", "no lexicon, no coverage", "photos"],
)
def test_the_network_in_pytorch_is_that_of_the_application(preset, given):
    torch = pytest.importorskip("torch")
    demands = {"model.doubly_stochastic": "1", "model.lexicon": "0.2"}
    config = parts.configured(preset, **{**TINY, **WITHOUT_CHANCE, **demands, **given})
    sizes = parts.Sizes.of(SHAPE.vocabulary, config)
    ours = trained_part(build_model(config, sizes), config.model.encoder_is_trained)
    rng = np.random.default_rng(0)
    for weight in ours.weights:  # biases are zero at first
        if weight.path.endswith("moving_variance"):
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
        elif weight.dtype.startswith("float"):
            weight.assign(rng.normal(0, 0.3, weight.shape))
    settings = captioning_speed.torch_settings(SHAPE, config, ours, 2, 1, "eager")
    theirs = torch_captioning.make_network(settings)
    learned = sum(weight.shape.num_elements() for weight in ours.trainable_weights)
    assert sum(each.numel() for each in theirs.parameters()) == learned
    weights = torch_weights(ours, torch)
    counters = {name for name in theirs.state_dict() if name.endswith("num_batches_tracked")}
    assert set(weights) == set(theirs.state_dict()) - counters
    theirs.load_state_dict(weights, strict=False)
    inputs, labels, counts = parts.batch_of(ours, SHAPE.batch, SHAPE.captions, SHAPE.time, SHAPE.vocabulary)
    (name,) = set(inputs) - {"caption_inputs"}
    read = torch.from_numpy(inputs[name].astype(inputs[name].dtype if name == "pixels" else np.float32))
    ids, of_torch = (torch.from_numpy(each.astype(np.int64)) for each in (inputs["caption_inputs"], labels))
    for training in (False, True):  # in this order: in training the statistics of the batches move
        answer = theirs.train(training)(read, ids)
        expected = ours(inputs, training=training).numpy()
        np.testing.assert_allclose(answer[0].detach().numpy(), expected, atol=1e-4)
        assert np.ptp(expected) > 1
    assert len(ours.losses) == bool(config.model.doubly_stochastic) + bool(config.model.lexicon)
    loss = SmoothedCrossEntropy(config.train.label_smoothing)(labels, expected, sample_weight=counts)
    found = torch_captioning.loss_of(settings, answer, ids, of_torch)
    np.testing.assert_allclose(found.item(), float(loss + sum(ours.losses)), rtol=1e-4)
    moved = torch_weights(ours, torch)
    for name, value in theirs.state_dict().items():
        if name.endswith("running_mean"):  # ours has the variance without Bessel's correction
            np.testing.assert_allclose(value.numpy(), moved[name].numpy(), atol=1e-4)


def test_pytorch_knows_the_tokens_that_are_no_words():
    assert (torch_captioning.UNKNOWN_ID, torch_captioning.FIRST_WORD_ID) == (UNKNOWN_ID, END_ID + 1)


def test_pytorch_trains_in_a_process_of_its_own():
    pytest.importorskip("torch")
    config = parts.configured("base", **TINY)
    network = parts.network_of(SHAPE.vocabulary, config)
    settings = captioning_speed.torch_settings(SHAPE, config, network, 2, 1, "eager")
    with torch_captioning.torch_training(settings) as peer:
        peer.steps()
        assert peer.parameters == sum(weight.shape.num_elements() for weight in network.trainable_weights)
