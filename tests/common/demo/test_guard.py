"""If these fail, a stranger's web page can ask the models on this machine, or one request fills its memory."""

import asyncio
import json

import pytest

from common.demo.guard import Guard

OWN = ((b"host", b"127.0.0.1:7860"),)


async def _reads(scope, receive, send):
    """Answers with the number of bytes that it got."""
    count, more = 0, True
    while more:
        message = await receive()
        count += len(message["body"])
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(count).encode()})


def ask(path="/", headers=OWN, parts=(b"",), host="127.0.0.1", limit=100_000):
    """Status, headers and body of the answer to a request whose body comes in parts."""
    sent, waiting = [], list(parts)

    async def receive():
        return {"type": "http.request", "body": waiting.pop(0), "more_body": bool(waiting)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "headers": list(headers)}
    asyncio.run(Guard(_reads, host, limit)(scope, receive, send))
    return sent[0]["status"], dict(sent[0]["headers"]), b"".join(each.get("body", b"") for each in sent[1:])


def test_an_upload_up_to_the_limit_is_taken_and_a_larger_one_is_not():
    path = "/gradio_api/upload"
    assert ask(path, parts=[b"0" * 50_000] * 2)[::2] == (200, b"100000")
    status, _, body = ask(path, parts=[b"0" * 100_000] * 2)
    assert status == 413 and json.loads(body)["detail"] == "this is larger than the 100,000 bytes that the page takes"


def test_a_size_that_is_announced_is_refused_before_it_comes():
    headers = (*OWN, (b"content-length", b"99999999"))
    assert ask("/gradio_api/upload", headers, parts=[])[0] == 413


def test_a_request_without_a_file_has_a_limit_of_its_own():
    assert ask("/gradio_api/queue/join", parts=[b"0" * 2**20], limit=2**30)[0] == 200
    assert ask("/gradio_api/queue/join", parts=[b"0" * 2**20, b"0"], limit=2**30)[0] == 413


@pytest.mark.parametrize("name", [b"127.0.0.1", b"localhost:7860", b"LOCALHOST", b"[::1]:7860"])
def test_names_of_this_machine_are_answered(name):
    assert ask(headers=[(b"host", name)])[0] == 200


@pytest.mark.parametrize("name", [b"evil.example", b"127.0.0.1.evil.example:7860", b"", b"[::2]:7860"])
def test_a_name_that_a_stranger_pointed_at_this_machine_is_not(name):
    assert ask(headers=[(b"host", name)])[0] == 421
    assert ask(headers=[(b"host", name)], host="0.0.0.0")[0] == 200


def test_the_browser_is_told_to_ask_nobody_else():
    policy = ask()[1][b"content-security-policy"].decode()
    assert "default-src 'self'" in policy and "http" not in policy and "*" not in policy
