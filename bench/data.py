"""Where do twelve million subscribers come from? Made up, the same for the same seed; no row is a person's."""

import shutil
from pathlib import Path

_MONEY = ("arpu_1", "arpu_2", "arpu_3", "arpu_data_1", "arpu_data_2", "arpu_data_3",
          "arpu_voice_1", "arpu_voice_2", "arpu_voice_3", "balance")  # fmt: skip


def _sql(rows: int, seed: int) -> str:
    """Every cell from a hash of row, column and seed; each number once, in no order."""

    def pick(column: int, of: int) -> str:
        return f"(hash(i * 64 + {column} + {seed} * 1000003) % {of})"

    money = ", ".join(f"{pick(10 + at, 300_000)} AS {name}" for at, name in enumerate(_MONEY))
    return f"""SELECT
        '0' || ([9, 7, 3, 8, 5][1 + {pick(0, 5)}::INT] * 100000000 + (i * 7919) % 99999989)::VARCHAR AS number,
        CASE WHEN {pick(2, 10)} < 8 THEN 'prepaid' ELSE 'postpaid' END AS payment,
        CASE WHEN {pick(3, 10)} < 7 THEN 'smartphone' WHEN {pick(3, 10)} < 9 THEN 'featurephone' END AS device,
        'CTKV' || (1 + {pick(4, 9)}) AS region,
        CASE {pick(5, 20)} WHEN 0 THEN 'one_way' WHEN 1 THEN 'off' ELSE 'two_way' END AS status,
        ({pick(6, 10)} < 9)::INT AS vlr,
        CASE {pick(7, 4)} WHEN 0 THEN 'youth' WHEN 1 THEN 'family' WHEN 2 THEN 'rural' END AS segment,
        'T' || {pick(8, 40)} AS tariff,
        DATE '2005-01-01' + {pick(9, 7500)}::INT AS activated_on,
        {money},
        CASE {pick(20, 6)} WHEN 0 THEN 'C90N' WHEN 1 THEN 'FD50;M50' ELSE '' END AS packages,
        CASE {pick(21, 30)} WHEN 0 THEN 'vip' WHEN 1 THEN 'gold;vip' WHEN 2 THEN 'test' ELSE '' END AS flags,
        CASE WHEN {pick(22, 10)} < 8 THEN 'HD-2025-' || {pick(23, 50_000)} ELSE '' END AS consent
        FROM range({rows}) t(i)"""


def write_subscribers(file: Path, rows: int, seed: int = 1) -> Path:
    """A subscribers file of `mai import`, CSV; at most 99 million rows."""
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '600MB'; SET threads = 2")
        connection.execute(f"COPY ({_sql(rows, seed)}) TO '{file}' (FORMAT csv, HEADER)")
    return file


def write_do_not_call(file: Path, subscribers: Path, every: int = 50) -> Path:
    """A DoNotCall register: every so many-th subscriber."""
    with subscribers.open() as source, file.open("w") as out:
        next(source)
        out.write("number,channel\n")
        out.writelines(f"{line[:10]},both\n" for at, line in enumerate(source) if at % every == 0)
    return file


def installation(folder: Path, root: Path) -> Path:
    """A copy of the installation that the project ships, with a store of its own; its config.yaml."""
    for name in ("packages.yaml", "config.yaml"):
        shutil.copy(root / name, folder / name)
    shutil.copytree(root / "campaigns", folder / "campaigns", dirs_exist_ok=True)
    return folder / "config.yaml"
