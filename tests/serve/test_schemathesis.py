"""What the document promises, kept for whatever fits it and whatever does not: on every operation."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from neyman.serve.api.app import ROUTES

from .live import live, settings_for

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = 25
OPERATIONS = [(path, method) for path, methods in ROUTES.items() for method in methods]
WITH_INPUT = [
    (path, method) for path, method in OPERATIONS if method == "POST" or path.startswith("/api/v1/score/batch")
]


@pytest.fixture(scope="module")
def service(artefact, tmp_path_factory):
    with live(settings_for(artefact, tmp_path_factory.mktemp("schemathesis"))) as running:
        running.http.post("/api/v1/score/batch", json={"events_file": "s3://events/a.parquet"})
        yield running


@pytest.fixture(scope="module")
def document(service):
    config = schemathesis.Config.from_dict({"generation": {"with-security-parameters": False}})
    return schemathesis.openapi.from_url(f"{service.url}/openapi.json", config=config)


def _statuses(service, document, path, method, mode, examples):
    """Ask with whatever the mode generates; the answers are as the document has them."""
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    found = set()
    operation = document[path][method]

    @settings(
        max_examples=examples, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=schemathesis.GenerationMode(mode)))
    def ask(case):
        headers = service.as_key(service.key)
        answer = case.call(base_url=service.url, headers=headers)
        case.validate_response(answer, headers=headers, excluded_checks=[positive_data_acceptance])
        found.add(answer.status_code)
        if mode == "positive" and answer.status_code == 422:
            # No schema can say which buckets are allowed, nor for which numbers a network's score is finite.
            problem = answer.json()
            assert problem.get("where") == "$.events_file" or "finite" in problem["detail"]

    ask()
    return found


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_what_fits_is_answered_as_promised(path, method, service, document):
    found = _statuses(service, document, path, method, "positive", EXAMPLES if (path, method) in WITH_INPUT else 2)
    assert max(found) < 500
    assert found & {200, 404} or (path, method) == ("/api/v1/score/batch", "POST")  # it hardly guesses a bucket


@pytest.mark.parametrize(("path", "method"), WITH_INPUT)
def test_what_does_not_fit_is_refused_as_promised(path, method, service, document):
    found = _statuses(service, document, path, method, "negative", EXAMPLES)
    assert found
    assert min(found) >= 400
    assert max(found) < 500
