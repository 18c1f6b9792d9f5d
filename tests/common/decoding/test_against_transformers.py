"""Beam search beside that of Hugging Face Transformers. If it fails, we find something else than what everybody else calls so.

Its length penalty divides by `length ** penalty`, ours as Wu et al., so that only a penalty of 0 can be compared.
"""

import numpy as np
import pytest

from tests.common.decoding.small_network import Network, arrays, padded
from tests.common.decoding.test_beam_search import END, search

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


class TorchNetwork(transformers.PreTrainedModel, transformers.GenerationMixin):
    """The same network, computed anew from all tokens at each step; the row is told from the first token."""

    config_class = transformers.PretrainedConfig
    _supports_cache_class = False

    def __init__(self, config, network, starts):
        super().__init__(config)
        self.network, self.starts, self.anchor = network, starts, torch.nn.Parameter(torch.zeros(1))

    def prepare_inputs_for_generation(self, input_ids, **kwargs):
        return {"input_ids": input_ids}

    def forward(self, input_ids, **kwargs):
        ids = input_ids.numpy()
        hidden = self.starts[ids[:, 0] - self.network.vocabulary]
        for tokens in np.concatenate([np.zeros_like(ids[:, :1]), ids[:, 1:]], axis=1).T:
            hidden = np.tanh(self.network.embeddings[tokens] + hidden @ self.network.recurrent)
        logits = np.full((len(ids), self.config.vocab_size), -np.inf, "float32")
        logits[:, : self.network.vocabulary] = hidden @ self.network.output
        return transformers.modeling_outputs.CausalLMOutput(logits=torch.from_numpy(logits)[:, None])


def up_to_end(tokens):
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


@pytest.mark.parametrize("width", [1, 2, 4])
@pytest.mark.parametrize("seed", [1, 5])
def test_it_finds_the_same_hypotheses_with_the_same_scores(width, seed):
    network, max_length = Network(vocabulary=8, seed=seed, scale=1.0), 6
    starts = network.starts(6)
    config = transformers.PretrainedConfig(
        vocab_size=8 + len(starts), num_hidden_layers=1, pad_token_id=0, eos_token_id=END, is_encoder_decoder=False
    )
    first_ids = torch.arange(8, 8 + len(starts))[:, None]
    found = TorchNetwork(config, network, starts).generate(
        first_ids,
        num_beams=width,
        num_return_sequences=width,
        max_new_tokens=max_length,
        min_new_tokens=2,  # without the end
        length_penalty=0.0,
        early_stopping="never" if width > 1 else False,
        do_sample=False,
        use_cache=False,
        eos_token_id=END,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_scores=True,
    )
    ids, lengths, _, scores = arrays(
        search(network, starts, width=width, max_length=max_length, min_length=3, length_penalty=0.0)
    )
    # Behind the end theirs have ends where the id of padding is 0.
    theirs = [padded(up_to_end(each[1:]), max_length) for each in found.sequences.tolist()]
    assert ids.reshape(-1, max_length).tolist() == theirs
    if width > 1:
        np.testing.assert_allclose(scores.ravel(), found.sequences_scores.numpy(), atol=1e-4)
    assert len(set(lengths.ravel().tolist())) > 1
