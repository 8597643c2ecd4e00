from __future__ import annotations

import inspect
import pickle
from collections.abc import Iterator
from typing import Any

import pytest

import dubhe_sdk
from dubhe_sdk.api import registry
from dubhe_sdk.contract.kind import TaskKind
from dubhe_sdk.errors import AppInvalid


@pytest.fixture(autouse=True)
def _nothing_marked() -> Iterator[None]:
    before = dict(registry._pipelines)
    registry._pipelines.clear()
    yield
    registry._pipelines.clear()
    registry._pipelines.update(before)


def found(kind: TaskKind) -> tuple[type, str, TaskKind, bool]:
    one = registry.find(kind)
    return one.cls, one.method, one.kind, one.all_ranks


class Plain:
    """Marked by a test, so that it can be pickled by name."""

    def train(self, ctx: Any) -> str:
        """Train."""
        return f"trained {ctx}"


def test_marking_changes_neither_class_nor_method() -> None:
    marked = dubhe_sdk.pipeline()(Plain)
    assert marked is Plain
    assert dubhe_sdk.train()(Plain.train) is Plain.train
    assert Plain().train(1) == "trained 1"
    assert Plain.train.__doc__ == "Train."
    assert list(inspect.signature(Plain.train).parameters) == ["self", "ctx"]
    assert isinstance(pickle.loads(pickle.dumps(Plain())), Plain)


def test_with_and_without_parentheses() -> None:
    @dubhe_sdk.pipeline
    class One:
        @dubhe_sdk.train
        def run(self, ctx: Any) -> None: ...

    assert found(TaskKind.TRAIN) == (One, "run", TaskKind.TRAIN, False)


def test_what_a_method_says_of_batches() -> None:
    @dubhe_sdk.pipeline()
    class Batched:
        @dubhe_sdk.inference(max_batch_size=16, max_wait_ms=2.5)
        def infer(self, contexts: list[dubhe_sdk.Context]) -> list[str]:
            return []

    batches = registry.find(TaskKind.INFER).batches
    assert batches is not None
    assert (batches.size, batches.wait_seconds) == (16, 0.0025)
    dubhe_sdk.inference(max_batch_size=1)(Batched.infer)
    assert registry.find(TaskKind.INFER).batches is None


@pytest.mark.parametrize(
    "given",
    [{"max_batch_size": size} for size in (0, -1, 4097, True, 2.0, "8")]
    + [{"max_batch_size": 2, "max_wait_ms": wait} for wait in (-1, 60_001, "5", None)],
)
def test_batches_that_cannot_be(given: dict[str, Any]) -> None:
    name = list(given)[-1]
    with pytest.raises(AppInvalid, match=f"has {name}={given[name]!r}, expected"):
        dubhe_sdk.inference(**given)


def test_one_class_with_several_methods() -> None:
    @dubhe_sdk.pipeline()
    class All:
        @dubhe_sdk.train()
        def one(self, ctx: Any) -> None: ...

        @dubhe_sdk.predict()
        def two(self, ctx: Any) -> None: ...

        @dubhe_sdk.inference()
        def three(self, ctx: Any) -> None: ...

    assert [registry.find(kind).method for kind in TaskKind] == ["one", "two", "three"]
    assert {registry.find(kind).cls for kind in TaskKind} == {All}
    assert registry.default_kind() is TaskKind.TRAIN


def test_one_class_per_kind() -> None:
    @dubhe_sdk.pipeline()
    class Predicts:
        @dubhe_sdk.predict()
        def run(self, ctx: Any) -> None: ...

    @dubhe_sdk.pipeline()
    class Infers:
        @dubhe_sdk.inference()
        def run(self, ctx: Any) -> None: ...

    assert registry.find(TaskKind.EVALUATE).cls is Predicts
    assert registry.find(TaskKind.INFER).cls is Infers
    assert registry.default_kind() is TaskKind.EVALUATE
    with pytest.raises(AppInvalid, match=r"no pipeline class has a method marked.*train"):
        registry.find(TaskKind.TRAIN)


def test_methods_of_a_base_class_static_and_class_methods_count() -> None:
    class Base:
        @dubhe_sdk.train()
        def run(self, ctx: Any) -> None: ...

    @dubhe_sdk.pipeline()
    class Derived(Base):
        @dubhe_sdk.predict()
        @staticmethod
        def judge(ctx: Any) -> None: ...

        @classmethod
        @dubhe_sdk.inference()
        def infer(cls, ctx: Any) -> None: ...

    assert [found(kind) for kind in TaskKind] == [
        (Derived, "run", TaskKind.TRAIN, False),
        (Derived, "judge", TaskKind.EVALUATE, False),
        (Derived, "infer", TaskKind.INFER, False),
    ]


def test_properties_are_not_run_by_the_search() -> None:
    @dubhe_sdk.pipeline()
    class Lazy:
        @property
        def model(self) -> Any:
            raise AssertionError("run by the search")

        @dubhe_sdk.train()
        def run(self, ctx: Any) -> None: ...

    assert registry.find(TaskKind.TRAIN).method == "run"


def test_no_class_at_all_names_what_to_do() -> None:
    with pytest.raises(AppInvalid, match=r"no class marked @dubhe_sdk.pipeline\(\)"):
        registry.find(TaskKind.TRAIN)
    assert registry.default_kind() is None


def test_a_class_without_marked_methods() -> None:
    dubhe_sdk.pipeline()(type("Empty", (), {}))
    with pytest.raises(AppInvalid, match="found: no marked methods"):
        registry.find(TaskKind.TRAIN)
    assert registry.default_kind() is None


def test_two_methods_of_one_kind_are_named() -> None:
    @dubhe_sdk.pipeline()
    class First:
        @dubhe_sdk.train()
        def one(self, ctx: Any) -> None: ...

    @dubhe_sdk.pipeline()
    class Second:
        @dubhe_sdk.train()
        def two(self, ctx: Any) -> None: ...

    with pytest.raises(AppInvalid) as caught:
        registry.find(TaskKind.TRAIN)
    for part in ("2 methods", "First.one", "Second.two", "expected one"):
        assert part in str(caught.value)


def test_a_class_of_the_script_is_preferred_to_imported_ones() -> None:
    @dubhe_sdk.pipeline()
    class Imported:
        @dubhe_sdk.train()
        def one(self, ctx: Any) -> None: ...

    class Own:
        @dubhe_sdk.train()
        def two(self, ctx: Any) -> None: ...

    Own.__module__ = "main"
    dubhe_sdk.pipeline()(Own)
    assert registry.find(TaskKind.TRAIN, "main").cls is Own
    with pytest.raises(AppInvalid, match="2 methods"):
        registry.find(TaskKind.TRAIN, "other")


def test_the_same_class_marked_again_takes_the_olds_place() -> None:
    def define() -> type:
        @dubhe_sdk.pipeline()
        class Cell:
            @dubhe_sdk.train()
            def run(self, ctx: Any) -> None: ...

        return Cell

    define()
    second = define()  # a notebook's cell that is run again
    assert registry.find(TaskKind.TRAIN).cls is second


@pytest.mark.parametrize("decorator", ["train", "predict", "inference"])
def test_async_methods_are_refused_with_what_to_do(decorator: str) -> None:
    async def run(ctx: Any) -> None: ...

    with pytest.raises(AppInvalid, match="run, an async method; expected a plain one"):
        getattr(dubhe_sdk, decorator)()(run)


def test_another_pipelines_mark_does_not_hide_a_subclass() -> None:
    @dubhe_sdk.pipeline()
    class Base:
        @dubhe_sdk.train()
        def run(self, ctx: Any) -> None: ...

    @dubhe_sdk.pipeline()
    class Other:
        @dubhe_sdk.inference()
        def run(self, ctx: Any) -> None: ...

    assert registry.find(TaskKind.TRAIN).cls is Base
    assert registry.find(TaskKind.INFER).cls is Other


@pytest.mark.parametrize("decorator", ["train", "predict", "inference"])
def test_generators_are_refused_with_what_to_do(decorator: str) -> None:
    def run(ctx: Any) -> Any:
        yield 1

    async def arun(ctx: Any) -> Any:
        yield 1

    with pytest.raises(AppInvalid, match=r"run, a generator: .* without `yield`"):
        getattr(dubhe_sdk, decorator)()(run)
    with pytest.raises(AppInvalid, match="arun, an async method"):
        getattr(dubhe_sdk, decorator)()(arun)
