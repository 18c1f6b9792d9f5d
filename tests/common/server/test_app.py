"""If these fail, `serve` cannot be started, stopped or supervised as a server."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import types

import pytest

from common.errors import UserError
from common.saved_model import Signature
from common.server import app, listening

# The model answers slowly on request, so that one request is under way when the signal comes.
_CODE = """
import sys, time
from common.server import app, rest
answer = rest.answer
def slow(model, body, max_batch):
    if b"slow" in body:
        print("asked", flush=True)
        time.sleep(1)
    return answer(model, body, max_batch)
rest.answer = slow
app.serve("tiny", sys.argv[1], port=0)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_start_answer_and_graceful_stop(tiny_model_dir, number):
    """Else a stopped server drops the requests it has, or looks to its supervisor as if it had crashed."""
    process = subprocess.Popen(
        [sys.executable, "-c", _CODE, str(tiny_model_dir)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    try:
        ready = process.stdout.readline()
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)", ready).group(1))
        curl = process.stdout.readline()
        assert 'curl -d \'{"instances": [' in curl and f":{port}/v1/models/tiny:predict" in curl
        process.stdout.readline()

        answers = []

        def ask():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
            connection.request("POST", "/v1/models/tiny:predict", json.dumps({"instances": ["slow"]}))
            response = connection.getresponse()
            answers.append((response.status, json.loads(response.read())))
            connection.close()

        asking = threading.Thread(target=ask)
        asking.start()
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        asking.join(20)
        output, errors = process.communicate(timeout=20)
    finally:
        process.kill()
        process.communicate()
    assert answers[0][0] == 200 and "label" in answers[0][1]["predictions"][0]
    assert (process.returncode, output, errors) == (0, "Stopped.\n", "")


def test_a_port_in_use_is_one_sentence_before_the_model_is_loaded(tiny_model_dir, monkeypatch):
    """Else the second `serve` ends in a traceback after the wait for TensorFlow."""
    monkeypatch.setattr(app, "load", lambda *_: pytest.fail("the model was loaded"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UserError, match=f"port {port} of 127.0.0.1 is in use; choose another with --port"):
            app.serve("tiny", tiny_model_dir, port=port)


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("192.0.2.1", 0), ("127.0.0.1", 70000)])
def test_an_address_that_cannot_be_is_one_sentence(tiny_model_dir, host, port, monkeypatch):
    """Else a slip in --host or --port is a traceback, or a server on another port."""
    monkeypatch.setattr(app, "load", lambda *_: pytest.fail("the model was loaded"))
    with pytest.raises(UserError, match="cannot listen on"):
        app.serve("tiny", tiny_model_dir, host=host, port=port)


def test_only_this_machine_can_connect_by_default():
    """Else a model on a laptop answers the whole café."""
    with listening.bind("127.0.0.1", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    assert app.serve.__defaults__[0] == "127.0.0.1"


def test_a_model_that_takes_no_texts_and_brings_no_example_starts_all_the_same():
    """Else the SavedModel of somebody else that takes pictures as bytes cannot be served."""

    class Model:
        signatures = {"serving_default": Signature({"picture": types.SimpleNamespace(dtype=7)}, {})}
        asked = []

        def example(self):
            return None

        def call(self, endpoint, texts):
            self.asked.append(texts)
            raise UserError("the model refuses this input: not a picture")

    model = Model()
    app.warm_up(model)
    assert model.asked == [["warm up"]]
