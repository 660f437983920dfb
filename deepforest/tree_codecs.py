"""Trees and bins in a model file."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from deepforest.bins import Bins
from deepforest.boosted import LINKS, BoostedTrees
from deepforest.codecs import (
    PLAIN,
    REAL,
    SWITCH,
    Codec,
    Json,
    Reader,
    Writer,
    array,
    choice,
    decode_fields,
    encode_fields,
    integer,
    record,
    sequence,
)
from deepforest.container import ModelFileError
from deepforest.frames import FrameEncoder
from deepforest.quantiles import LeafTargets
from deepforest.tree_checks import check_boosted, check_trees
from deepforest.trees import Trees

BINS = Codec(lambda bins, out: out.add_bins(bins), lambda node, source: source.bins_of(node))


def _trees_decode(node: Json, source: Reader) -> Trees:
    trees = Trees(**decode_fields(node, _TREES, source))
    check_trees(trees)
    return trees


_TREES = {
    "roots": array("int32", 1),
    "children_left": array("int32", 1),
    "feature": array("int32", 1),
    "code": array("uint8", 1),
    "missing_left": array("bool", 1),
    "leaf": array("int32", 1),
    # Shares of classes stood in float64 at first, then in float32.
    "leaf_values": array(("uint16", "float32", "float64"), 2),
    "left_sets": array("uint32", 2),
    "bins": BINS,
}
TREES = Codec(
    lambda trees, out: encode_fields({name: getattr(trees, name) for name in _TREES}, _TREES, out),
    _trees_decode,
)


def _boosted(**fields: Any) -> BoostedTrees:
    trees = BoostedTrees(**fields)
    check_boosted(trees)
    return trees


BOOSTED = record(
    _boosted,
    roots=array("int32", 1),
    left=array("int32", 1),
    right=array("int32", 1),
    feature=array("int32", 1),
    threshold=array("float64", 1),
    kind=array("uint8", 1),
    leaf_values=array("float64", 1),
    set_starts=array("int64", 1),
    set_words=array("uint32", 1),
    n_features=integer(at_least=1),
    n_outputs=integer(at_least=1),
    link=choice(LINKS),
    scale=REAL,
    average=SWITCH,
)


def encode_bins(tables: list[Bins]) -> Json:
    """Return the bins of all tables, and the arrays that they come to.

    Columns that share their thresholds, as the same column in every layer does, share them in the
    file too.
    """
    numbers: dict[int, int] = {}
    edges: list[NDArray[np.float32]] = []
    nodes = []
    for bins in tables:
        for own in bins.edges:
            if id(own) not in numbers:
                numbers[id(own)] = len(edges)
                edges.append(own)
        which = np.array([numbers[id(own)] for own in bins.edges], np.int64)
        nodes.append((which, bins.keeps_missing, bins.is_categorical))
    sizes = np.array([len(own) for own in edges], np.int64)
    values = np.concatenate([np.empty(0, np.float32), *edges])
    return values, sizes, nodes


def write_bins(out: Writer) -> Json:
    """Return the bins that a writer has collected."""
    values, sizes, tables = encode_bins(out.bins)
    return {
        "edges": out.add_array(values),
        "sizes": out.add_array(sizes),
        "tables": [[out.add_array(part) for part in table] for table in tables],
    }


def read_bins(node: Json, source: Reader) -> list[Bins]:
    """Return what `write_bins` was given."""
    table = sequence(integer(0), tuple)
    fields = {
        "edges": array("float32", 1),
        "sizes": array("int64", 1),
        "tables": sequence(table),
    }
    values, sizes, tables = decode_fields(node, fields, source).values()
    if (sizes < 0).any() or (sizes > 255).any() or sizes.sum() != len(values):
        raise ModelFileError("the thresholds of the columns are not as many as they say.")
    edges = np.split(values, np.cumsum(sizes)[:-1]) if len(sizes) else []
    result = []
    for numbers in tables:
        if len(numbers) != 3:
            raise ModelFileError("the bins of a table are not three arrays.")
        which = array("int64", 1).decode(numbers[0], source)
        flags = [array("bool", 1).decode(number, source) for number in numbers[1:]]
        if len(which) and (which.min() < 0 or which.max() >= len(edges)):
            raise ModelFileError("a column has thresholds that are not there.")
        if any(len(flag) != len(which) for flag in flags):
            raise ModelFileError("the bins of a table are of unequal lengths.")
        result.append(Bins(tuple(edges[w] for w in which.tolist()), *flags))
    return result


def _codes_decode(node: Json, source: Reader) -> dict[int, dict[Any, int]]:
    codes = PLAIN.decode(node, source)
    if not isinstance(codes, dict) or not all(
        type(column) is int
        and isinstance(of_column, dict)
        and all(type(code) is int and 0 <= code < 2**31 for code in of_column.values())
        for column, of_column in codes.items()
    ):
        raise ModelFileError("the categories are not named by column.")
    return codes


FRAME_ENCODER = record(FrameEncoder, categorical=PLAIN, codes=Codec(PLAIN.encode, _codes_decode))


def _leaf_targets_encode(kept: LeafTargets, out: Writer) -> Json:
    parts = (kept.weights.data, kept.weights.indices, kept.weights.indptr, kept.targets)
    return [out.add_array(part) for part in parts]


def _leaf_targets_decode(node: Json, source: Reader) -> LeafTargets:
    if not isinstance(node, list) or len(node) != 4:
        raise ModelFileError("the targets in the leaves are not four arrays.")
    weights = array("float64", 1).decode(node[0], source)
    rows, ends = (array("int32", 1).decode(number, source) for number in node[1:3])
    targets = array("float64", 2).decode(node[3], source)
    # What multiplies sparse matrices checks none of this.
    if (
        len(rows) != len(weights)
        or len(ends) == 0
        or ends[0] != 0
        or ends[-1] != len(rows)
        or bool((np.diff(ends) < 0).any())
    ):
        raise ModelFileError("leaves have other rows than weights.")
    if len(rows) and (rows.min() < 0 or rows.max() >= len(targets)):
        raise ModelFileError("a leaf has a row without a target.")
    shape = (len(ends) - 1, len(targets))
    return LeafTargets(csr_matrix((weights, rows, ends), shape=shape), targets)


LEAF_TARGETS = Codec(_leaf_targets_encode, _leaf_targets_decode)
