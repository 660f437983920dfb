"""Values of an estimator as JSON and arrays, and back: every value is checked when it comes back.

A codec is a pair of functions: `encode` gives what JSON can hold and hands arrays to a `Writer`;
`decode` takes that, and the arrays of a `Reader`, and raises a ModelFileError for anything that
`encode` does not give. No codec looks up a name of Python that it finds in a file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import signature
from math import isfinite
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn import model_selection

from deepforest.bins import Bins
from deepforest.container import DTYPES, ModelFileError, told_of

Json = Any

MAX_CHARACTERS = 2**24
"""Of an array of strings, all of the same width."""


class Writer:
    """Collects the arrays and bins of a model; each is kept once, however often it is met."""

    def __init__(self) -> None:
        self.arrays: list[NDArray[Any]] = []
        self.bins: list[Bins] = []
        self._numbers: dict[int, int] = {}  # of what is in the lists, by id

    def add_array(self, array: NDArray[Any]) -> int:
        """Return the number of an array."""
        return self._add(array, self.arrays)

    def add_bins(self, bins: Bins) -> int:
        """Return the number of the bins of some columns."""
        return self._add(bins, self.bins)

    def _add(self, thing: Any, things: list[Any]) -> int:
        if id(thing) not in self._numbers:
            self._numbers[id(thing)] = len(things)
            things.append(thing)  # and so keeps its id
        return self._numbers[id(thing)]


class Reader:
    """The arrays and bins of a file by their numbers, and which foreign types may be built."""

    def __init__(self, arrays: Sequence[NDArray[Any]], trusted: Sequence[str] = ()) -> None:
        self.arrays = arrays
        self.trusted = trusted
        self.bins: list[Bins] = []

    def array(self, number: Json) -> NDArray[Any]:
        """Return an array."""
        return self.arrays[_place(number, len(self.arrays))]

    def bins_of(self, number: Json) -> Bins:
        """Return the bins of some columns."""
        return self.bins[_place(number, len(self.bins))]


def _place(number: Json, n: int) -> int:
    if type(number) is not int or not 0 <= number < n:
        raise ModelFileError(f"{number!r:.200} is not the number of one of {n} things.")
    return number


class Codec(NamedTuple):
    """How a value is written, and how it is read and checked."""

    encode: Callable[[Any, Writer], Json]
    decode: Callable[[Json, Reader], Any]


def checked(accepts: Callable[[Any], bool], what: str, simplify: Callable[[Any], Any]) -> Codec:
    """Return the codec of values that JSON holds as they are."""

    def encode(value: Any, out: Writer) -> Json:
        try:
            simple = simplify(value)
        except (TypeError, ValueError):
            simple = value
        return decode(simple, None)

    def decode(node: Json, source: Any) -> Any:
        if not accepts(node):
            raise ModelFileError(f"{node!r:.200} is not {what}.")
        return node

    return Codec(encode, decode)


def integer(at_least: int = -(2**63), at_most: int = 2**63 - 1) -> Codec:
    """Return the codec of integers."""
    return checked(
        lambda value: type(value) is int and at_least <= value <= at_most,
        f"an integer from {at_least} to {at_most}",
        lambda value: value if isinstance(value, bool) else value.__index__(),
    )


def choice(accepted: Sequence[str]) -> Codec:
    """Return the codec of some strings."""
    return checked(
        lambda value: isinstance(value, str) and value in accepted,
        f"one of {', '.join(accepted)}",
        str,
    )


SWITCH = checked(lambda value: isinstance(value, bool), "true or false", bool)
TEXT = checked(lambda value: isinstance(value, str), "a text", str)


def _encode_real(value: Any, out: Writer) -> Json:
    number = float(value)
    return number if isfinite(number) else str(number)


def _decode_real(node: Json, source: Reader) -> float:
    if type(node) is float or (isinstance(node, str) and node in ("nan", "inf", "-inf")):
        return float(node)
    raise ModelFileError(f"{node!r:.200} is no real number.")


REAL = Codec(_encode_real, _decode_real)


def optional(codec: Codec) -> Codec:
    """Return the codec of None and what another one takes."""
    return Codec(
        lambda value, out: None if value is None else codec.encode(value, out),
        lambda node, source: None if node is None else codec.decode(node, source),
    )


def sequence(codec: Codec, kind: type = list) -> Codec:
    """Return the codec of lists (tuples) of what another one takes."""

    def decode(node: Json, source: Reader) -> Any:
        if not isinstance(node, list):
            raise ModelFileError(f"{node!r:.200} is no list.")
        items = []
        for place, item in enumerate(node):
            with told_of(f"[{place}]"):
                items.append(codec.decode(item, source))
        return kind(items)

    return Codec(lambda value, out: [codec.encode(item, out) for item in value], decode)


def record(make: Callable[..., Any], **fields: Codec) -> Codec:
    """Return the codec of an object with these attributes, which `make` builds it from."""

    def encode(value: Any, out: Writer) -> Json:
        return encode_fields({name: getattr(value, name) for name in fields}, fields, out)

    def decode(node: Json, source: Reader) -> Any:
        return make(**decode_fields(node, fields, source))

    return Codec(encode, decode)


def encode_fields(values: dict[str, Any], fields: dict[str, Codec], out: Writer) -> Json:
    """Return values by their names, each as its codec writes it."""
    node = {}
    for name, value in values.items():
        with told_of(name):
            node[name] = fields[name].encode(value, out)
    return node


def decode_fields(
    node: Json, fields: dict[str, Codec], source: Reader, may_lack: Sequence[str] = ()
) -> dict[str, Any]:
    """Return what `encode_fields` was given; a name that is missing or unknown is an error."""
    if not isinstance(node, dict):
        raise ModelFileError(f"{node!r:.200} has no names.")
    for name in node.keys() ^ fields.keys():
        if name not in may_lack:
            raise ModelFileError(f"{name!r:.200} is {'unknown' if name in node else 'missing'}.")
    values = {}
    for name, value in node.items():
        with told_of(name):
            values[name] = fields[name].decode(value, source)
    return values


def array(dtypes: str | tuple[str, ...], n_axes: int) -> Codec:
    """Return the codec of arrays of one dtype, or one of some, and one number of axes."""
    allowed = (dtypes,) if isinstance(dtypes, str) else dtypes

    def encode(value: Any, out: Writer) -> Json:
        return out.add_array(_expected(np.asarray(value)))

    def decode(node: Json, source: Reader) -> NDArray[Any]:
        return _expected(source.array(node))

    def _expected(value: NDArray[Any]) -> NDArray[Any]:
        if value.dtype not in [DTYPES[name] for name in allowed] or value.ndim != n_axes:
            raise ModelFileError(
                f"an array of {value.dtype} with {value.ndim} axes stands where "
                f"{' or '.join(allowed)} with {n_axes} axes is meant."
            )
        return value

    return Codec(encode, decode)


def _encode_any_array(value: NDArray[Any], out: Writer) -> Json:
    """Return the number of an array of numbers; the strings of an array of strings, as JSON."""
    if value.dtype.name in DTYPES:
        return out.add_array(value)
    if value.dtype.kind not in "OU" or value.ndim != 1:
        raise ModelFileError(
            f"an array of {value.dtype} with {value.ndim} axes cannot be in a model file: use "
            "numbers or texts."
        )
    width = value.dtype.itemsize // 4 if value.dtype.kind == "U" else None
    node = {"width": width, "items": [_encode_plain(item, out) for item in value]}
    _decode_texts(node, Reader(out.arrays))  # raises where it could not be read
    return node


def _decode_any_array(node: Json, source: Reader) -> NDArray[Any]:
    return _decode_texts(node, source) if isinstance(node, dict) else source.array(node)


def _decode_texts(node: Json, source: Reader) -> NDArray[Any]:
    fields = {"width": optional(integer(0, MAX_CHARACTERS)), "items": sequence(PLAIN)}
    width, items = decode_fields(node, fields, source).values()
    if width is None:
        result = np.empty(len(items), object)
        result[:] = items
        return result
    if width * len(items) > MAX_CHARACTERS or not all(
        isinstance(item, str) and len(item) <= width for item in items
    ):
        raise ModelFileError("an array holds other texts than it says, or too many.")
    return np.array(items, dtype=f"<U{width}")


ANY_ARRAY = Codec(lambda value, out: _encode_any_array(np.asarray(value), out), _decode_any_array)


# Splitters of scikit-learn, whose parameters are plain values.
SPLITTERS = {
    name: getattr(model_selection, name)
    for name in (
        "GroupKFold",
        "GroupShuffleSplit",
        "KFold",
        "LeaveOneGroupOut",
        "LeaveOneOut",
        "ShuffleSplit",
        "StratifiedGroupKFold",
        "StratifiedKFold",
        "StratifiedShuffleSplit",
        "TimeSeriesSplit",
    )
}


def _encode_plain(value: Any, out: Writer) -> Json:
    """Return a parameter: a number, a text, or a container, array, generator or splitter."""
    if value is None or isinstance(value, bool | str):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, np.generic):
        return _encode_plain(value.item(), out)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else {"real": str(float(value))}
    if isinstance(value, list | tuple):
        kind = "list" if isinstance(value, list) else "tuple"
        return {kind: [_encode_plain(item, out) for item in value]}
    if isinstance(value, dict):
        pairs = [[_encode_key(k, out), _encode_plain(v, out)] for k, v in value.items()]
        return {"dict": pairs}
    if isinstance(value, np.ndarray):
        return {"array": _encode_any_array(value, out)}
    if isinstance(value, np.random.RandomState):
        state: Any = value.get_state(legacy=False)
        if state["bit_generator"] == "MT19937":
            key, place = state["state"]["key"], int(state["state"]["pos"])
            gauss = [int(state["has_gauss"]), float(state["gauss"])]
            return {"generator": [out.add_array(key), place, *gauss]}
    if type(value) in SPLITTERS.values():
        names = [name for name in signature(type(value)).parameters if hasattr(value, name)]
        settings = {name: _encode_plain(getattr(value, name), out) for name in names}
        return {"splitter": [type(value).__name__, settings]}
    raise ModelFileError(
        f"{value!r:.200} cannot be in a model file, which holds numbers, texts, arrays and "
        "lists of them: change it with set_params, which leaves what is fitted as it is, or use "
        "joblib.dump."
    )


def _encode_key(key: Any, out: Writer) -> Json:
    node = _encode_plain(key, out)
    if isinstance(node, dict):
        raise ModelFileError(f"{key!r:.200} cannot be a key or category: use numbers or texts.")
    return node


def _decode_plain(node: Json, source: Reader) -> Any:
    if node is None or isinstance(node, bool | int | float | str):
        return node
    if isinstance(node, dict) and len(node) == 1:
        ((kind, value),) = node.items()
        if kind == "real" and isinstance(value, str):
            return _decode_real(value, source)
        if kind == "array":
            return _decode_any_array(value, source)
        if isinstance(value, list):
            if kind == "list":
                return [_decode_plain(item, source) for item in value]
            if kind == "tuple":
                return tuple(_decode_plain(item, source) for item in value)
            if kind == "dict":
                return _decode_dict(value, source)
            if kind == "generator" and len(value) == 4:
                return _decode_generator(value, source)
            if kind == "splitter" and len(value) == 2:
                return _decode_splitter(value, source)
    raise ModelFileError(f"{node!r:.200} is no value of a parameter.")


def _decode_dict(pairs: list[Json], source: Reader) -> dict[Any, Any]:
    result = {}
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or isinstance(pair[0], dict):
            raise ModelFileError(f"{pair!r:.200} is no entry of a dict.")
        result[_decode_plain(pair[0], source)] = _decode_plain(pair[1], source)
    return result


def _decode_generator(state: list[Json], source: Reader) -> np.random.RandomState:
    key, place = (
        array("uint32", 1).decode(state[0], source),
        integer(0, 624).decode(state[1], source),
    )
    gauss = integer(0, 1).decode(state[2], source), REAL.decode(state[3], source)
    if len(key) != 624:
        raise ModelFileError("the state of a random generator has another length than 624.")
    generator = np.random.RandomState(0)
    generator.set_state(("MT19937", key, place, *gauss))
    return generator


def _decode_splitter(value: list[Json], source: Reader) -> Any:
    name, settings = value
    kind = SPLITTERS.get(name) if isinstance(name, str) else None
    if kind is None or not isinstance(settings, dict):
        raise ModelFileError(f"{name!r:.200} is no splitter that is known.")
    if not settings.keys() <= signature(kind).parameters.keys():
        raise ModelFileError(f"{name} has other parameters than {list(settings)!r:.200}.")
    try:
        return kind(**{key: _decode_plain(item, source) for key, item in settings.items()})
    except (TypeError, ValueError) as error:
        raise ModelFileError(f"{name} does not take its parameters ({error}).") from None


PLAIN = Codec(_encode_plain, _decode_plain)
