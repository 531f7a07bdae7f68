"""The mixin of results that are also tables: as a pandas frame, and as a ``datasets.Dataset``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from ftkit.errors import DataError

if TYPE_CHECKING:
    from datasets import Dataset
    from pandas import DataFrame

Records = Iterable[Mapping[str, Any]]


class Tabled:
    """A result with rows of its own. Its class says which these are."""

    def _records(self) -> Records:
        raise NotImplementedError

    def _columns(self) -> Sequence[str]:
        """The columns that there are even where there is no row."""
        return ()

    def to_pandas(self) -> DataFrame:
        """The rows as a pandas frame; times, numbers and missing values as the result has them."""
        return frame_of(self._records(), self._columns())

    def to_dataset(self) -> Dataset:
        """The rows as a Dataset of the package ``datasets``.

        Raises DataError where a column has values of several types, which a Dataset cannot hold.
        """
        return dataset_of(list(self._records()), self._columns())


def frame_of(records: Records, columns: Sequence[str] = ()) -> DataFrame:
    """Rows as a pandas frame of all columns that any of them has, ``columns`` first."""
    import pandas

    rows = [dict(record) for record in records]
    return pandas.DataFrame(rows, columns=list(dict.fromkeys([*columns, *_names(rows)])))


def dataset_of(
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str] = (),
    *,
    hint: str = "Let each column have one type, for example texts.",
) -> Dataset:
    """Rows as a Dataset of all columns that any of them has; DataError where one column has several types."""
    import datasets
    import pyarrow

    made = {name: [row.get(name) for row in rows] for name in dict.fromkeys([*columns, *_names(rows)])}
    try:
        return datasets.Dataset.from_dict(made)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError) as error:
        guilty = next((name for name, cells in made.items() if not _one_type(cells)), None)
        which = f"the column {guilty!r} has" if guilty is not None else "a column has"
        raise DataError(
            f"{which} values of several types, which a Dataset cannot hold: {str(error).splitlines()[0]}",
            hint=hint,
        ) from error


def plain_records(results: Iterable[Any]) -> Iterable[dict[str, Any]]:
    """The fields of pydantic results, each a row; what is within them as plain values."""
    for result in results:
        yield result.model_dump(mode="python")


def _names(rows: Iterable[Mapping[str, Any]]) -> Iterable[str]:
    return dict.fromkeys(name for row in rows for name in row)


def _one_type(cells: list[Any]) -> bool:
    import pyarrow

    try:
        pyarrow.array(cells)
    except (pyarrow.ArrowInvalid, pyarrow.ArrowTypeError, pyarrow.ArrowNotImplementedError):
        return False
    return True
