"""What a run notes of the software that it began with."""

from trainer.runs.provenance import versions


def test_a_package_that_is_not_there_is_not_noted():
    assert list(versions(("nvidia-dali-cuda999", "torch"))) == ["torch"]


def test_dali_is_noted_by_the_name_of_its_wheel():
    assert [name for name in versions() if name.startswith("nvidia-dali-cuda")] != []
