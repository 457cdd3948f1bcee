"""Both databases keep what they promise: one clock, one writer, tables of this version."""

import threading

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from neyman.core.errors import ConfigError
from neyman.serve.database import alive, away, connect, now, reading, upgrade, writing
from neyman.serve.tables import api_keys, metadata


@pytest.fixture
def engine(database):
    engine = connect(database)
    yield engine
    engine.dispose()


def test_the_migrations_make_the_tables_of_the_code(engine):
    upgrade(engine)
    with reading(engine) as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata) == []


def test_upgrading_twice_changes_nothing(engine):
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(api_keys.insert().values(id="a", name="n", secret="s", scopes="score", created_at=1.0))
    upgrade(engine)
    with reading(engine) as connection:
        assert connection.execute(sa.select(api_keys.c.id)).scalars().all() == ["a"]


def test_many_upgrade_at_once(database):
    errors = []
    start = threading.Barrier(6)

    def one():
        engine = connect(database)
        try:
            start.wait()
            upgrade(engine)
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)
        finally:
            engine.dispose()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_tables_of_a_later_version_are_refused(engine, message):
    upgrade(engine)
    with writing(engine) as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(ConfigError) as error:
        upgrade(engine)
    message(error, "later version")


def test_a_failed_upgrade_leaves_nothing(engine):
    with writing(engine) as connection:
        connection.execute(sa.text("CREATE TABLE job_parts (x INTEGER)"))  # in the way, after others were made
    with pytest.raises(sa.exc.DBAPIError):
        upgrade(engine)
    assert sorted(sa.inspect(engine).get_table_names()) == ["job_parts"]


def test_its_clock(engine):
    import time

    with reading(engine) as connection:
        first = connection.execute(sa.select(now(engine.dialect.name))).scalar_one()
        time.sleep(0.02)
        second = connection.execute(sa.select(now(engine.dialect.name))).scalar_one()
    assert abs(first - time.time()) < 5
    assert 0.01 < second - first < 5


def test_a_write_is_undone_when_its_block_fails(engine):
    upgrade(engine)
    with pytest.raises(RuntimeError), writing(engine) as connection:
        connection.execute(api_keys.insert().values(id="a", name="n", secret="s", scopes="score", created_at=1.0))
        raise RuntimeError
    with reading(engine) as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(api_keys)).scalar() == 0


def test_sqlite_is_durable_and_waits(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/new/folder/serve.sqlite")
    with reading(engine) as connection:
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in
                 ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")]  # fmt: skip
    assert found == ["wal", 2, 1, 15000]
    engine.dispose()


def test_writers_of_sqlite_wait_for_each_other_from_the_beginning(tmp_path):
    engine = connect(f"sqlite:///{tmp_path}/serve.sqlite")
    upgrade(engine)
    errors = []

    def count():
        try:
            for _ in range(20):
                with writing(engine) as connection:  # read, then write what was read: no update may be lost
                    number = connection.execute(sa.select(api_keys.c.created_at)).scalar_one()
                    connection.execute(api_keys.update().values(created_at=number + 1))
        except BaseException as error:  # noqa: BLE001 - told below
            errors.append(error)

    with writing(engine) as connection:
        connection.execute(api_keys.insert().values(id="a", name="n", secret="s", scopes="score", created_at=0.0))
    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with reading(engine) as connection:
        assert errors == []
        assert connection.execute(sa.select(api_keys.c.created_at)).scalar_one() == 80
    engine.dispose()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/name", "sqlite://", "sqlite:///:memory:", "http://host/", "sqlite:///"]
)
def test_no_such_kind_of_database(url, message):
    with pytest.raises(ConfigError) as error:
        connect(url)
    message(error, "sqlite:///FILE")


def test_alive(engine):
    assert alive(engine)


def test_a_postgres_that_is_not_there():
    engine = connect("postgresql://neyman@127.0.0.1:1/none")
    assert not alive(engine)
    with pytest.raises(sa.exc.OperationalError) as error, reading(engine):
        pass
    assert away(error.value)
    engine.dispose()


def test_mistakes_are_not_absence(engine):
    with pytest.raises(sa.exc.DBAPIError) as error, reading(engine) as connection:
        connection.execute(sa.text("SELECT * FROM nothing"))
    assert not away(error.value)
    assert not away(ValueError())


def test_a_locked_sqlite_is_away(tmp_path, monkeypatch):
    monkeypatch.setattr("neyman.serve.database.BUSY_SECONDS", 0)
    engine, other = (connect(f"sqlite:///{tmp_path}/serve.sqlite") for _ in range(2))
    upgrade(engine)
    with writing(engine), pytest.raises(sa.exc.OperationalError) as error, writing(other):
        pass
    assert away(error.value)
    engine.dispose()
    other.dispose()
