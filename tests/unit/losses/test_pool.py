"""The history of generated images."""

import torch

from trainer.losses.pool import ImagePool


def numbered(*numbers: int) -> torch.Tensor:
    return torch.tensor(numbers, dtype=torch.float32).reshape(-1, 1, 1, 1)


def test_a_pool_passes_images_through_until_it_is_full():
    pool = ImagePool(3)
    assert pool.query(numbered(1, 2, 3)).flatten().tolist() == [1, 2, 3]


def test_a_full_pool_swaps_about_half_for_earlier_ones():
    torch.manual_seed(0)
    pool = ImagePool(50)
    pool.query(numbered(*range(50)))
    out = pool.query(numbered(*range(100, 500))).flatten().tolist()
    swapped = [(new, old) for new, old in zip(range(100, 500), out, strict=True) if new != old]
    assert 160 < len(swapped) < 240
    assert all(old < new for new, old in swapped)
    assert len({old for _, old in swapped}) == len(swapped)  # what is given back has left the pool


def test_images_in_the_pool_are_copies():
    pool = ImagePool(1)
    image = numbered(1)
    pool.query(image)
    image.zero_()
    assert pool.images[0].item() == 1


def test_size_0_is_off():
    pool = ImagePool(0)
    images = numbered(1, 2)
    assert pool.query(images) is images
    assert pool.state_dict() == {"images": []}


def test_a_restored_pool_continues_as_the_first():
    first, second = ImagePool(4), ImagePool(4)
    first.query(numbered(1, 2, 3, 4))
    second.load_state_dict(first.state_dict())
    torch.manual_seed(0)
    expected = first.query(numbered(5, 6, 7, 8))
    torch.manual_seed(0)
    assert torch.equal(second.query(numbered(5, 6, 7, 8)), expected)
