"""How long a list of clients takes to come in, beside PostgreSQL's own COPY and ON CONFLICT of the same file.

python -m bench.importing --database postgres://… | sqlite:///… [--lines 200000] [--against OTHER/CHECKOUT]

Each run begins with an empty database, and imports the file twice: the second time all clients are known.
--against runs the same with the import_clients of another checkout of this project. The database is
emptied: never name one that holds anything.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
OWNER = "bench@example.com"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.importing")
    parser.add_argument("--database", required=True)
    parser.add_argument("--lines", type=int, default=200_000)
    parser.add_argument("--against", type=Path, help="another checkout")
    parser.add_argument("--file", type=Path, help="a file of your own: CSV, XLSX or vCard")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-import-") as folder:
        file = asked.file or write_file(Path(folder) / "clients.csv", asked.lines)
        checkouts = [HERE, *([asked.against] if asked.against else [])]
        for checkout in checkouts:
            measure(checkout, asked.database, file, Path(folder))
        if asked.database.startswith("postgres") and file.suffix == ".csv":
            bare_copy(asked.database, file, Path(folder))


def write_file(path: Path, lines: int) -> Path:
    with path.open("w") as file:
        file.write("email,name,comment\n")
        for n in range(lines):
            # Not in the order of the index, as no real list is.
            file.write(
                f"client{n * 7919 % lines}@example{n % 50}.org,Anna Petrova {n},from the fair of {n % 30}\n"
            )
    return path


def measure(checkout: Path, database: str, file: Path, folder: Path) -> None:
    environment = {**os.environ, "DEBUG": "True", "ENV_FILE": os.devnull, "VAR_DIR": str(folder)}
    environment["DATABASE_URL"] = database
    empty(checkout, database, environment)
    for what in ("new", "again"):
        seconds, megabytes = run(
            ["manage.py", "import_clients", str(file), "--owner", OWNER], checkout, environment
        )
        print(f"{checkout.name or checkout}: {what}: {seconds:.1f} s, {megabytes:.0f} MB at most", flush=True)


def empty(checkout: Path, database: str, environment: dict[str, str]) -> None:
    if database.startswith("sqlite:///"):
        Path(database.removeprefix("sqlite:///")).unlink(missing_ok=True)
    else:
        import psycopg

        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
    make = f"from people.models import User; User.objects.create_user({OWNER!r}, 'x')"
    for command in (["migrate", "--verbosity", "0"], ["shell", "--verbosity", "0", "-c", make]):
        subprocess.run([sys.executable, "manage.py", *command], cwd=checkout, env=environment, check=True)


def run(command: list[str], checkout: Path, environment: dict[str, str]) -> tuple[float, float]:
    """Seconds, and megabytes of memory at most."""
    began = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *command], cwd=checkout, env=environment, stderr=subprocess.DEVNULL
    ) as process:
        _pid, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def bare_copy(database: str, file: Path, folder: Path) -> None:
    """What the database alone takes for the same rows: once new, once known."""
    import psycopg

    environment = {**os.environ, "DEBUG": "True", "ENV_FILE": os.devnull, "VAR_DIR": str(folder)}
    empty(HERE, database, {**environment, "DATABASE_URL": database})
    for what in ("new", "again"):
        began = time.perf_counter()
        with psycopg.connect(database) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TEMPORARY TABLE bare (email text, name text, comment text) ON COMMIT DROP")
            with (
                cursor.copy("COPY bare FROM STDIN (FORMAT csv, HEADER true)") as copy,
                file.open("rb") as source,
            ):
                while chunk := source.read(1 << 20):
                    copy.write(chunk)
            cursor.execute(
                "INSERT INTO mailer_client AS old "
                "(owner_id, email, address_key, full_name, comment, created_at, form_key) "
                "SELECT (SELECT id FROM people_user), email, email, name, comment, now(), gen_random_uuid() "
                "FROM bare "
                "ON CONFLICT (owner_id, address_key) DO UPDATE SET full_name = excluded.full_name, "
                "comment = excluded.comment WHERE (old.full_name, old.comment) <> "
                "(excluded.full_name, excluded.comment)"
            )
        print(f"COPY and ON CONFLICT: {what}: {time.perf_counter() - began:.1f} s", flush=True)


if __name__ == "__main__":
    main()
