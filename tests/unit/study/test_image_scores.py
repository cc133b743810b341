from trainer.study.answers import Answer
from trainer.study.statistics.images import rank_images


def answer(method: str, image: str, value: float, rival: str | None = None) -> Answer:
    protocol = "real-or-fake" if rival is None else "preference"
    return Answer(
        participant="p",
        protocol=protocol,
        part="counted",
        trial=0,
        method=method,
        rival=rival,
        image=image,
        value=value,
    )


def test_one_lucky_answer_does_not_put_an_image_first() -> None:
    lucky = [answer("a", "lucky", 1)]
    often = [answer("a", "often", float(place < 9)) for place in range(10)]
    never = [answer("a", "never", 0) for _ in range(10)]
    found = rank_images([*lucky, *often, *never])
    assert [score.image for score in found] == ["often", "lucky", "never"]
    assert [(score.mean, score.num_answers) for score in found] == [(0.9, 10), (1.0, 1), (0.0, 10)]
    # The method's mean is 10 of 21: (1 + 4 * 10 / 21) / 5.
    assert abs(found[1].pulled - (1 + 40 / 21) / 5) < 1e-12


def test_an_image_wins_for_one_method_what_it_loses_for_the_other() -> None:
    found = rank_images(
        [answer("b", "x", 1, rival="a"), answer("a", "x", 1, rival="b"), answer("a", "y", 0, rival="b")]
    )
    means = {(score.method, score.image): score.mean for score in found}
    assert means == {("a", "x"): 0.5, ("b", "x"): 0.5, ("a", "y"): 0.0, ("b", "y"): 1.0}
