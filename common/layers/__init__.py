"""Recurrent layers on Keras: drop-in for Keras's own, faster under XLA, explicit about masks, portable between devices."""

from common.layers.bidirectional import Bidirectional
from common.layers.gru import GRU, GRUCell
from common.layers.lstm import LSTM, LSTMCell
from common.layers.min_gru import MinGRU, MinGRUCell
from common.layers.pooling import SequencePooling
from common.layers.simple_rnn import SimpleRNN, SimpleRNNCell

__all__ = [
    "GRU",
    "LSTM",
    "Bidirectional",
    "GRUCell",
    "LSTMCell",
    "MinGRU",
    "MinGRUCell",
    "SequencePooling",
    "SimpleRNN",
    "SimpleRNNCell",
]
