"""If these fail, what works against the local server fails against TensorFlow Serving."""

import asyncio
import threading

import httpx
import pytest
from fastapi.testclient import TestClient

from common import saved_model
from common.server import rest
from common.server.workers import TooBusyError, Workers

PREDICT = "/v1/models/tiny:predict"
ASK = {"instances": ["a"]}


@pytest.fixture(scope="module")
def model(tiny_model_dir):
    return saved_model.load(tiny_model_dir)


@pytest.fixture(scope="module")
def client(model):
    app = rest.make_app(model, "tiny", max_body_bytes=2000, max_batch=4)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_predict_in_row_form(client, model):
    """Else the curl line of the README fails."""
    response = client.post(PREDICT, json={"instances": ["good film", "bad"]})
    assert response.status_code == 200 and response.headers["content-type"] == "application/json"
    first, second = response.json()["predictions"]
    expected = model.call("serving_default", ["good film", "bad"])
    assert first["label"] == expected["label"][0].decode()
    assert second["probabilities"] == pytest.approx(expected["probabilities"][1].tolist(), abs=1e-7)
    by_name = {"signature_name": "serving_default", "instances": [{"text": "good film"}, {"text": "bad"}]}
    assert client.post("/v1/models/tiny/versions/1:predict", json=by_name).json() == response.json()


def test_predict_in_column_form(client):
    """Else clients that send columns get rows."""
    body = {"signature_name": "explain", "inputs": {"text": ["good", "bad film"]}}
    outputs = client.post(PREDICT, json=body).json()
    assert outputs["outputs"]["tokens"] == [["good", ""], ["bad", "film"]]
    assert outputs["outputs"]["bias"] == [0.25, 0.25]


def test_curl_sends_no_json_content_type(client):
    """Else the printed curl line, which has no -H, is refused."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post(PREDICT, content=b'{"instances": ["a"]}', headers=headers).status_code == 200


def test_status_and_metadata_in_tensorflow_servings_form(client):
    """Else tools that ask TensorFlow Serving for its models do not understand the answer."""
    status = {"version": "1", "state": "AVAILABLE", "status": {"error_code": "OK", "error_message": ""}}
    for path in ("/v1/models/tiny", "/v1/models/tiny/versions/1"):
        assert client.get(path).json() == {"model_version_status": [status]}
    metadata = client.get("/v1/models/tiny/metadata").json()
    assert metadata == client.get("/v1/models/tiny/versions/1/metadata").json()
    assert metadata["model_spec"] == {"name": "tiny", "signature_name": "", "version": "1"}
    signature = metadata["metadata"]["signature_def"]["signature_def"]["serving_default"]
    assert signature["method_name"] == "tensorflow/serving/predict"
    assert signature["inputs"]["text"] == {
        "dtype": "DT_STRING",
        "name": "serving_default_text:0",
        "tensor_shape": {"dim": [{"size": "-1", "name": ""}], "unknown_rank": False},
    }
    assert signature["outputs"]["probabilities"]["tensor_shape"]["dim"][1] == {"size": "3", "name": ""}


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "sentence"),
    [
        ("POST", "/v1/models/half:predict", ASK, 404, "Servable not found for request: Latest(half)"),
        ("POST", "/v1/models/tiny/versions/9:predict", ASK, 404, "not found for request: Specific(tiny, 9)"),
        ("GET", "/v1/models/half", None, 404, "Could not find any versions of model half"),
        ("GET", "/v1/models/tiny/versions/9", None, 404, "Could not find version 9 of model tiny"),
        ("GET", "/v1/models/half/metadata", None, 404, "Servable not found for request: Latest(half)"),
        ("GET", "/v1/models/tiny/versions/x", None, 400, "is not a number"),
        ("GET", PREDICT, None, 400, "Malformed request: GET"),
        ("GET", "/v1/foo", None, 400, "Malformed request: GET /v1/foo"),
        ("GET", "/foo", None, 404, "Not Found: GET /foo"),
        ("POST", "/v1/models/tiny:classify", {"examples": [{"text": "a"}]}, 400, "/v1/models/tiny:predict"),
        ("POST", "/v1/models/tiny:regress", {"examples": [{"text": "a"}]}, 400, "tf.Example"),
        ("POST", "/v1/models/half:classify", {}, 404, "Servable not found"),
        ("POST", "/v1/models/tiny:guess", {}, 400, "Malformed request: POST /v1/models/tiny:guess"),
        ("POST", PREDICT, {**ASK, "signature_name": "x"}, 400, 'name: "x" not found in signature def'),
        ("POST", PREDICT, {**ASK, "signature_name": 1}, 400, "must be a string"),
        ("POST", PREDICT, {"instances": ["a"] * 5}, 400, "at most 4"),
        ("POST", PREDICT, {"instances": [1]}, 400, "not of expected type: string"),
        ("POST", PREDICT, {"instances": ["a" * 2000]}, 413, "larger than 2000 bytes"),
        ("POST", PREDICT, None, 400, "The document is empty"),
    ],
)
def test_errors_have_the_status_and_form_of_tensorflow_serving(client, method, path, body, status, sentence):
    """Else a client cannot tell its own mistake from a broken server."""
    response = client.request(method, path, json=body) if body is not None else client.request(method, path)
    assert response.status_code == status
    assert list(response.json()) == ["error"] and sentence in response.json()["error"]


def test_a_body_of_unknown_length_is_bounded(client):
    """Else a chunked upload fills the memory."""
    read = []

    def chunks():
        for i in range(1000):
            read.append(i)
            yield b"a" * 1000

    assert client.post(PREDICT, content=chunks()).status_code == 413


def test_a_bug_is_an_error_without_details(client, monkeypatch):
    """Else a traceback with paths goes to whoever asks."""
    monkeypatch.setattr(rest, "answer", lambda *_: 1 / 0)
    response = client.post(PREDICT, json={"instances": ["a"]})
    assert (response.status_code, response.json()) == (500, {"error": "internal error: ZeroDivisionError"})


def test_health_is_answered_while_the_model_works_and_a_flood_is_refused(model, monkeypatch):
    """Else a long request makes a supervisor kill the server, and a burst of requests its memory."""
    release = threading.Event()
    monkeypatch.setattr(rest, "answer", lambda *_: release.wait(20) and b"{}")
    app = rest.make_app(model, "tiny", workers=Workers(threads=1, waiting=1))

    async def scenario():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            body = {"instances": ["a"]}
            slow = [asyncio.create_task(client.post(PREDICT, json=body)) for _ in range(2)]
            await asyncio.sleep(0.1)
            health = await client.get("/healthz")
            third = await client.post(PREDICT, json=body)
            release.set()
            return health, third, [response.status_code for response in await asyncio.gather(*slow)]

    health, third, slow = asyncio.run(scenario())
    assert health.json() == {"status": "ok", "model": "tiny", "version": "1"}
    assert third.status_code == 503 and third.headers["retry-after"] == "1"
    assert "waiting" in third.json()["error"]
    assert slow == [200, 200]


def test_the_queue_is_free_again_afterwards():
    """Else the server refuses everybody after its first busy minute."""

    async def scenario():
        workers = Workers(threads=1, waiting=0)
        event = threading.Event()
        first = asyncio.ensure_future(workers.run(event.wait, 10))
        await asyncio.sleep(0.01)
        with pytest.raises(TooBusyError):
            await workers.run(str)
        event.set()
        assert await first is True
        assert await workers.run(str) == ""
        workers.close()

    asyncio.run(scenario())
