"""Mutated model files: an error or an estimator that predicts, and nothing else.

Half of the mutants get right checksums, so that what reads the header, the values and the trees
meets them too. Crashes, endless loops (which end the run) and memory without bound are what is
looked for. `DEEPFOREST_FUZZ=10000` is the full run.
"""

import faulthandler
import json
import os
import resource
import struct
import warnings
import zlib

import model_kinds
import numpy as np
import pytest

import deepforest
from deepforest import ModelFileError

MUTANTS = int(os.environ.get("DEEPFOREST_FUZZ", "300"))
SECONDS = 120  # of one mutant, on a loaded machine
MOST_BYTES = 2**29

FILES = sorted(model_kinds.DATA.glob("v1_*.dforest"))

VALUES = [
    *(None, True, False, -1, 0, 1, 2, 3, 255, 256, 2**31 - 1, 2**31, -(2**31), 2**63, 10**40),
    *(0.5, -1.0, 1e308, "", "nan", "-inf", "x" * 50, "skops", "LGBMClassifier", "Binner"),
    *([], {}, [0], {"array": 0}, {"list": []}, {"tuple": [1]}, {"dict": [[1, 2]]}),
    *({"kind": "HistForestClassifier"}, {"real": "nan"}, {"splitter": ["KFold", {}]}),
    *({"generator": [0, 0, 0, 0.0]}, {"width": 5, "items": ["a"]}, [[[[[]]]]]),
]
DTYPES = ["bool", "uint8", "int32", "int64", "uint64", "float32", "float64", "object", "<U4"]


def parts_of(data):
    """Header and the bytes of each array with its padding."""
    (length,) = struct.unpack_from("<I", data, 12)
    header, at, arrays = json.loads(data[64 : 64 + length]), 64 + length, []
    for part in header["parts"]:
        itemsize = np.dtype(part["dtype"]).itemsize
        size = int(np.prod(part["shape"], dtype=np.int64)) * itemsize
        arrays.append(bytearray(data[at : at + size]))
        at += size + -size % 64
    return header, arrays


def file_of(header_text, arrays):
    """A file with right checksums of the header; those of the arrays stand in it."""
    text = header_text + b" " * (-len(header_text) % 64)
    checked = struct.pack("<II", 1, len(text))
    prefix = b"\x93DFOREST" + checked + struct.pack("<I", zlib.crc32(text, zlib.crc32(checked)))
    body = b"".join(bytes(a) + bytes(-len(a) % 64) for a in arrays)
    return prefix.ljust(64, b"\0") + text + body


def places_in(node, found):
    """Every place of a JSON document: (container, key)."""
    keys = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for key in keys:
        found.append((node, key))
        places_in(node[key], found)
    return found


def mutate_header(header, arrays, rng):
    places = places_in(header["content"], [])
    container, key = places[rng.integers(len(places))]
    match rng.integers(5):
        case 0:
            if isinstance(container, dict):
                del container[key]
            else:
                container.pop(key)
        case 1:  # a value from elsewhere in the file
            other, other_key = places[rng.integers(len(places))]
            container[key] = json.loads(json.dumps(other[other_key]))
        case 2 if isinstance(container[key], int):
            container[key] += int(rng.choice([-1, 1, 7, 1000, -1000]))
        case _:
            container[key] = VALUES[rng.integers(len(VALUES))]


def mutate_arrays(header, arrays, rng):
    """Change elements of an array, or swap its description."""
    number = rng.integers(len(arrays))
    part, data = header["parts"][number], arrays[number]
    itemsize = np.dtype(part["dtype"]).itemsize
    whole = part["dtype"] not in ("object", "<U4") and len(data) % itemsize == 0
    if data and whole and rng.random() < 0.8:
        values = np.frombuffer(data, part["dtype"])
        for _ in range(rng.integers(1, 4)):
            place = rng.integers(len(values))
            extreme = [-1, 0, 1, 2, 3, 7, 100, 255, -(2**31), 2**31 - 1, 2**62, len(values)]
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                new = np.array(rng.choice(np.array([*extreme, np.nan, np.inf]))).astype(
                    values.dtype
                )
                if values.dtype.kind in "iu" and rng.random() < 0.3:
                    new = values[place] + new
            values[place] = new
    elif rng.random() < 0.5:
        part["shape"] = [int(n) for n in rng.choice([0, 1, 2, 8, 2**31, 2**61], rng.integers(4))]
    else:
        part["dtype"] = str(rng.choice(DTYPES))
    part["crc32"] = zlib.crc32(data)


def right_mutant(data, rng):
    header, arrays = parts_of(data)
    for _ in range(rng.integers(1, 4)):
        (mutate_header if rng.random() < 0.5 else mutate_arrays)(header, arrays, rng)
    text = json.dumps(header).encode()
    if rng.random() < 0.2:
        text = bytearray(text)
        text[rng.integers(len(text))] = rng.integers(32, 127)
    return file_of(bytes(text), arrays)


def wrong_mutant(data, rng):
    data = bytearray(data)
    start = int(rng.integers(len(data)))
    length = int(rng.integers(1, 200))
    match rng.integers(5):
        case 0:
            return bytes(data[:start])
        case 1:
            data[start] ^= 1 << rng.integers(8)
        case 2:
            data[start : start + length] = rng.bytes(min(length, len(data) - start))
        case 3:
            data[start:start] = rng.bytes(length)
        case 4:
            del data[start : start + length]
    return bytes(data)


def predicted(path, X):
    """What came of a file: "refused", "predicts", or "does not fit" where X is not its kind."""
    try:
        with warnings.catch_warnings():
            # What a mutated tree says may be 0 / 0; scikit-learn warns of versions.
            warnings.simplefilter("ignore")
            model = deepforest.load(path)
            model_kinds.said(model, X)
    except ModelFileError:
        return "refused"
    except ValueError:
        return "does not fit"
    return "predicts"


@pytest.mark.parametrize("checksums", ["right", "wrong"])
def test_mutants(checksums, tmp_path):
    rng = np.random.default_rng(len(checksums))
    originals = [path.read_bytes() for path in FILES]
    rows = [np.load(path.with_suffix(".npz"))["X"] for path in FILES]
    path = tmp_path / "mutant"
    mutate = right_mutant if checksums == "right" else wrong_mutant
    for data, X in zip(originals, rows, strict=True):
        path.write_bytes(data)
        assert predicted(path, X) == "predicts"
    header, arrays = parts_of(originals[0])
    path.write_bytes(file_of(json.dumps(header).encode(), arrays))
    assert predicted(path, rows[0]) == "predicts"  # so the checksums are made right
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    outcomes = {"refused": 0, "does not fit": 0, "predicts": 0}
    for number in range(MUTANTS // 2):
        which = number % len(FILES)
        mutant = mutate(originals[which], rng)
        path.write_bytes(mutant)
        faulthandler.dump_traceback_later(SECONDS, exit=True)
        try:
            outcomes[predicted(path, rows[which])] += 1
        except BaseException as error:
            kept = tmp_path / f"mutant_{number}"
            kept.write_bytes(mutant)
            raise AssertionError(f"{FILES[which].name} as {kept}: {error!r}") from error
        finally:
            faulthandler.cancel_dump_traceback_later()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    assert grown < MOST_BYTES
    if checksums == "wrong":
        assert outcomes["predicts"] == outcomes["does not fit"] == 0
    else:
        assert outcomes["predicts"] > 0 and outcomes["refused"] > 0
        assert outcomes["does not fit"] < 0.05 * MUTANTS
