"""POST /api/v1/score: what is right, and everything that can be wrong with it."""

import gzip
import json
import socket
import time

import numpy as np
import pyarrow as pa
import pytest

from neyman.anomaly import Scorer

from .live import ARROW, NAMES, is_problem, live, settings_for

PATH = "/api/v1/score"


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    limits = {"requests_per_second": 1e6, "burst": 10**6, "rows": 500, "body_bytes": 2**18}
    with live(settings_for(artefact, tmp_path_factory.mktemp("serve"), limits=limits)) as running:
        yield running


@pytest.fixture(scope="module")
def scorer(artefact):
    return Scorer.open(artefact)


def post(service, text, **headers):
    content = text if isinstance(text, bytes) else text.encode()
    return service.http.post(PATH, content=content, headers={"Content-Type": "application/json", **headers})


def as_stream(table, **options):
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(**options)) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def as_table(x, names=NAMES):
    return pa.table({name: x[:, column] for column, name in enumerate(names)})


def post_arrow(service, table, **headers):
    content = table if isinstance(table, bytes) else as_stream(table)
    return service.http.post(PATH, content=content, headers={"Content-Type": ARROW, **headers})


@pytest.mark.parametrize("n", [1, 3, 300])
def test_scores_are_those_of_the_model(n, service, scorer, background):
    x = background(n, 11)
    answer = service.http.post(PATH, json={"events": x.tolist()})
    assert answer.status_code == 200
    found = answer.json()
    scores = scorer.score(x)
    assert found["scores"] == pytest.approx(scores, rel=1e-5)
    assert found["p_values"] == pytest.approx(scorer.p_values(scores), abs=1.5 / len(scorer.calibration))
    assert found["flags"] == list(map(bool, np.array(found["scores"]) > scorer.threshold(0.01)))
    assert found["model"] == {"name": "tiny", "digest": scorer.digest, "score": scorer.score_name}


def test_what_is_far_out_is_flagged_and_has_the_smallest_p_value(service, scorer, background):
    x = background(1, 1)
    x[0, 0] = 1e4
    found = service.http.post(PATH, json={"events": x.tolist(), "model": "tiny"}).json()
    assert found["flags"] == [True]
    assert found["p_values"] == [1 / (len(scorer.calibration) + 1)]


def test_flags_are_null_where_they_could_not_be_promised(artefact, tmp_path, background):
    with live(settings_for(artefact, tmp_path, flags={"fpr": 1e-4})) as service:
        assert service.http.post(PATH, json={"events": background(2, 1).tolist()}).json()["flags"] is None
        table = pa.ipc.open_stream(post_arrow(service, as_table(background(2, 1))).content).read_all()
        assert table["flag"].null_count == 2


def test_arrow_says_the_same_as_json(service, background):
    x = background(40, 3)
    said = service.http.post(PATH, json={"events": x.tolist()}).json()
    shuffled = list(reversed(NAMES))
    answer = post_arrow(service, as_table(x).select(shuffled))
    assert answer.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(answer.content).read_all()
    assert table.column_names == ["score", "p_value", "flag"]
    assert table["score"].to_pylist() == said["scores"]
    assert table["p_value"].to_pylist() == said["p_values"]
    assert table["flag"].to_pylist() == said["flags"]
    told = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert told == {"model": "tiny", "digest": said["model"]["digest"], "score": said["model"]["score"]}


def test_accept_decides_what_comes_back(service, background):
    x = background(2, 3)
    plain = post_arrow(service, as_table(x), Accept="application/json")
    assert plain.headers["content-type"] == "application/json"
    stream = post(service, json.dumps({"events": x.tolist()}), Accept=f"{ARROW}, application/json;q=0.5")
    assert stream.headers["content-type"] == ARROW
    table = pa.ipc.open_stream(stream.content).read_all()
    assert table["score"].to_pylist() == plain.json()["scores"]


def test_arrow_takes_whole_numbers_and_small_floats(service, background):
    x = np.round(background(3, 3))
    table = pa.table(
        {name: pa.array(x[:, i].astype(np.int32 if i % 2 else np.float32)) for i, name in enumerate(NAMES)}
    )
    said = service.http.post(PATH, json={"events": x.tolist()}).json()["scores"]
    got = pa.ipc.open_stream(post_arrow(service, table).content).read_all()["score"].to_pylist()
    assert got == pytest.approx(said, rel=1e-6)


GOOD = "[0.1, 30.0, 0.2, 3, 1e6, 0.5, 7]"


@pytest.mark.parametrize(
    ("body", "status", "where", "says"),
    [
        ("", 400, None, "not JSON"),
        ("events", 400, None, "not JSON"),
        (f'{{"events": [{GOOD}]', 400, None, "not JSON"),
        (f'{{"events": [{GOOD}]}} x', 400, None, "not JSON"),
        (f'\ufeff{{"events": [{GOOD}]}}', 400, None, "not JSON"),
        ("[]", 422, "$", "object"),
        ("{}", 422, "$", "events"),
        ('{"events": []}', 422, "$.events", "no events"),
        ('{"events": [[]]}', 422, "$.events[0]", "0 numbers; expected: 7"),
        ('{"events": 3}', 422, "$.events", "array"),
        (f'{{"events": {GOOD}}}', 422, "$.events[0]", "array"),
        (f'{{"events": [{GOOD}, [1, 2]]}}', 422, "$.events[1]", "2 numbers; expected: 7"),
        (f'{{"events": [{GOOD}, {GOOD[:-1]}, 1]]}}', 422, "$.events[1]", "8 numbers; expected: 7"),
        (f'{{"events": [{GOOD}, {GOOD.replace("0.5", "NaN")}]}}', 422, "$.events[1][5]", "NaN"),
        (f'{{"events": [{GOOD.replace("0.5", "Infinity")}]}}', 422, "$.events[0][5]", "Infinity"),
        (f'{{"events": [{GOOD.replace("0.5", "-Infinity")}]}}', 422, "$.events[0][5]", "-Infinity"),
        (f'{{"events": [{GOOD.replace("0.5", "1e999")}]}}', 422, "$.events[0][5]", "out of range"),
        (f'{{"events": [{GOOD.replace("0.5", "1e39")}]}}', 422, "$.events[0][5]", "'charge' is 1e+39"),
        (f'{{"events": [{GOOD.replace("0.5", "-1e39")}]}}', 422, "$.events[0][5]", "float32"),
        (f'{{"events": [{GOOD.replace("0.5", "9" * 5000)}]}}', 422, "$.events[0][5]", "out of range"),
        (f'{{"events": [{GOOD.replace("0.5", "true")}]}}', 422, "$.events[0][5]", "bool"),
        (f'{{"events": [{GOOD.replace("0.5", chr(34) + "0.5" + chr(34))}]}}', 422, "$.events[0][5]", "str"),
        (f'{{"events": [{GOOD.replace("0.5", "null")}]}}', 422, "$.events[0][5]", "null"),
        (f'{{"events": [{GOOD.replace("0.5", "[1]")}]}}', 422, "$.events[0][5]", "array"),
        (f'{{"events": [{GOOD}], "events": [{GOOD}]}}', 422, "$", "'events' stands twice"),
        (f'{{"events": [{GOOD}], "\\u0065vents": [{GOOD}]}}', 422, "$", "'events' stands twice"),
        (f'{{"events": [{GOOD}], "fpr": 0.1}}', 422, "$", "unknown key 'fpr'"),
        (f'{{"events": [{GOOD}], "{"k" * 3000}": 0.1}}', 422, "$", "unknown key 'kkk"),
        (f'{{"events": [{GOOD}], "model": null}}', 422, "$.model", "null"),
        (f'{{"events": [{GOOD}], "model": 3}}', 422, "$.model", "int"),
        (f'{{"events": [{GOOD}], "model": "tinny"}}', 422, "$.model", "did you mean 'tiny'?"),
        (f'{{"events": [{GOOD}], "model": "../../secret"}}', 422, "$.model", "no model"),
        (f'{{"events": [{GOOD}], "model": "{"m" * 5000}"}}', 422, "$.model", "no model 'mmm"),
        (f'{{"events": {"[" * 10**5}{"]" * 10**5}}}', 422, "$.events[0][0]", "array"),
        ("[" * 10**5, 422, "$", "object"),
        (b'{"events": [[1]], "\xff": 1}', 400, None, "not JSON"),
        (b'{"events": [[1]], "model": "\xff"}', 400, None, "not JSON"),
        (b'{"events": [[1]], "model": "\\ud800"}', 400, None, "not JSON"),
        (b'{"\\ud800": NaN}', 422, "$.?", "NaN"),
        (b"\x00" * 100, 400, None, "not JSON"),
        (f'{{"events": [{",".join([GOOD] * 501)}]}}', 413, "$.events", "501 events; expected: at most 500"),
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_with_its_place(body, status, where, says, service):
    found = is_problem(post(service, body), status)
    assert found.get("where") == where
    assert says in found["detail"]


def test_no_event_is_too_far_out_for_a_score(service, background):
    x = background(2, 3)
    x[1] = 3e38
    found = service.http.post(PATH, json={"events": x.tolist()}).json()
    assert np.isfinite(found["scores"]).all()
    assert found["flags"][1]
    assert found["p_values"][1] < 0.01


def test_an_event_without_a_finite_score_is_refused(service, background, monkeypatch):
    x = background(2, 773)  # nobody has asked for these before
    backend = type(service.parts.models["tiny"].backend)
    monkeypatch.setattr(backend, "scores", lambda _self, x: np.where(np.arange(len(x)) == 1, np.nan, 0.5))
    found = is_problem(service.http.post(PATH, json={"events": x.tolist()}), 422)
    assert "row 1" in found["detail"]
    assert "finite" in found["detail"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON", 200),
        ("application/json; charset=latin-1", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/octet-stream", 415),
        ("application/x-python-pickle", 415),
        ("x" * 5000, 415),
    ],
)
def test_the_type_of_a_body(kind, status, service):
    answer = post(service, f'{{"events": [{GOOD}]}}', **{"Content-Type": kind})
    if status == 200:
        assert answer.status_code == 200
    else:
        is_problem(answer, 415)


def test_a_body_without_a_type(service):
    request = service.http.build_request("POST", PATH, content=f'{{"events": [{GOOD}]}}'.encode())
    is_problem(service.http.send(request), 415, "no Content-Type")


BOMB = gzip.compress(b"[" * 10**7)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "gzip, identity", "x"])
def test_compressed_bodies_are_never_unpacked(coding, service):
    is_problem(post(service, BOMB, **{"Content-Encoding": coding}), 415, "compressed")


def test_a_body_that_is_too_large_by_its_length(service):
    is_problem(post(service, b"[" * (2**18 + 1)), 413, "262144 bytes")
    is_problem(post(service, b"[" * 2**18), 422)


def test_a_body_that_is_too_large_in_chunks(service):
    def chunks():
        for _ in range(40):
            yield b" " * 10_000

    answer = service.http.post(PATH, content=chunks(), headers={"Content-Type": "application/json"})
    is_problem(answer, 413, "262144 bytes")


def test_a_body_in_chunks_that_is_not_too_large(service):
    def chunks():
        yield b'{"events": ['
        yield GOOD.encode()
        yield b"]}"

    answer = service.http.post(PATH, content=chunks(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200


def _raw(service, head, body=b"", seconds=10.0):
    """What comes back for bytes that no client library would send."""
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=seconds) as door:
        door.sendall(head.encode() + body)
        got = b""
        while b"\r\n\r\n" not in got:
            piece = door.recv(65536)
            if not piece:
                break
            got += piece
    return got


def _head(service, **headers):
    given = {"Host": "x", "Authorization": f"Bearer {service.key}", "Content-Type": "application/json"} | headers
    return f"POST {PATH} HTTP/1.1\r\n" + "".join(f"{k.replace('_', '-')}: {v}\r\n" for k, v in given.items()) + "\r\n"


def test_who_asks_before_sending_too_much_is_told_at_once(service):
    got = _raw(service, _head(service, Content_Length=10**12, Expect="100-continue"))
    assert got.startswith(b"HTTP/1.1 413")


def test_a_body_that_does_not_come(service, monkeypatch):
    monkeypatch.setattr("neyman.serve.api.bodies.SECONDS", 0.2)
    for begun in (b"", b'{"events"'):
        got = _raw(service, _head(service, Content_Length=100), begun)
        assert got.startswith(b"HTTP/1.1 408")
        assert b"connection: close" in got


def test_a_body_that_comes_late_and_in_pieces(service):
    host, port = service.url.removeprefix("http://").split(":")
    body = f'{{"events": [{GOOD}]}}'.encode()
    with socket.create_connection((host, int(port)), timeout=10) as door:
        for piece in (_head(service, Content_Length=len(body)).encode(), body[:5], body[5:20], body[20:]):
            time.sleep(0.05)
            door.sendall(piece)
        assert door.recv(65536).startswith(b"HTTP/1.1 200")


def test_who_goes_away_leaves_no_trace(service):
    host, port = service.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as door:
        door.sendall(_head(service, Content_Length=100).encode() + b'{"events"')
    assert service.http.get("/health").status_code == 200
    assert service.metric('neyman_requests_total{endpoint="score",status="500"}') == 0


STREAM = as_stream(pa.table({name: [1.0, 2.0] for name in NAMES}))


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        (b"", 400, "no Arrow IPC stream"),
        (b"\xff" * 1000, 400, "no Arrow IPC stream"),
        (STREAM[:100], 400, "no Arrow IPC stream"),
        (STREAM[:-100], 400, "no Arrow IPC stream"),
        (pa.table({name: [1.0] for name in NAMES[:-1]}), 422, "no column 'run'"),
        (pa.table({name: [1.0] for name in (*NAMES[:-1], "runs")}), 422, "no column 'run'"),
        (pa.table({name: [1.0] for name in (*NAMES, "more")}), 422, "column 'more' is none of the model's"),
        (pa.Table.from_arrays([pa.array([1.0])] * 8, names=[*NAMES, "run"]), 422, "'run' stands twice"),
        (pa.table({name: pa.array([], pa.float64()) for name in NAMES}), 422, "no events"),
        (pa.table({name: ["1.0"] for name in NAMES}), 422, "of type 'string'"),
        (pa.table({name: [True] for name in NAMES}), 422, "of type 'bool'"),
        (pa.table({name: [[1.0]] for name in NAMES}), 422, "expected: numbers"),
        (pa.table({name: pa.array(["1"]).dictionary_encode() for name in NAMES}), 422, "expected: numbers"),
        (pa.table({name: [1.0, None] for name in NAMES}), 422, "'mass' is null"),
        (pa.table({name: [1.0, float("nan")] for name in NAMES}), 422, "'mass' is nan"),
        (pa.table({name: [1.0, 1e39] for name in NAMES}), 422, "'mass' is 1e+39"),
        (pa.table({name: [1.0] * 501 for name in NAMES}), 413, "501 events"),
    ],
)
def test_what_is_no_stream_of_events_is_refused(body, status, says, service):
    is_problem(post_arrow(service, body), status, says)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e39])
def test_the_place_of_a_number_in_a_stream_is_told(value, service):
    table = pa.table({name: [1.0, value if name == "charge" else 2.0] for name in NAMES})
    found = is_problem(post_arrow(service, table), 422, f"'charge' is {value:g}")
    assert found["where"] == "events[1][5]"


@pytest.mark.parametrize("compression", ["zstd", "lz4"])
def test_compressed_streams_are_never_unpacked(compression, service):
    bomb = as_stream(pa.table({name: np.zeros(10**5) for name in NAMES}), compression=compression)
    assert len(bomb) < 2**17
    is_problem(post_arrow(service, bomb), 422, "compressed")


def test_no_batch_of_a_stream_may_be_compressed(service):
    """Each message says it for itself."""
    table = pa.table({name: np.arange(400.0) for name in NAMES})

    def messages(**options):
        return [message.serialize() for message in pa.ipc.MessageReader.open_stream(as_stream(table, **options))]

    (schema, plain), (_, bomb) = messages(), messages(compression="zstd")
    end = b"\xff\xff\xff\xff\0\0\0\0"
    assert post_arrow(service, b"".join([schema, plain, end])).status_code == 200
    is_problem(post_arrow(service, b"".join([schema, plain, bomb, end])), 422, "compressed")


def test_a_stream_that_says_more_rows_than_it_has(service):
    """Else memory behind its end, which is somebody else's, would be scored."""
    stream = as_stream(pa.table({name: np.full(173, 2.0) for name in NAMES}))
    rows = (173).to_bytes(8, "little")
    assert stream.count(rows) == 1 + len(NAMES)  # of the batch, and of each column
    assert post_arrow(service, stream).status_code == 200
    is_problem(post_arrow(service, stream.replace(rows, (450).to_bytes(8, "little"))), 400, "no Arrow IPC stream")


def test_streams_with_any_byte_changed_are_answered(service):
    rng = np.random.default_rng(5)
    for _ in range(300):
        bad = bytearray(STREAM)
        for place in rng.integers(len(bad), size=3):
            bad[place] = rng.integers(256)
        assert post_arrow(service, bytes(bad)).status_code in (200, 400, 413, 422)
