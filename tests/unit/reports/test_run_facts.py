"""What the report tells of a run beside its scores: what it took, its data, and what is not its preset's."""

import json
import re
from dataclasses import replace

import pytest
from PIL import Image

from sharding.format.manifest_file import read_manifest, write_manifest
from trainer.presets import load_preset
from trainer.reports import page as pages
from trainer.reports.data_card import data_card
from trainer.reports.numbers import cost, processor_seconds, show_bytes
from trainer.reports.page import render_report
from trainer.reports.settings import read_settings
from trainer.runs.config import config_to_dict
from trainer.runs.machine import describe_ranks, note_machine, processor_name


def test_processor_seconds_are_those_of_all_lines() -> None:
    lines = [
        {"position": 1000, "time/processor_s": 0.5},
        {"position": 1000, "eval/psnr": 17.0},
        {"position": 3000, "time/processor_s": 0.25},
    ]
    assert processor_seconds(lines) == 1000 * 0.5 + 2000 * 0.25
    assert ("processor time of all ranks", "0:16:40, 1,000 s") in cost(lines, {})


def test_nothing_that_was_not_measured_is_told() -> None:
    assert cost([{"position": 1000, "loss/generator/l1": 1.0}], {}) == []


@pytest.mark.parametrize(
    ("number", "text"), [(999, "999 B"), (999_600, "1 MB"), (6_400_000, "6.4 MB"), (2e15, "2e+03 TB")]
)
def test_bytes_have_three_digits(number: float, text: str) -> None:
    assert show_bytes(number) == text


def test_each_kind_of_machine_is_noted_once(tiny_run, tmp_path) -> None:
    for machine in ("1 rank on a", "1 rank on a", "2 ranks on b"):
        note_machine(tiny_run, machine)
    assert tiny_run.record()["machines"] == ["1 rank on a", "2 ranks on b"]
    assert "2 ranks on b" in render_report(tiny_run)
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: A CPU: fast\n")
    assert processor_name(info) == "A CPU: fast"
    assert describe_ranks(2, gpu="A GPU") == "2 ranks, each on A GPU"
    assert describe_ranks(1).startswith("1 rank, ")


def test_the_data_card_is_of_the_manifest_only_if_it_is_the_run_s(tiny_run) -> None:
    folder = tiny_run.config().data.path
    card = dict(data_card(tiny_run, tiny_run.record()))
    tar = folder / "train" / "000000.tar"
    assert card["split train"] == f"5 samples, {show_bytes(tar.stat().st_size)} in 1 shard"
    assert card["view map"] == "32x32 pixels, 3 channels, uint8, png, shows the classes"
    assert card["3 classes"] == "sea, land, lake"
    write_manifest(folder, replace(read_manifest(folder), name="another"))
    other = dict(data_card(tiny_run, tiny_run.record()))
    assert "split train" not in other
    assert other["SHA-256 of dataset.json"] == tiny_run.record()["dataset_sha256"]


def test_fields_that_are_not_the_preset_s_are_marked() -> None:
    preset = load_preset("earth-relief2satellite")
    config = config_to_dict(replace(preset, train=replace(preset.train, seed=7)))
    config["train"]["mine"] = [1, 2]
    settings = read_settings({"preset": "earth-relief2satellite", "config": config})
    assert [(field.name, field.value, field.preset) for field in settings.differing] == [
        ("train.seed", "7", str(preset.train.seed)),
        ("train.mine", "[1, 2]", ""),
    ]
    assert settings.title == f"Configuration: 2 of {len(settings.fields)} fields are not as in the preset"


def test_a_preset_that_is_a_file_is_not_read(tmp_path) -> None:
    path = tmp_path / "preset.json"
    path.write_text("not even JSON")
    settings = read_settings({"preset": str(path), "config": {"train": {"seed": 7}}})
    assert settings.differing == []
    assert settings.title == "Configuration"


def test_the_page_has_room_for_any_pictures(tiny_run, monkeypatch) -> None:
    for position in (500, 1000, 2000):
        Image.effect_noise((160, 160), 90).convert("RGB").save(tiny_run.sample_file(position))
    Image.effect_noise((200, 100), 90).convert("RGB").save(tiny_run.evaluation_picture)
    whole = render_report(tiny_run)
    pictures = sum(map(len, re.findall('data:image/webp[^"]*', whole)))
    room = len(whole.encode()) - pictures // 2
    monkeypatch.setattr(pages, "MOST_BYTES", room)
    small = render_report(tiny_run)
    assert len(small.encode()) <= room
    assert small.count("data:image/webp") == 4


def test_parts_are_linked_and_only_those_that_are_there(tiny_run) -> None:
    tiny_run.metrics_file.write_text(json.dumps({"position": 500, "game/discriminator/score_real": 0.5}) + "\n")
    source = render_report(tiny_run)
    linked = re.findall('href="#([a-z-]+)"', source)
    there = re.findall('<section id="([a-z-]+)"', source)
    assert linked == there == ["scores", "doctor", "curves", "data", "go-on", "configuration"]
    assert "none of its alarms rang" in source


def test_the_worst_and_best_are_those_of_the_newest_scores_that_stand_for_the_run(tiny_run) -> None:
    def entry(key: str, evaluated: str) -> dict:
        worst, best = ({"key": f"{end} {key}", "place": 0, "value": value} for end, value in (("w", 9.5), ("b", 21.0)))
        extremes = {"eval/psnr": {"worst": [worst], "best": [best]}}
        scores = {"eval/psnr": 15.0}
        return {"position": 2000, "num_images": 2, "evaluated": evaluated, "scores": scores, "extremes": extremes}

    entries = {"val": entry("old", "2031-01-01"), "test": entry("new", "2031-01-02")}
    entries["test after 1000 images"] = entry("earlier", "2031-01-03")
    tiny_run.evaluation_file.write_text(json.dumps(entries))
    for end in ("worst", "best"):
        Image.new("RGB", (40, 30)).save(tiny_run.path / f"evaluation-{end}.png")
    source = render_report(tiny_run)
    assert "<h2>Worst images by PSNR</h2>" in source
    assert "<li>9.50 dB: w new</li>" in source
    assert "<li>21.00 dB: b new</li>" in source
    assert source.count("data:image/webp") == 2
