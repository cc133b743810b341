"""`engine.raw`: other keys of DeepSpeed, and which of them may be set."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, get_args

import deepspeed
import pytest
import torch
import tyro
from deepspeed.runtime.zero.config import DeepSpeedZeroConfig
from torch import nn

from sweeps.spaces.overrides import apply, as_flags
from tests.unit.config.test_config import changed
from trainer.config.deepspeed_keys import FREE, FREE_ZERO, REFUSED, REFUSED_ZERO, ZERO
from trainer.config.engine import EngineConfig
from trainer.config.errors import ConfigError
from trainer.engine.deepspeed_config import to_deepspeed
from trainer.runs.config import changed as changes
from trainer.runs.config import config_from_dict, config_to_dict

RAW = '{"zero_optimization": {"sub_group_size": 1e6, "reduce_scatter": false}}'


def test_every_key_of_zero_is_known_with_its_type_and_nothing_else():
    """What a new version of DeepSpeed adds is to be judged."""
    fields = DeepSpeedZeroConfig.model_fields
    theirs = {field.alias or name: field.annotation for name, field in fields.items()}
    assert {*FREE_ZERO, *REFUSED_ZERO} == set(theirs)
    assert not set(FREE_ZERO) & set(REFUSED_ZERO)
    for key, (kind, _) in FREE_ZERO.items():
        assert kind is theirs[key] or kind in get_args(theirs[key]), key


def test_the_other_keys_are_deepspeeds():
    """At the top its configuration is no model: each part reads its key, named in its constants or configuration."""
    root = Path(deepspeed.__file__).parent
    files = [path for pattern in ("*constants.py", "config*.py") for path in root.rglob(pattern)]
    read = set(re.findall(r"[\"'](\w+)[\"']", "\n".join(path.read_text() for path in files)))
    assert {*FREE, *REFUSED, ZERO} <= read
    assert not set(FREE) & set(REFUSED)


@pytest.mark.parametrize(
    ("raw", "stage", "message"),
    [
        ('{"zero_optimisation": {"sub_group_size": 1}}', 3, "no key zero_optimisation there; did you mean zero_opt"),
        ('{"zero_optimization": {"sub_group": 1}}', 3, "no key sub_group there; did you mean sub_group_size"),
        ('{"zero_optimization": {"stage": 2}}', 1, "stage cannot be set here: use engine.zero_stage"),
        ('{"train_batch_size": 8}', 1, "train_batch_size cannot be set here: portions of images are"),
        ('{"gradient_clipping": 1.0}', 1, "use engine.gradient_clipping"),
        ('{"fp16": {"enabled": true}}', 2, "engine.precision"),
        ('{"optimizer": {"type": "Adam"}}', 0, "the section `optimizer`"),
        ('{"zero_optimization": {"sub_group_size": 1}}', 2, "does nothing but at engine.zero_stage = 3"),
        ('{"prescale_gradients": true}', 0, "does nothing but at engine.zero_stage = 1"),
        ('{"zero_optimization": {"sub_group_size": 1.5}}', 3, "whole number"),
        ('{"zero_optimization": {"sub_group_size": true}}', 3, "whole number"),
        ('{"zero_optimization": {"reduce_scatter": 1}}', 3, "true or false"),
        ('{"gradient_predivide_factor": 0}', 1, "more than 0"),
        ('{"gradient_predivide_factor": 1e999}', 1, "out of range"),
        ('{"prescale_gradients": true, "prescale_gradients": false}', 1, "twice"),
        ("prescale_gradients", 1, "is no JSON"),
        ("[1]", 1, "is no JSON object"),
        ('{"zero_optimization": true}', 1, "is no JSON object"),
    ],
)
def test_what_cannot_be_set_is_refused_with_the_reason(raw: str, stage: int, message: str):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        changed(engine={"raw": raw, "zero_stage": stage})
    assert caught.value.name == "engine.raw"


def test_keys_are_merged_last():
    config = EngineConfig(raw=RAW, zero_stage=3, offload_optimizer=True)
    weights = [nn.Parameter(torch.zeros(3))]
    made = to_deepspeed(config, batch_size_per_gpu=1, dtype=torch.float32, weights=weights)
    assert made[ZERO]["sub_group_size"] == 1_000_000
    assert made[ZERO]["reduce_scatter"] is False
    assert made[ZERO]["stage"] == 3
    assert made[ZERO]["offload_optimizer"]["device"] == "cpu"


@pytest.mark.parametrize(
    "fields",
    [
        {"raw": RAW, "zero_stage": 3},
        {"overlap_comm": "on", "zero_stage": 1, "reduce_bucket_size": 1000},
        {"offload_optimizer": True, "offload_parameters": True, "zero_stage": 3, "overlap_comm": "off"},
        {"tf32": False, "initial_loss_scale": 1024.0, "loss_scale_window": 7, "contiguous_gradients": False},
    ],
)
def test_options_survive_a_file_flags_and_a_sweep(fields: dict[str, Any]):
    config = changed(engine=fields)
    assert config_from_dict(json.loads(json.dumps(config_to_dict(config)))) == config
    overrides = changes(config, since=changed())
    assert overrides == {f"engine.{name}": value for name, value in fields.items()}
    assert apply(changed(), overrides) == config
    flags = [flag.replace("--engine.", "--") for flag in as_flags(overrides)]
    assert tyro.cli(EngineConfig, args=flags, default=changed().engine) == config.engine


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"offload_optimizer": True}, "offload_optimizer"),
        ({"offload_parameters": True, "zero_stage": 2}, "offload_parameters"),
        ({"round_robin_gradients": True, "zero_stage": 3}, "round_robin_gradients"),
        ({"reduce_bucket_size": -1}, "reduce_bucket_size"),
        ({"initial_loss_scale": 0.5}, "initial_loss_scale"),
        ({"loss_scale_window": 0}, "loss_scale_window"),
    ],
)
def test_options_without_their_stage_or_out_of_bounds_are_refused(fields: dict[str, Any], name: str):
    with pytest.raises(ConfigError) as caught:
        changed(engine=fields)
    assert caught.value.name == f"engine.{name}"


def test_the_page_of_the_engine_has_every_option():
    page = (Path(__file__).parents[3] / "docs" / "engine.md").read_text()
    wanted = [
        *(f"`engine.{field.name}`" for field in dataclasses.fields(EngineConfig)),
        *(f"`{key}`" for key in FREE | FREE_ZERO),
    ]
    assert [name for name in wanted if name not in page] == []
