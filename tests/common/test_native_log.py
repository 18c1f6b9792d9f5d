"""If these fail, a newcomer's first screen is about CUDA, or a message that somebody needs is swallowed."""

import os

import pytest

from common.errors import UserError
from common.native_log import hold_back_native_log

NATIVE = (
    "WARNING: All log messages before absl::InitializeLog() is called are written to STDERR\n"
    "I0000 00:00:1795363229.328141    7753 port.cc:153] oneDNN custom operations are on.\n"
    "E0000 00:00:1795363233.661962    7753 cuda_platform.cc:52] failed call to cuInit: 303\n"
    "2026-01-01 00:00:00.123456: I tensorflow/core/platform/cpu_feature_guard.cc:210] This binary is optimized\n"
    "To enable the following instructions: AVX2, rebuild TensorFlow with the appropriate compiler flags.\n"
)


def say(text):
    os.write(2, text.encode())


@pytest.fixture(autouse=True)
def no_level(monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "1")  # so that monkeypatch restores it


def test_lines_of_cpp_vanish_and_others_stay(capfd):
    with hold_back_native_log():
        say(NATIVE)
        say("a library that nobody here knows is missing\n")
    assert capfd.readouterr().err == "a library that nobody here knows is missing\n"


@pytest.mark.parametrize("error", [KeyboardInterrupt, UserError])
def test_a_mistake_or_ctrl_c_brings_no_log(capfd, error):
    with pytest.raises(error), hold_back_native_log():
        say(NATIVE)
        raise error("a sentence")
    assert capfd.readouterr().err == ""


def test_a_bug_shows_everything(capfd):
    with pytest.raises(ImportError), hold_back_native_log():
        say(NATIVE)
        raise ImportError("libcuda")
    assert capfd.readouterr().err == NATIVE


def test_who_asks_for_the_log_gets_it(capfd, monkeypatch):
    monkeypatch.setenv("TF_CPP_MIN_LOG_LEVEL", "0")
    with hold_back_native_log():
        say(NATIVE)
    assert capfd.readouterr().err == NATIVE
