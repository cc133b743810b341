"""A history of generated images for the discriminator (Shrivastava et al. 2017, arXiv:1612.07828, section 2.3)."""

import torch
from torch import Tensor


class ImagePool:
    """Holds up to `size` images; each query swaps about half of its images for earlier ones.

    As Zhu et al. 2017 (section 4) use it: 50 images, with probability 1/2 an earlier one. Draws come from torch's
    default CPU generator. Images of one pool have one shape.

    Args:
        size: images held; 0 passes all images through.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.images: list[Tensor] = []

    def query(self, images: Tensor) -> Tensor:
        """(N, C, H, W), detached -> as many, some of which are earlier ones; remembers the new ones."""
        if self.size == 0:
            return images
        return torch.stack([self._swap(image) for image in images])

    def _swap(self, image: Tensor) -> Tensor:
        if len(self.images) < self.size:
            self.images.append(image.clone())
            return image
        if torch.rand(()) < 0.5:
            return image
        place = int(torch.randint(self.size, ()))
        earlier, self.images[place] = self.images[place], image.clone()
        return earlier

    def state_dict(self) -> dict[str, list[Tensor]]:
        return {"images": self.images}

    def load_state_dict(self, state: dict[str, list[Tensor]]) -> None:
        self.images = list(state["images"])
