"""What an operator reads when the read model cannot be used."""

from pathlib import Path

import pytest
from life_of_requests import Life, heard

from services.readmodel.engine import open_engine
from services.readmodel.faults import ReadModelAwayError, ReadModelError
from services.readmodel.queries import ReadModel
from services.readmodel.store import Store


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("not a url", "'not a url'"),
        ("mysql://town:secret@db/readmodel", "mysql://town:***@db/readmodel"),
    ],
)
def test_a_url_of_another_kind_is_refused_without_its_password(url: str, shown: str) -> None:
    with pytest.raises(ReadModelError) as raised:
        open_engine(url)
    assert str(raised.value) == (
        f"STORMDRAIN_READ_MODEL={shown}: expected an SQLAlchemy URL such as "
        "sqlite:////var/lib/stormdrain/readmodel.db or postgresql://user@host/stormdrain"
    )


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ReadModelError) as raised:
        open_engine(f"sqlite:///{tmp_path}/file/readmodel.db")
    assert str(raised.value) == (
        f"the read model's directory {tmp_path}/file cannot be made (File exists): make it writable, or set "
        "STORMDRAIN_READ_MODEL or STORMDRAIN_STATE_DIR to another place"
    )


def test_a_database_that_does_not_answer_is_worth_another_try() -> None:
    url = "postgresql://town:secret@127.0.0.1:1/readmodel"
    model, store = ReadModel(url), Store(url)
    for use in (model.requests, lambda: store.apply(heard(Life("r-1").received()))):
        with pytest.raises(ReadModelAwayError) as raised:
            use()
        assert str(raised.value).startswith(
            "the read model at postgresql+psycopg://town:***@127.0.0.1:1/readmodel does not answer: "
        )
        assert "secret" not in str(raised.value)


def test_sqlite_lets_readers_read_while_another_process_writes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'readmodel.db'}"
    model, store = ReadModel(url), Store(url)
    store.apply(heard(Life("r-1").received()))
    with open_engine(url).execution_options(writes=True).begin() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 1
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == 5000
        connection.exec_driver_sql("DELETE FROM requests")
        assert [row.request_id for row in model.requests()] == ["r-1"]
    assert model.requests() == []
