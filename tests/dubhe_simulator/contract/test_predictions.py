from __future__ import annotations

from dubhe_simulator.contract.predictions import ImageResult, Prediction, results_in

INFO = {"ground_true": 1, "predict_code": "1", "conf": 0.25}


def test_images_of_the_platforms_format() -> None:
    [image] = results_in([{"img_path": "a.png", "info": [INFO, INFO]}])
    assert image == ImageResult("a.png", (Prediction("1", "1", 0.25),) * 2)
    assert image.labelled


def test_an_inference_may_answer_with_a_list_of_results() -> None:
    image = {"img_path": "a.png", "info": [{**INFO, "ground_true": ""}]}
    found = list(results_in([[image], [image]]))
    assert [(result.path, result.labelled) for result in found] == [("a.png", False)] * 2


def test_a_format_of_its_own_holds_no_images() -> None:
    for data in (None, 3, "x", {}, [], [1, None], {"info": 3}):
        assert list(results_in(data)) == []
    assert list(results_in({"info": [1]})) == [ImageResult("", ())]


def test_what_is_no_json_number_has_its_name() -> None:
    [image] = results_in({"info": [{**INFO, "special": {"x": [1e999, -1e999], "y": 1}}]})
    assert image.predictions[0].special == '{"x": ["Infinity", "-Infinity"], "y": 1}'
