"""Recurrent layers on Keras: drop-in for Keras's own, faster under XLA, explicit about masks, portable between devices."""

from common.layers.additive_attention import AdditiveAttention
from common.layers.attention_cell import AttentionCell
from common.layers.attention_rnn import AttentionRNN
from common.layers.bidirectional import Bidirectional
from common.layers.dropout import Dropout, random_uniform
from common.layers.gru import GRU, GRUCell
from common.layers.indrnn import IndRNN, IndRNNCell
from common.layers.keras_conversion import from_keras, to_keras
from common.layers.layer_norm_gru import LayerNormGRU, LayerNormGRUCell
from common.layers.layer_norm_lstm import LayerNormLSTM, LayerNormLSTMCell
from common.layers.lru import LRU, LRUCell
from common.layers.lstm import LSTM, LSTMCell
from common.layers.min_gru import MinGRU, MinGRUCell
from common.layers.min_lstm import MinLSTM, MinLSTMCell
from common.layers.mlstm import MLSTM, MLSTMCell
from common.layers.multiplicative_attention import MultiplicativeAttention
from common.layers.pooling import SequencePooling
from common.layers.qrnn import QRNN, QRNNCell
from common.layers.residual import Residual
from common.layers.rglru import RGLRU, RGLRUCell
from common.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from common.layers.slstm import SLSTM, SLSTMCell
from common.layers.sru import SRU, SRUCell
from common.layers.stacked_rnn import StackedRNN
from common.layers.state_bridge import StateBridge
from common.layers.time_reversed import TimeReversed, reverse_sequence
from common.layers.torch_conversion import from_torch, to_torch

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLSTM",
    "QRNN",
    "RGLRU",
    "SLSTM",
    "SRU",
    "AdditiveAttention",
    "AttentionCell",
    "AttentionRNN",
    "Bidirectional",
    "Dropout",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "LRUCell",
    "LSTMCell",
    "LayerNormGRU",
    "LayerNormGRUCell",
    "LayerNormLSTM",
    "LayerNormLSTMCell",
    "MLSTMCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "MultiplicativeAttention",
    "QRNNCell",
    "RGLRUCell",
    "Residual",
    "SLSTMCell",
    "SRUCell",
    "SequencePooling",
    "SimpleRNN",
    "SimpleRNNCell",
    "StackedRNN",
    "StateBridge",
    "TimeReversed",
    "from_keras",
    "from_torch",
    "random_uniform",
    "reverse_sequence",
    "to_keras",
    "to_torch",
]
