"""Arrays, frames and models as bytes that depend on nothing but their content; imports none of their libraries."""

from __future__ import annotations

import hashlib
import io
import sys
from typing import TYPE_CHECKING, Any, Protocol

from milo_nb.values.checksum import Checksum

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_RAW_KINDS = "biufcSUmM"  # arrays of these are their bytes
_STEP_BYTES = 4 << 20
_POLARS_NUMBERS = frozenset(
    ("Boolean", "Float32", "Float64", *(f"{sign}Int{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64)))
)


class Encodes(Protocol):
    """What encodes the parts."""

    def encode(self, value: Any) -> bytes:
        """Return the encoding of any value."""

    def sequence(self, values: Sequence[Any]) -> bytes:
        """Return the encoding of items in their order."""


def encode(value: Any, encoder: Encodes) -> bytes | None:
    """Return the encoding of a value that one of the libraries made; None if none of them did."""
    for cls in type(value).__mro__:
        library = cls.__module__.partition(".")[0]
        make = _LIBRARIES.get(library)
        if make is not None and library in sys.modules:
            return make(sys.modules[library], value, encoder)
    return None


# ---------------------------------------------------------------------- numpy


def _numpy(numpy: Any, value: Any, encoder: Encodes) -> bytes | None:
    if isinstance(value, numpy.generic):
        return b"ns" + _array(numpy, numpy.asarray(value), encoder)
    if type(value) in (numpy.ndarray, numpy.memmap):
        return b"na" + _array(numpy, value, encoder)
    return None  # masked arrays and the like are more than their numbers


def _array(numpy: Any, value: Any, encoder: Encodes) -> bytes:
    dtype = value.dtype
    if dtype.names is not None:  # by field: what lies between them may be anything
        parts = b"".join(_array(numpy, value[name], encoder) for name in dtype.names)
        return b"s" + encoder.encode((dtype.names, value.shape)) + hashlib.sha256(parts).digest()
    about = encoder.encode((dtype.str, value.shape))
    if dtype.char in "gG":  # their bytes have gaps
        return b"t" + about + encoder.sequence([repr(one) for one in value.ravel()])
    if dtype.kind not in _RAW_KINDS:
        return b"o" + about + encoder.sequence(value.ravel().tolist())
    return b"r" + about + _hash(_bytes_of(numpy, value))


def _bytes_of(numpy: Any, value: Any) -> Iterator[Any]:
    """Yield the bytes of an array in C order, without a copy of more than a step."""
    if value.nbytes == 0:
        return
    if value.flags.c_contiguous:
        yield value.reshape(-1).view("u1")
        return
    rows = max(1, _STEP_BYTES * len(value) // value.nbytes)
    for start in range(0, len(value), rows):
        yield numpy.ascontiguousarray(value[start : start + rows]).reshape(-1).view("u1")


def _hash(parts: Iterator[Any]) -> bytes:
    with Checksum() as total:
        for part in parts:
            total.add(memoryview(part), stays=True)
        return total.digest()


# ---------------------------------------------------------------------- pandas


def _pandas(pandas: Any, value: Any, encoder: Encodes) -> bytes | None:
    if isinstance(value, pandas.DataFrame):
        columns = b"".join(_column(pandas, value.iloc[:, k].array, encoder) for k in range(value.shape[1]))
        parts = _index(pandas, value.columns, encoder) + _index(pandas, value.index, encoder) + columns
        return b"pd" + _about(value, encoder) + hashlib.sha256(parts).digest()
    if isinstance(value, pandas.Series):
        parts = _index(pandas, value.index, encoder) + _column(pandas, value.array, encoder)
        return b"ps" + _about(value, encoder) + encoder.encode(value.name) + hashlib.sha256(parts).digest()
    if isinstance(value, pandas.Index):
        return b"pi" + _index(pandas, value, encoder)
    if isinstance(value, pandas.api.extensions.ExtensionArray):
        return b"pa" + _column(pandas, value, encoder)
    return None


def _about(value: Any, encoder: Encodes) -> bytes:
    kind = type(value)
    more = {name: getattr(value, name, None) for name in value._metadata if name != "_name"}  # noqa: SLF001 - for subclasses
    return encoder.encode((f"{kind.__module__}.{kind.__qualname__}", value.shape, dict(value.attrs), more))


def _index(pandas: Any, index: Any, encoder: Encodes) -> bytes:
    names = encoder.encode(list(index.names))
    if isinstance(index, pandas.MultiIndex):
        levels = (index.get_level_values(k).array for k in range(index.nlevels))
        return b"m" + names + hashlib.sha256(b"".join(_column(pandas, level, encoder) for level in levels)).digest()
    steps = _steps(pandas, index)
    if steps is not None:
        return b"r" + names + encoder.encode((*steps, len(index)))
    return b"i" + names + _column(pandas, index.array, encoder)


def _steps(pandas: Any, index: Any) -> tuple[int, int] | None:
    """Return start and step of an index that goes up or down evenly, however it is kept; else None."""
    if isinstance(index, pandas.RangeIndex):
        return (index.start, index.step) if len(index) > 1 else None
    if str(index.dtype) != "int64" or len(index) < 2:  # noqa: PLR2004 - one number has no step
        return None
    numbers = index.to_numpy()
    start, step, last = int(numbers[0]), int(numbers[1]) - int(numbers[0]), int(numbers[-1])
    if step == 0 or start + step * (len(numbers) - 1) != last or (numbers[1:] - numbers[:-1] != step).any():
        return None
    return start, step


def _column(pandas: Any, values: Any, encoder: Encodes) -> bytes:
    numpy = sys.modules["numpy"]
    dtype = values.dtype
    about = encoder.encode((str(dtype), len(values)))
    if isinstance(dtype, pandas.CategoricalDtype):
        kinds = _index(pandas, values.categories, encoder) + bytes((values.ordered,))
        return b"c" + about + kinds + _array(numpy, values.codes, encoder)
    if isinstance(dtype, pandas.DatetimeTZDtype):
        return b"z" + about + _array(numpy, values.view("i8"), encoder)
    numbers = getattr(dtype, "numpy_dtype", None)
    if numbers is not None and isinstance(dtype, pandas.api.extensions.ExtensionDtype) and dtype.kind in "biuf":
        missing = values.isna()
        if missing.any():  # what lies below a missing one may be anything
            known = values.to_numpy(numbers, na_value=numbers.type(0))
            return b"k" + about + _array(numpy, known, encoder) + _array(numpy, missing, encoder)
        return b"v" + about + _array(numpy, values.to_numpy(numbers), encoder)
    return b"v" + about + _array(numpy, values.to_numpy(), encoder)


# ---------------------------------------------------------------------- polars, pyarrow, torch, pydantic


def _polars(polars: Any, value: Any, encoder: Encodes) -> bytes | None:
    if isinstance(value, polars.DataFrame):
        columns = b"".join(_series(polars, column, encoder) for column in value.get_columns())
        return b"ld" + encoder.encode(value.shape) + hashlib.sha256(columns).digest()
    if isinstance(value, polars.Series):
        return b"ls" + _series(polars, value, encoder)
    return None


def _series(polars: Any, series: Any, encoder: Encodes) -> bytes:
    about = encoder.encode((series.name, str(series.dtype), len(series)))
    if series.dtype == polars.Object:
        return b"o" + about + encoder.sequence(series.to_list())
    # apart: what lies below a missing one, or at the end of a row of bits, may be anything
    missing = series.is_null().cast(polars.UInt8)
    known = series.drop_nulls().to_physical()
    numpy = sys.modules.get("numpy")
    if numpy is not None and str(known.dtype) in _POLARS_NUMBERS:
        parts = [_array(numpy, one.to_numpy(), encoder) for one in (missing, known)]
    else:
        parts = [_stream(polars, one) for one in (missing, series.drop_nulls())]
    return b"v" + about + hashlib.sha256(b"".join(parts)).digest()


def _stream(polars: Any, series: Any) -> bytes:
    sink = io.BytesIO()
    oldest = polars.CompatLevel.oldest()  # texts one after the other, not as references into what may be shared
    series.rechunk().to_frame().write_ipc_stream(sink, compression="uncompressed", compat_level=oldest)
    return hashlib.sha256(sink.getbuffer()).digest()


def _pyarrow(pyarrow: Any, value: Any, encoder: Encodes) -> bytes | None:
    if isinstance(value, pyarrow.Array | pyarrow.ChunkedArray):
        return b"aa" + _table(pyarrow, pyarrow.table({"": value}), encoder)
    if isinstance(value, pyarrow.RecordBatch):
        return b"ab" + _table(pyarrow, pyarrow.Table.from_batches([value]), encoder)
    if isinstance(value, pyarrow.Table):
        return b"at" + _table(pyarrow, value, encoder)
    return None


def _table(pyarrow: Any, table: Any, encoder: Encodes) -> bytes:
    """Encode a table as its stream, which says nothing of how it was cut into pieces."""
    total = hashlib.sha256()

    class Sink(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:
            total.update(data)
            return memoryview(data).nbytes

    with pyarrow.PythonFile(Sink(), mode="w") as sink, pyarrow.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table.combine_chunks())
    return encoder.encode(table.num_rows) + total.digest()


def _torch(torch: Any, value: Any, encoder: Encodes) -> bytes | None:
    if type(value) not in (torch.Tensor, torch.nn.Parameter) or value.layout is not torch.strided or value.is_quantized:
        return None
    here = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
    about = (str(value.dtype), tuple(value.shape), value.requires_grad, type(value).__name__)
    return b"tt" + encoder.encode(about) + hashlib.sha256(here).digest()


def _pydantic(pydantic: Any, value: Any, encoder: Encodes) -> bytes | None:
    if not isinstance(value, pydantic.BaseModel):
        return None
    state = dict(value.__getstate__())
    for name in ("__pydantic_fields_set__", "__fields_set__"):  # whether a value was given or is the default
        state.pop(name, None)
    return b"py" + encoder.encode(type(value)) + encoder.encode(state)


_LIBRARIES: dict[str, Callable[[Any, Any, Encodes], bytes | None]] = {
    "numpy": _numpy,
    "pandas": _pandas,
    "polars": _polars,
    "pyarrow": _pyarrow,
    "pydantic": _pydantic,
    "torch": _torch,
}
