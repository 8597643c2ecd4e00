"""Stand-ins answer as the frameworks of their names do, measured with the real ones; numpy and
ml_dtypes are real.
"""

from __future__ import annotations

from typing import Any, NoReturn

import ml_dtypes
import numpy as np
import pytest

from dubhe_sdk.contract.numbers import to_number
from dubhe_sdk.contract.tensors import is_tensor, to_plain


class Dtype:
    def __init__(self, name: str) -> None:
        self._name = name

    def __str__(self) -> str:
        return self._name


class Paddle:
    """PaddlePaddle 3.3: raw bits of bfloat16 by tolist() and numpy(); item() of float8 raises."""

    def __init__(self, values: Any, dtype: str) -> None:
        self._values = np.asarray(values, getattr(ml_dtypes, dtype, dtype))
        self.dtype = Dtype(f"paddle.{dtype}")

    def numpy(self) -> Any:
        raw = {4: "float32", 2: "uint16", 1: "int8"}[self._values.dtype.itemsize]
        return self._values.view(raw)

    __array__ = numpy

    def tolist(self) -> Any:
        return self.numpy().tolist()

    def item(self) -> Any:
        if "float8" in str(self.dtype):
            raise NotImplementedError(f"(Unimplemented) Unsupported tensor data type: {self.dtype}")
        return self._values.item()

    def float(self) -> Paddle:
        return Paddle(self._values.astype("float32"), "float32")


class MindSpore:
    """MindSpore 2.10: item() and the like of bfloat16 end the process."""

    def __init__(self, values: Any, dtype: str) -> None:
        self._values = values
        self.dtype = Dtype(dtype)

    def _crash(self) -> NoReturn:
        raise SystemExit("Segmentation fault")

    def tolist(self) -> Any:
        return self._values if self.dtype._name != "BFloat16" else self._crash()

    asnumpy = numpy = __array__ = tolist

    def item(self) -> Any:
        (value,) = self.tolist()
        return value

    def float(self) -> MindSpore:
        return MindSpore(self._values, "Float32")


class TensorFlow:
    """TensorFlow 2.21: neither tolist() nor item() nor astype()."""

    def __init__(self, values: Any, dtype: Any) -> None:
        self._values = np.asarray(values, dtype)
        self.dtype = Dtype(f"<dtype: '{self._values.dtype}'>")

    def numpy(self) -> Any:
        return self._values[()]

    def __array__(self) -> Any:
        return self._values

    def __float__(self) -> float:
        return float(self._values)


class OnlyBits:
    """What gives no float32."""

    dtype = Dtype("lib.bfloat16")

    def __array__(self) -> Any:
        return np.array([16128], "uint16")


class ArrayOnly:
    def __array__(self) -> Any:
        return np.array([[3]])


HALVES: list[Any] = [
    *(np.array([0.5], getattr(ml_dtypes, name)) for name in ("bfloat16", "float8_e4m3fn")),
    np.array([0.5], ml_dtypes.float8_e5m2),
    np.array([0.5], ml_dtypes.float4_e2m1fn),
    *(Paddle([0.5], name) for name in ("bfloat16", "float8_e4m3fn", "float32")),
    *(MindSpore([0.5], name) for name in ("BFloat16", "Float32")),
    *(TensorFlow([0.5], dtype) for dtype in (ml_dtypes.bfloat16, ml_dtypes.float8_e5m2, "float32")),
]


def _id(value: Any) -> str:
    return f"{type(value).__name__} {value.dtype}"


@pytest.mark.parametrize("tensor", HALVES, ids=_id)
def test_the_value_and_never_its_bits(tensor: Any) -> None:
    assert is_tensor(tensor)
    assert to_plain(tensor) == [0.5]
    assert to_number(tensor) == 0.5
    assert to_number([tensor]) == 0.5


def test_scalars() -> None:
    for scalar in (ml_dtypes.bfloat16(0.5), TensorFlow(0.5, "float32"), np.float16(0.5)):
        assert to_plain(scalar) == to_number(scalar) == 0.5


def test_whole_numbers_stay_whole() -> None:
    for tensor in (TensorFlow([3], "int32"), np.array([3], ml_dtypes.int4), ArrayOnly()):
        assert to_number(tensor) == 3
        assert type(to_number(tensor)) is int
    assert to_plain(ArrayOnly()) == [[3]]
    assert to_plain(TensorFlow([1, 2], "int64")) == [1, 2]


def test_bits_without_a_float_are_no_numbers() -> None:
    with pytest.raises(TypeError, match=r"OnlyBits of lib\.bfloat16 has no float32"):
        to_plain(OnlyBits())
    assert to_number(OnlyBits()) is None


def test_several_values_are_no_number() -> None:
    for tensor in (TensorFlow([1, 2], "int32"), Paddle([1, 2], "bfloat16"), np.array([])):
        assert to_number(tensor) is None


@pytest.mark.parametrize("value", [None, 1, "1", [1], object(), np.float32, np.ndarray])
def test_what_is_no_tensor(value: Any) -> None:
    assert not is_tensor(value)
