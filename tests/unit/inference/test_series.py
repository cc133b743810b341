"""Videos and volumes: as many pictures, at the same times and places, each translated by itself."""

from fractions import Fraction

import av
import nibabel
import numpy as np
import pytest

from launch.commands.translate import main

RATE = Fraction(30000, 1001)


def write_video(path, *, num=5, size=(50, 34)):
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=RATE)
        stream.width, stream.height = size
        for number in range(num):
            pixels = np.full((size[1], size[0], 3), 40 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def write_tone(path, codec):
    """Half a second of a video with a tone of 440 Hz."""
    tone = (np.sin(np.arange(8000) * 2 * np.pi * 440 / 16000) * 20000).astype(np.int16)
    with av.open(str(path), "w") as container:
        pictures, sound = container.add_stream("mpeg4", rate=10), container.add_stream(codec, rate=16000)
        pictures.width = pictures.height = 32
        sound.layout = "mono"
        for _ in range(5):
            black = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
            container.mux(pictures.encode(black))
        size = sound.frame_size or 1000
        for start in range(0, len(tone) - size + 1, size):
            frame = av.AudioFrame.from_ndarray(tone[None, start : start + size], format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 16000, start, Fraction(1, 16000)
            container.mux(sound.encode(frame))
        container.mux(pictures.encode(None))
        container.mux(sound.encode(None))


def packets(path):
    """What the first track of sound holds, undecoded, and when."""
    with av.open(str(path)) as container:
        if not container.streams.audio:
            return []
        found = [each for each in container.demux(container.streams.audio[0]) if each.dts is not None]
        return [(bytes(each), float(each.pts * each.time_base)) for each in found]


def frames(path):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoded = list(container.decode(stream))
        return stream.average_rate, [float(each.time or 0) for each in decoded], decoded[0].to_ndarray(format="rgb24")


@pytest.fixture
def call(tiny_run, tmp_path):
    (tmp_path / "in").mkdir()

    def run(*flags, expected=0):
        command = [str(tiny_run.path), "--in", str(tmp_path / "in"), "--out", str(tmp_path / "out"), *flags]
        assert main(command) == expected

    return run


@pytest.mark.parametrize("size", [(50, 34), (51, 33)])
def test_a_video_keeps_its_rate_times_and_size(call, tmp_path, size):
    even = tuple(side // 2 * 2 for side in size)
    write_video(tmp_path / "in" / "x.avi", size=even)
    call("--tile", "32", "--overlap", "0") if size == even else call()
    rate, times, first = frames(tmp_path / "out" / "x.mp4")
    wanted_rate, wanted_times, _ = frames(tmp_path / "in" / "x.avi")
    assert rate == wanted_rate == RATE
    assert times == pytest.approx(wanted_times, abs=1e-3)
    assert first.shape == (even[1], even[0], 3)


def test_the_sound_is_copied_as_it_is(call, tmp_path):
    write_tone(tmp_path / "in" / "x.mkv", "aac")
    call()
    wanted, made = packets(tmp_path / "in" / "x.mkv"), packets(tmp_path / "out" / "x.mp4")
    assert [content for content, _ in made] == [content for content, _ in wanted] != []
    assert [when for _, when in made] == pytest.approx([when for _, when in wanted], abs=2e-3)
    assert len(frames(tmp_path / "out" / "x.mp4")[1]) == 5


def test_sound_that_an_mp4_cannot_hold_is_told(call, tmp_path, capsys):
    write_tone(tmp_path / "in" / "x.avi", "pcm_mulaw")
    call()
    assert "x.avi lost 1 track of its sound (pcm_mulaw), which an MP4 cannot hold" in capsys.readouterr().out
    assert packets(tmp_path / "out" / "x.mp4") == []
    assert len(frames(tmp_path / "out" / "x.mp4")[1]) == 5


def test_a_damaged_video_is_told(call, tmp_path, capsys):
    (tmp_path / "in" / "x.mp4").write_bytes(b"no video at all")
    call(expected=1)
    assert "x.mp4 cannot be read" in capsys.readouterr().out
    assert not (tmp_path / "out" / "x.mp4").exists()


def test_a_volume_keeps_its_place_and_all_slices(call, tmp_path):
    affine = np.diag([0.5, 0.5, 2.0, 1.0])
    affine[:3, 3] = 7, 8, 9
    values = np.random.default_rng(0).integers(0, 256, (40, 36, 3), dtype=np.uint8)
    nibabel.save(nibabel.Nifti1Image(values, affine), tmp_path / "in" / "brain.nii.gz")
    call()
    made = nibabel.load(tmp_path / "out" / "brain.nii.gz")
    assert made.shape == (40, 36, 3, 1, 3)  # three colours are a vector
    np.testing.assert_array_equal(made.affine, affine)
    assert made.get_data_dtype() == np.uint8
    assert len({np.asarray(made.dataobj)[:, :, k].tobytes() for k in range(3)}) == 3


def test_values_of_another_kind_are_told(call, tmp_path, capsys):
    values = np.linspace(-1000, 1000, 32 * 32 * 2).reshape(32, 32, 2).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), tmp_path / "in" / "ct.nii")
    call(expected=1)
    assert "has values of float32" in capsys.readouterr().out
