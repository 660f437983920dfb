"""Eight numbers side by side: a vector register where compiled, a numpy array where not.

The functions below and the operators on what they return mean what numpy says they mean, which is
what runs without the compiler. With it each becomes one instruction of LLVM on a vector of eight,
so eight candidate features are searched in the time of one. LLVM's own search for such vectors in
plain code is switched off by numba, and where it is on it takes the wrong loops.
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core.cgutils import unpack_tuple
from numba.extending import lower_builtin, models, register_model, type_callable
from numpy.typing import NDArray

LANES = 8
# For reckoning with unsigned row numbers.
ONE, WIDE = np.uint64(1), np.uint64(LANES)
MANY = LANES * LANES  # bytes of the widest registers; elsewhere they are so many narrower ones

# Products may be fused with sums, as in numba's other code of the engine.
FLAGS = ("contract",)


@njit(nogil=True, cache=True)
def padded(n: int) -> int:
    """Return the next multiple of ``LANES``."""
    return (n + LANES - 1) // LANES * LANES


def load(array: NDArray[Any], start: int) -> NDArray[Any]:
    """Return eight entries of a flat array."""
    return array[start : start + LANES]


def store(array: NDArray[Any], start: int, lanes: NDArray[Any]) -> None:
    """Write eight entries, or 64, of a flat array."""
    array[start : start + len(lanes)] = lanes


def fill(x: Any) -> NDArray[Any]:
    """Return the same number eight times."""
    return np.full(LANES, x)


def load_many(array: NDArray[Any], start: int) -> NDArray[Any]:
    """Return 64 entries of a flat array."""
    return array[start : start + MANY]


def fill_many(x: Any) -> NDArray[Any]:
    """Return the same number 64 times."""
    return np.full(MANY, x)


def repeated(lanes: NDArray[Any]) -> NDArray[Any]:
    """Return eight numbers eight times, one after the other."""
    return np.tile(lanes, LANES)


def as_floats(lanes: NDArray[Any]) -> NDArray[np.float32]:
    """Return whole numbers as float32."""
    return lanes.astype(np.float32)


def low_halves(lanes: NDArray[np.uint64]) -> NDArray[np.int32]:
    """Return the lower 32 bits of numbers of 64."""
    return lanes.astype(np.int32)


def bits(mask: NDArray[np.bool_]) -> Any:
    """Return 64 truth values as the bits of one number, the first the lowest."""
    return np.packbits(mask, bitorder="little").view(np.uint64)[0]


def as_bytes(x: Any) -> NDArray[np.uint8]:
    """Return the bytes of a number of 64 bits, the lowest first."""
    return np.array([x], np.uint64).view(np.uint8)


def lowest_bit(x: Any) -> int:
    """Return the place of the lowest bit that is set."""
    return (int(x) & -int(x)).bit_length() - 1


def gather(flat: NDArray[Any], base: int, offsets: tuple[int, ...]) -> NDArray[Any]:
    """Return ``flat[base + o]`` for each of up to eight offsets, then zeros."""
    lanes = np.zeros(LANES, flat.dtype)
    lanes[: len(offsets)] = flat[np.asarray(offsets) + np.int64(base)]
    return lanes


def where(mask: NDArray[np.bool_], a: Any, b: NDArray[Any]) -> NDArray[Any]:
    """Return ``a``, lanes or a number, where ``mask`` holds and ``b`` elsewhere."""
    return np.where(mask, a, b)


def smaller(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the smaller code of each pair."""
    smallest: NDArray[Any] = np.minimum(a, b)
    return smallest


def larger(a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Return the larger code of each pair."""
    largest: NDArray[Any] = np.maximum(a, b)
    return largest


def largest(a: NDArray[Any]) -> Any:
    """Return the largest of eight real numbers."""
    return a.max()


def summed(a: NDArray[Any]) -> Any:
    """Return the sum of eight whole numbers, in their type."""
    return a.sum(dtype=a.dtype)


class LanesType(types.Type):
    """numba's type of eight numbers side by side, or of 64."""

    def __init__(self, dtype: Any, count: int = LANES) -> None:
        self.dtype = dtype
        self.count = count
        super().__init__(name=f"lanes({dtype}, {count})")


@register_model(LanesType)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, lanes: LanesType) -> None:
        element = manager.lookup(lanes.dtype).get_value_type()
        super().__init__(manager, lanes, ir.VectorType(element, lanes.count))


def _typed(function: Any, result: Callable[..., Any]) -> None:
    """Tell numba what ``function`` returns for arguments of given types; None if it takes none."""

    @type_callable(function)
    def typing(context: Any) -> Any:
        return result


def _is_lanes(*arguments: Any) -> bool:
    return all(isinstance(a, LanesType) for a in arguments)


def _shuffled(builder: Any, lanes: Any, places: list[int]) -> Any:
    """Return the numbers at some places of a vector."""
    mask = ir.Constant(ir.VectorType(ir.IntType(32), len(places)), places)
    return builder.shuffle_vector(lanes, ir.Constant(lanes.type, ir.Undefined), mask)


def _spread(builder: Any, x: Any, count: int) -> Any:
    """Return a vector of ``x`` so many times."""
    vector = ir.Constant(ir.VectorType(x.type, count), ir.Undefined)
    first = builder.insert_element(vector, x, ir.Constant(ir.IntType(32), 0))
    return _shuffled(builder, first, [0] * count)


def _as_lanes(context: Any, builder: Any, lanes: Any, kind: Any, x: Any) -> Any:
    """Return ``x`` as lanes of a type, a number as often as there are lanes."""
    if _is_lanes(kind):
        return x
    return _spread(builder, context.cast(builder, x, kind, lanes.dtype), lanes.count)


def _address(context: Any, builder: Any, signature: Any, arguments: Any, count: int) -> Any:
    """Return where some entries of an array stand; arguments are array, start, ..."""
    array = context.make_array(signature.args[0])(context, builder, arguments[0])
    start = context.cast(builder, arguments[1], signature.args[1], types.intp)
    element = context.get_value_type(signature.args[0].dtype)
    vector = ir.VectorType(element, count).as_pointer()
    return builder.bitcast(builder.gep(array.data, [start]), vector)


def _is_flat(array: Any) -> bool:
    return isinstance(array, types.Array) and array.ndim == 1 and array.layout == "C"


_typed(load, lambda array, start: LanesType(array.dtype) if _is_flat(array) else None)
_typed(store, lambda array, start, lanes: types.none if _is_flat(array) else None)
_typed(load_many, lambda array, start: LanesType(array.dtype, MANY) if _is_flat(array) else None)
_typed(fill, lambda x: LanesType(x))
_typed(fill_many, lambda x: LanesType(x, MANY))
_typed(repeated, lambda lanes: LanesType(lanes.dtype, MANY))
_typed(bits, lambda mask: types.uint64)
_typed(as_bytes, lambda x: LanesType(types.uint8) if x == types.uint64 else None)
_typed(lowest_bit, lambda x: types.int64)
_typed(as_floats, lambda lanes: LanesType(types.float32))
_typed(low_halves, lambda lanes: LanesType(types.int32))
_typed(gather, lambda flat, base, offsets: LanesType(flat.dtype) if _is_flat(flat) else None)
_typed(where, lambda mask, a, b: b)
_typed(largest, lambda a: a.dtype)
_typed(summed, lambda a: a.dtype if isinstance(a.dtype, types.Integer) else None)


@lower_builtin(load, types.Array, types.Integer)
@lower_builtin(load_many, types.Array, types.Integer)
def _lower_load(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    # Any address is good: arrays of numpy need not stand at multiples of a vector's size.
    count = signature.return_type.count
    return builder.load(_address(context, builder, signature, arguments, count), align=1)


@lower_builtin(store, types.Array, types.Integer, LanesType)
def _lower_store(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    count = signature.args[2].count
    builder.store(arguments[2], _address(context, builder, signature, arguments, count), align=1)
    return context.get_dummy_value()


@lower_builtin(fill, types.Number)
@lower_builtin(fill_many, types.Number)
def _lower_fill(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _spread(builder, arguments[0], signature.return_type.count)


@lower_builtin(repeated, LanesType)
def _lower_repeated(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _shuffled(builder, arguments[0], list(range(LANES)) * LANES)


@lower_builtin(bits, LanesType)
def _lower_bits(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], ir.IntType(MANY))


@lower_builtin(as_bytes, types.uint64)
def _lower_as_bytes(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.bitcast(arguments[0], context.get_value_type(signature.return_type))


@lower_builtin(lowest_bit, types.uint64)
def _lower_lowest_bit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.cttz(arguments[0], ir.Constant(ir.IntType(1), 0))


@lower_builtin(as_floats, LanesType)
def _lower_as_floats(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    cast = builder.sitofp if signature.args[0].dtype.signed else builder.uitofp
    return cast(arguments[0], context.get_value_type(signature.return_type))


@lower_builtin(low_halves, LanesType)
def _lower_low_halves(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return builder.trunc(arguments[0], context.get_value_type(signature.return_type))


@lower_builtin(gather, types.Array, types.Integer, types.UniTuple)
def _lower_gather(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    array_type, base_type, offsets_type = signature.args
    array = context.make_array(array_type)(context, builder, arguments[0])
    base = context.cast(builder, arguments[1], base_type, types.intp)
    element = context.get_value_type(array_type.dtype)
    lanes = ir.Constant(ir.VectorType(element, LANES), [ir.Constant(element, 0)] * LANES)
    for k, offset in enumerate(unpack_tuple(builder, arguments[2], len(offsets_type))):
        place = builder.add(base, context.cast(builder, offset, offsets_type.dtype, types.intp))
        x = builder.load(builder.gep(array.data, [place]))
        lanes = builder.insert_element(lanes, x, ir.Constant(ir.IntType(32), k))
    return lanes


@lower_builtin(where, LanesType, LanesType, LanesType)
@lower_builtin(where, LanesType, types.Number, LanesType)
def _lower_where(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    mask, a, b = arguments
    a = _as_lanes(context, builder, signature.return_type, signature.args[1], a)
    return builder.select(mask, a, b)


def _folded(builder: Any, lanes: Any, of_two: Callable[[Any, Any], Any]) -> Any:
    """Return what is left of eight numbers when two halves become one three times."""
    for half in (4, 2, 1):
        other = _shuffled(builder, lanes, [(k + half) % LANES for k in range(LANES)])
        lanes = of_two(lanes, other)
    return builder.extract_element(lanes, ir.Constant(ir.IntType(32), 0))


@lower_builtin(largest, LanesType)
def _lower_largest(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    def larger_one(a: Any, b: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", a, b), a, b)

    return _folded(builder, arguments[0], larger_one)


@lower_builtin(summed, LanesType)
def _lower_summed(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    return _folded(builder, arguments[0], builder.add)


def _give_arithmetic(sign: Any, of_floats: str, of_codes: str) -> None:
    def result(a: Any, b: Any) -> Any:
        if _is_lanes(a, b):
            return a if a == b else None
        if _is_lanes(a) and isinstance(b, types.Number):
            return a
        return b if _is_lanes(b) and isinstance(a, types.Number) else None

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        lanes = signature.return_type
        a, b = (
            _as_lanes(context, builder, lanes, kind, x)
            for kind, x in zip(signature.args, arguments, strict=True)
        )
        if isinstance(lanes.dtype, types.Float):
            return getattr(builder, of_floats)(a, b, flags=FLAGS)
        return getattr(builder, of_codes)(a, b)

    _typed(sign, result)
    for kinds in ((LanesType, LanesType), (types.Number, LanesType), (LanesType, types.Number)):
        lower_builtin(sign, *kinds)(lower)


def _give_comparison(sign: Any, name: str) -> None:
    def result(a: Any, b: Any) -> Any:
        return LanesType(types.boolean, a.count) if _is_lanes(a, b) and a == b else None

    @lower_builtin(sign, LanesType, LanesType)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if isinstance(signature.args[0].dtype, types.Float):
            return builder.fcmp_ordered(name, *arguments)
        compare = builder.icmp_signed if signature.args[0].dtype.signed else builder.icmp_unsigned
        return compare(name, *arguments)

    _typed(sign, result)


def _give_logic(sign: Any, name: str) -> None:
    @lower_builtin(sign, LanesType, LanesType)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return getattr(builder, name)(*arguments)

    _typed(sign, lambda a, b: a if _is_lanes(a, b) and a == b else None)


def _give_choice(function: Any, name: str) -> None:
    @lower_builtin(function, LanesType, LanesType)
    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.select(builder.icmp_unsigned(name, *arguments), *arguments)

    _typed(function, lambda a, b: a if _is_lanes(a, b) and a == b else None)


_give_arithmetic(operator.add, "fadd", "add")
_give_arithmetic(operator.sub, "fsub", "sub")
_give_arithmetic(operator.mul, "fmul", "mul")
_give_arithmetic(operator.truediv, "fdiv", "")
_give_arithmetic(operator.rshift, "", "lshr")
_give_comparison(operator.le, "<=")
_give_comparison(operator.lt, "<")
_give_comparison(operator.gt, ">")
_give_comparison(operator.eq, "==")
_give_comparison(operator.ne, "!=")
_give_logic(operator.and_, "and_")
_give_logic(operator.or_, "or_")
_give_choice(smaller, "<")
_give_choice(larger, ">")
