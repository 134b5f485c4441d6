"""One small table as pandas, pyarrow, polars, openpyxl and odfpy write it.

Writes `crates/multihot-table/tests/golden/`; every file holds the rows of `ROWS`.
"""

import datetime
import json
import pathlib

import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).parents[2] / "crates/multihot-table/tests/golden"

TEXTS = ["Plain, with a comma", 'Quotes " and\na line end', "Élève\u00a0œuvre €", "👩‍👩‍👧 family", ""]
SPORTS = [1, 0, None, 1, 0]
SCORES = [0.5, 2.0, float("nan"), 0.1, 1e-7]
TAGS = [["a", "b"], [], None, ["œ"], ["a"]]
WHEN = [datetime.datetime(2024, 2, 29, 13, 45), None, *[datetime.datetime(1999, 12, 31)] * 3]

ROWS = [
    {"id": 10 + i, "text": text, "sports": sports, "score": score, "tags": tags, "when": when}
    for i, (text, sports, score, tags, when) in enumerate(zip(TEXTS, SPORTS, SCORES, TAGS, WHEN))
]


def frame() -> pd.DataFrame:
    """The rows; whole numbers stay whole beside missing ones."""
    table = pd.DataFrame(ROWS)
    table["sports"] = table["sports"].astype("Int64")
    return table


def parquet() -> None:
    """The same rows by three writers, in every packing that is read and with old and new pages."""
    frame().to_parquet(OUT / "pandas.parquet", index=False)
    schema = pa.schema(
        [
            ("id", pa.int32()),
            ("text", pa.large_string()),
            ("sports", pa.bool_()),
            ("score", pa.float32()),
            ("tags", pa.list_(pa.string())),
            ("when", pa.timestamp("ns")),
        ]
    )
    rows = [{**row, "sports": None if row["sports"] is None else bool(row["sports"])} for row in ROWS]
    table = pa.Table.from_pylist(rows, schema=schema)
    for compression in ["none", "snappy", "gzip", "zstd"]:
        pq.write_table(
            table,
            OUT / f"pyarrow-{compression}.parquet",
            compression=compression,
            data_page_version="2.0" if compression == "zstd" else "1.0",
            row_group_size=2,
        )
    encodings = {"text": "DELTA_BYTE_ARRAY", "id": "DELTA_BINARY_PACKED", "score": "BYTE_STREAM_SPLIT"}
    pq.write_table(
        table.select(["id", "text", "sports", "score"]),
        OUT / "pyarrow-delta.parquet",
        use_dictionary=False,
        column_encoding=encodings,
    )
    pq.write_table(
        table.select(["id", "text"]),
        OUT / "pyarrow-lengths.parquet",
        use_dictionary=False,
        column_encoding={"text": "DELTA_LENGTH_BYTE_ARRAY"},
    )
    pl.from_arrow(table).write_parquet(OUT / "polars.parquet")
    kinds = pa.table(
        {
            "text": ["x", "y"],
            "cats": pa.array([[("a", 1.0), ("b", 0.0)], []], pa.map_(pa.string(), pa.float64())),
            "meta": [{"by": "me", "n": [1, 2]}, {"by": None, "n": None}],
            "day": pa.array([datetime.date(2024, 2, 29), None]),
            "price": pa.array([12, None], pa.decimal128(10, 2)),
            "bytes": pa.array([b"\xff\x01", b"ascii"]),
            "vector": pa.array([[0.5, 1.0], [0.0, 0.25]], pa.list_(pa.float32(), 2)),
            "big": pa.array([2**64 - 1, 0], pa.uint64()),
            "at": pa.array([datetime.time(13, 45), None], pa.time64("us")),
            "half": pa.array([1.5, None], pa.float16()),
        }
    )
    pq.write_table(kinds, OUT / "kinds.parquet")


def workbooks() -> None:
    """The rows without their lists, below a blank row, with a second sheet."""
    plain = frame().drop(columns="tags")
    with pd.ExcelWriter(OUT / "pandas.xlsx", engine="openpyxl") as book:
        plain.to_excel(book, sheet_name="Reviews", index=False)
        pd.DataFrame({"text": ["other"], "sports": [1]}).to_excel(book, sheet_name="Second one", index=False)
    with pd.ExcelWriter(OUT / "pandas.ods", engine="odf") as book:
        plain.to_excel(book, sheet_name="Reviews", index=False)
        pd.DataFrame({"text": ["other"], "sports": [1]}).to_excel(book, sheet_name="Second one", index=False)
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Kinds"
    sheet["B2"], sheet["C2"], sheet["D2"], sheet["E2"], sheet["F2"] = "text", "yes", "day", "time", "share"
    sheet["B3"], sheet["C3"], sheet["D3"] = "x", True, datetime.date(2024, 2, 29)
    sheet["E3"], sheet["F3"] = datetime.time(13, 45), 0.1 + 0.2
    sheet["F3"].number_format = "0%"
    sheet["B5"], sheet["C5"], sheet["D5"] = "y", False, "=NA()"
    sheet["H9"].font = openpyxl.styles.Font(bold=True)
    book.create_sheet("Hidden").sheet_state = "hidden"
    book.move_sheet("Hidden", -1)
    book.save(OUT / "kinds.xlsx")


def text() -> None:
    """As pandas and json write text: JSON in every orientation that holds rows or columns."""
    table = frame().drop(columns="when")
    table.to_csv(OUT / "pandas.csv", index=False)
    table.to_csv(OUT / "pandas-semicolon.csv.gz", index=False, sep=";", encoding="utf-16")
    for orient in ["records", "columns"]:
        table.to_json(OUT / f"pandas-{orient}.json", orient=orient, force_ascii=False)
    table.to_json(OUT / "pandas.jsonl.zst", orient="records", lines=True)
    rows = json.loads((OUT / "pandas-records.json").read_text())
    (OUT / "pretty.json").write_text(json.dumps({"version": 1, "data": rows}, indent=2))


OUT.mkdir(parents=True, exist_ok=True)
parquet()
workbooks()
text()
