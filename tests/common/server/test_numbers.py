"""If these fail, a model of arrays with several inputs and outputs cannot be served, or a wrong array is answered for."""

import json
import re

import numpy as np
import pytest
from fastapi.testclient import TestClient

from common import saved_model
from common.console import Console
from common.errors import UserError
from common.server import app, rest
from tests.common.tiny_series_model import HORIZON, QUANTILES, TARGETS, example

PREDICT = "/v1/models/series:predict"


@pytest.fixture(scope="module")
def model(tiny_series_dir):
    return saved_model.load(tiny_series_dir)


@pytest.fixture(scope="module")
def client(model):
    with TestClient(rest.make_app(model, "series", max_batch=4), raise_server_exceptions=False) as client:
        yield client


def columns(batch, steps=5):
    return {name: value.tolist() for name, value in example(batch, steps).items()}


def rows(batch, steps=5):
    found = columns(batch, steps)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def test_arrays_of_every_rank_in_both_forms(client, model):
    expected = model.run("serving_default", example(3, 5))
    assert expected["quantiles"].shape == (3, HORIZON, TARGETS, QUANTILES) and expected["time"].dtype == np.int64
    outputs = client.post(PREDICT, json={"inputs": columns(3)}).json()["outputs"]
    predictions = client.post(PREDICT, json={"instances": rows(3)}).json()["predictions"]
    assert set(outputs) == set(expected) == set(predictions[0])
    for name, value in expected.items():
        assert np.array_equal(np.array(outputs[name], value.dtype), value)  # every bit, and every second
        assert [row[name] for row in predictions] == outputs[name]


def test_another_endpoint_takes_its_own_inputs(client):
    history = columns(2)["history"]
    body = {"signature_name": "mean", "inputs": history}
    assert np.allclose(client.post(PREDICT, json=body).json()["outputs"], np.mean(history, axis=1))
    body = {"signature_name": "mean", "instances": history}
    assert np.allclose(client.post(PREDICT, json=body).json()["predictions"], np.mean(history, axis=1))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"history": [[[1.0, 2.0, 3.0]]]}, r"input history has the shape \[1,1,3\], expected \[\?,\?,2\]"),
        ({"history": [[1.0, 2.0]]}, r"input history has the shape \[1,2\], expected \[\?,\?,2\]"),
        ({"future": [[[1.0], [2.0]]]}, r"input future has the shape \[1,2,1\], expected \[\?,3,1\]"),
        ({"history": [[[1.0, 2.0], [3.0]]]}, "input history: Encountered list at unexpected size: 1 at level: 2"),
        ({"history": [[[1.0, "2"], [3.0, 4.0]]]}, 'input history: JSON Value: "2" Type: String is not of expected'),
        ({"history": [[[1.0, None], [3.0, 4.0]]]}, "Type: Null is not of expected type: float"),
        ({"history_time": [[1.5] * 5]}, "Type: Number is not of expected type: int64"),
        ({"history_time": [[2**63] * 5]}, "is not of expected type: int64"),
        ({"history_time": [[1] * 5] * 2}, "differ in their number of examples: future 1, history 1, history_time 2"),
        ({"history": []}, r"input history has the shape \[0\]"),
        ({"history": [[[1.0, 2.0]]]}, "the model refuses this input: .*at least 2 steps"),
    ],
)  # fmt: skip
def test_a_wrong_array_is_one_sentence(client, change, sentence):
    response = client.post(PREDICT, json={"inputs": columns(1) | change})
    assert response.status_code == 400 and re.search(sentence, response.json()["error"]), response.text


def test_what_is_wrong_with_rows(client):
    def refused(instances):
        response = client.post(PREDICT, json={"instances": instances})
        assert response.status_code == 400
        return response.json()["error"]

    assert "but expecting list of objects with the keys" in refused(columns(1)["history"])
    assert "must only have keys: future,history,history_time" in refused([{"history": [[1.0, 2.0]]}])
    # Two histories of different lengths are no array.
    assert "Encountered list at unexpected size: 4 at level: 1 expected size: 5" in refused([*rows(1), *rows(1, 4)])
    assert "5 examples are too many; at most 4" in refused(rows(5))


def test_a_batch_of_columns_is_limited_and_the_length_of_a_history_is_not(client):
    response = client.post(PREDICT, json={"inputs": columns(5)})
    assert response.status_code == 400 and "5 examples are too many; at most 4 in one request" in response.text
    assert client.post(PREDICT, json={"inputs": columns(4, steps=200)}).status_code == 200


def test_the_warm_up_and_the_line_to_try_are_made_of_the_example_of_the_export(model, monkeypatch, capsys):
    """Else the first user waits for the compilation, and nobody is told what a request looks like."""
    asked = []
    with monkeypatch.context() as patch:
        patch.setattr(model, "run", lambda endpoint, inputs: asked.append((endpoint, inputs)))
        app.warm_up(model)
    assert sorted(endpoint for endpoint, _ in asked) == ["mean", "serving_default"]
    for _, inputs in asked:
        for name, value in inputs.items():
            assert np.array_equal(value, example(1, 2)[name]), name
    monkeypatch.setattr(app, "_LONGEST_BODY", 1000)
    app._announce(Console(), model, "series", "127.0.0.1", 1)
    body = re.search(r"curl -d '(.*)'", capsys.readouterr().out)[1]
    assert set(json.loads(body)["instances"][0]) == {"history", "future", "history_time"}
    monkeypatch.setattr(app, "_LONGEST_BODY", 10)
    app._announce(Console(), model, "series", "127.0.0.1", 1)
    assert f"curl -d @{model.path}/assets.extra/example.json http://" in capsys.readouterr().out


def test_an_example_of_another_model_is_one_sentence(model, monkeypatch):
    other = {name: value[0].tolist() for name, value in example(1, 2).items()} | {"future": [1.0]}
    monkeypatch.setattr(model, "example", lambda: other)
    with pytest.raises(UserError, match="does not fit it .input future has the shape .*; export the run again"):
        app.warm_up(model)
