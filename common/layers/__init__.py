"""Recurrent layers on Keras: drop-in for Keras's own, faster under XLA, explicit about masks, portable between devices."""

from common.layers.bidirectional import Bidirectional
from common.layers.gru import GRU, GRUCell
from common.layers.indrnn import IndRNN, IndRNNCell
from common.layers.lru import LRU, LRUCell
from common.layers.lstm import LSTM, LSTMCell
from common.layers.min_gru import MinGRU, MinGRUCell
from common.layers.min_lstm import MinLSTM, MinLSTMCell
from common.layers.mlstm import MLSTM, MLSTMCell
from common.layers.pooling import SequencePooling
from common.layers.qrnn import QRNN, QRNNCell
from common.layers.rglru import RGLRU, RGLRUCell
from common.layers.simple_rnn import SimpleRNN, SimpleRNNCell
from common.layers.sru import SRU, SRUCell

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "MLSTM",
    "QRNN",
    "RGLRU",
    "SRU",
    "Bidirectional",
    "GRUCell",
    "IndRNN",
    "IndRNNCell",
    "LRUCell",
    "LSTMCell",
    "MLSTMCell",
    "MinGRU",
    "MinGRUCell",
    "MinLSTM",
    "MinLSTMCell",
    "QRNNCell",
    "RGLRUCell",
    "SRUCell",
    "SequencePooling",
    "SimpleRNN",
    "SimpleRNNCell",
]
