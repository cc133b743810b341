"""Codes of one tensor and of several."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
import torch
from torch import Tensor

from trainer.methods.codes import map_codes


class Named(NamedTuple):
    mean: Tensor
    rest: tuple[Tensor, Tensor]


@dataclass(frozen=True)
class Styled:
    content: Tensor
    style: Named


def code(value: float) -> Styled:
    one = torch.tensor([value])
    return Styled(content=one, style=Named(mean=10 * one, rest=(100 * one, 1000 * one)))


def test_each_tensor_is_mapped_with_those_at_its_place():
    mixed = map_codes(lambda first, last: first + 2 * last, code(1), code(2))
    assert isinstance(mixed, Styled) and isinstance(mixed.style, Named)
    values = [mixed.content, mixed.style.mean, *mixed.style.rest]
    assert [value.item() for value in values] == [5, 50, 500, 5000]


def test_a_tensor_is_a_code():
    assert map_codes(torch.add, torch.tensor(1), torch.tensor(2)).item() == 3


def test_codes_of_other_forms_are_refused():
    with pytest.raises(ValueError, match="zip"):
        map_codes(torch.add, (torch.ones(1),), (torch.ones(1), torch.ones(1)))
    with pytest.raises(TypeError, match="this is a list"):
        map_codes(torch.neg, [torch.ones(1)])
