"""Remote files arrive whole over faults, and what is lasting is said at once or after a while."""

import io
import random
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sharding.storage.download import MissingError, Patience, RemoteError, StoppedError, download, read_small
from sharding.storage.place import Url
from tests.remote import Fault

SIZE = 700_000
CONTENT = random.Random(0).randbytes(SIZE)


def fetch(url, *, num_bytes=SIZE, **options):
    file = io.BytesIO()
    download(url, file, num_bytes=num_bytes, **options)
    return file.getvalue()


@pytest.fixture
def file(site):
    (site.folder / "x.tar").write_bytes(CONTENT)
    return site.url / "x.tar"


@pytest.fixture(params=["http", "s3", "gs"])
def object_url(request, site, monkeypatch):
    """The same file by each protocol."""
    (site.folder / "x.tar").write_bytes(CONTENT)
    address = f"http://127.0.0.1:{site.port}"
    for name, value in {"ENDPOINT_URL": address, "ACCESS_KEY_ID": "ada", "SECRET_ACCESS_KEY": "key"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    return Url(f"{request.param}://set/x.tar") if request.param != "http" else site.url / "x.tar"


def test_a_file_arrives_by_each_protocol(object_url, site):
    assert fetch(object_url) == CONTENT
    assert read_small(object_url) == CONTENT
    assert len(site.requests) == 2


def test_a_refusal_is_tried_again_but_by_us_alone(object_url, site):
    site.fail("x.tar", Fault(status=500), Fault(status=503))
    if object_url.scheme == "gs":  # gcsfs has waits of its own, of more than a second
        site.faults["x.tar"].pop()
    assert fetch(object_url) == CONTENT
    assert len(site.requests) == (2 if object_url.scheme == "gs" else 3)


def test_what_is_not_there_is_said_at_once(object_url, site):
    (site.folder / "x.tar").unlink()
    with pytest.raises(MissingError, match=rf"{object_url} is not there \(404\)\. Check the address"):
        fetch(object_url)
    assert len(site.requests) == 1


def test_what_may_not_be_read_is_said_at_once(object_url, site):
    site.fail("x.tar", Fault(status=403))
    with pytest.raises(RemoteError, match=rf"{object_url} .*(403|Forbidden).*credentials"):
        fetch(object_url)
    assert len(site.requests) == 1


def test_a_file_that_is_short_or_long_shows_it(object_url):
    assert fetch(object_url, num_bytes=SIZE + 5) == CONTENT
    assert fetch(object_url, num_bytes=SIZE - 5) == CONTENT[: SIZE - 4]


@pytest.mark.parametrize("has_ranges", [True, False])
@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=429),
        Fault(cut_after=500_000),
        Fault(cut_after=0),
        Fault(stall_s=3),
        Fault(truncate_after=400_000),
    ],
    ids=["429", "cut", "cut at once", "stalled", "truncated"],
)
def test_faults_are_ridden_out(file, site, fault, has_ranges):
    site.has_ranges = has_ranges
    site.fail("x.tar", fault)
    assert fetch(file) == CONTENT


def test_a_cut_file_goes_on_where_it_was(file, site):
    site.fail("x.tar", Fault(cut_after=600_000))
    assert fetch(file) == CONTENT
    assert site.requests[0][1] == 0
    assert 0 < site.requests[1][1] <= 600_000


FAULTS = st.one_of(st.just(Fault(status=503)), st.builds(Fault, cut_after=st.integers(0, SIZE)))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(faults=st.lists(FAULTS, max_size=4), has_ranges=st.booleans())
def test_any_few_faults_leave_the_file_whole(file, site, faults, has_ranges):
    site.has_ranges = has_ranges
    site.faults["x.tar"] = list(faults)
    assert fetch(file) == CONTENT


def test_a_lasting_outage_names_the_file_the_time_and_the_cause(file, site):
    site.fail("x.tar", *[Fault(status=503)] * 10_000)
    began = time.monotonic()
    with pytest.raises(RemoteError, match=rf"{file} could not be read: \d+ tries in \d+ s failed.*503.*--resume"):
        fetch(file)
    assert time.monotonic() - began < 60  # and not 500 s
    assert len(site.requests) > 5


def test_progress_ends_an_outage(file, site):
    """Ten faults, whose waits (3.1 s) are more than one outage may last, but something arrives between them."""
    patience = Patience(first_wait_s=0.05, longest_wait_s=0.4, total_s=2.0)
    site.fail("x.tar", *[Fault(status=503), Fault(cut_after=SIZE // 5, stall_s=0.1)] * 5)
    assert fetch(file, patience=patience) == CONTENT
    assert len(site.requests) == 10


@pytest.mark.parametrize("scheme", ["http", "s3"])
def test_nobody_listening_is_an_outage(file, site, scheme, monkeypatch):
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:9", "ACCESS_KEY_ID": "ada", "SECRET_ACCESS_KEY": "k"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    url = Url("http://127.0.0.1:9/x.tar") if scheme == "http" else Url("s3://set/x.tar")
    with pytest.raises(RemoteError, match=r"tries in .* s failed, the last one with: .*connect"):
        read_small(url)


def test_missing_credentials_are_said_at_once(monkeypatch):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(RemoteError, match=r"s3://set/x.tar cannot be read \(.*credentials.*Check the address"):
        read_small(Url("s3://set/x.tar"))


def test_a_download_stops_when_told(file, site):
    site.fail("x.tar", *[Fault(status=503)] * 1000)
    stop = threading.Event()
    threading.Timer(0.1, stop.set).start()
    with pytest.raises(StoppedError):
        fetch(file, stop=stop)
    with pytest.raises(StoppedError):
        fetch(file, stop=stop)
