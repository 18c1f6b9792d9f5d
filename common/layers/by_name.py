"""The recurrent layers under the names by which `--model.cell` of an application chooses them."""

from common.layers.gru import GRU
from common.layers.indrnn import IndRNN
from common.layers.layer_norm_gru import LayerNormGRU
from common.layers.layer_norm_lstm import LayerNormLSTM
from common.layers.lru import LRU
from common.layers.lstm import LSTM
from common.layers.min_gru import MinGRU
from common.layers.min_lstm import MinLSTM
from common.layers.mlstm import MLSTM
from common.layers.qrnn import QRNN
from common.layers.rglru import RGLRU
from common.layers.simple_rnn import SimpleRNN
from common.layers.slstm import SLSTM
from common.layers.sru import SRU

LAYERS = {
    "simple_rnn": SimpleRNN,
    "gru": GRU,
    "lstm": LSTM,
    "layer_norm_gru": LayerNormGRU,
    "layer_norm_lstm": LayerNormLSTM,
    "slstm": SLSTM,
    "ind_rnn": IndRNN,
    "sru": SRU,
    "qrnn": QRNN,
    "min_gru": MinGRU,
    "min_lstm": MinLSTM,
    "rglru": RGLRU,
    "lru": LRU,
    "mlstm": MLSTM,
}
