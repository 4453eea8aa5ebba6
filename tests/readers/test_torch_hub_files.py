"""Architectures of libraries by files of settings; transformers, diffusers and monai are stood in for."""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

import rfcalc
from tests.calling import call

torch = pytest.importorskip("torch")

from rfcalc.readers.torch import hub_diffusers, hub_monai, hub_transformers  # noqa: E402  they need torch
from rfcalc.readers.torch.hub_files import offline  # noqa: E402
from rfcalc.readers.torch.hubs import of_hub  # noqa: E402

pytestmark = pytest.mark.torch


def put(path: Path, settings: Mapping[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(settings), encoding="utf-8")
    return path


# ---- stand-ins ---------------------------------------------------------------------------------------------


class Pretrained(torch.nn.Module):  # type: ignore[misc]  # torch may be absent
    main_input_name = "pixel_values"

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.config = config
        self.conv = torch.nn.Conv2d(config.num_channels, config.hidden_size, 3)

    @classmethod
    def _from_config(cls, config: Any) -> Any:
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        return cls(config)

    from_config = _from_config

    def forward(self, pixel_values: Any) -> Any:
        return self.conv(pixel_values)


class Headed(Pretrained):
    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.head = torch.nn.Conv2d(config.hidden_size, 5, 1)

    def forward(self, pixel_values: Any) -> Any:
        return self.head(self.conv(pixel_values))


class Config(SimpleNamespace):
    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Any:
        return cls(**{"num_channels": 3, "use_cache": True, **settings})


@pytest.fixture
def transformers(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("transformers")
    members = {
        "CONFIG_MAPPING": {"tiny": Config},
        "PreTrainedModel": Pretrained,
        "AutoModel": Pretrained,
        "TinyForPixels": Headed,
        "pipeline": print,
    }
    for name, member in members.items():
        setattr(library, name, member)
    monkeypatch.setitem(sys.modules, "transformers", library)


CODE = "which asks for code from outside of the library; rfcalc runs none of that"

TINY = {"model_type": "tiny", "hidden_size": 8, "image_size": 20}


@pytest.mark.parametrize("named", ["net/config.json", "net"])
def test_a_configuration_of_transformers(
    transformers: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """By its file or its folder: the class that it names, at the size of image that it says."""
    monkeypatch.chdir(tmp_path)
    put(tmp_path / "net/config.json", TINY | {"architectures": ["TinyForPixels"]})
    found = rfcalc.analyze(f"transformers:{named}")
    assert (found.name, found.inputs[0].shape) == ("Headed", (1, 3, 20, 20))
    assert found.totals.params.total == 3 * 9 * 8 + 8 + 8 * 5 + 5


def test_without_a_class_it_is_the_base_of_its_type(transformers: None, tmp_path: Path) -> None:
    file = put(tmp_path / "config.json", TINY)
    assert rfcalc.analyze(f"transformers:{file}").totals.params.total == 3 * 9 * 8 + 8


def test_how_it_is_run_is_left_out(transformers: None, tmp_path: Path) -> None:
    """What asks for kernels, weights of a part or quantisation is no part of the architecture."""
    asked = {
        "attn_implementation": "someone/kernel",
        "quantization_config": {},
        "use_pretrained_backbone": True,
    }
    module = of_hub(
        f"transformers:{put(tmp_path / 'config.json', TINY | asked | {'text_config': asked})}"
    ).module
    held = vars(module.config)
    assert held["text_config"] == {"use_pretrained_backbone": False}
    assert not {"attn_implementation", "quantization_config"} & set(held)
    assert (held["use_pretrained_backbone"], held["use_cache"]) == (False, False)
    assert next(module.parameters()).device.type == "meta"


@pytest.mark.parametrize(
    ("settings", "code", "message"),
    [
        (
            TINY | {"auto_map": {"AutoModel": "modeling.Net"}},
            3,
            f"has 'auto_map', {CODE}",
        ),
        (
            TINY | {"vision_config": {"trust_remote_code": True}},
            3,
            f"has 'trust_remote_code', {CODE}",
        ),
        (TINY | {"architectures": ["Other"]}, 3, "names 'Other', which is no model of transformers"),
        (TINY | {"architectures": ["pipeline"]}, 3, "names 'pipeline', which is no model of transformers"),
        (
            TINY | {"model_type": "tinny"},
            3,
            "has no 'model_type' that transformers knows: 'tinny'; did you mean 'tiny'?",
        ),
        ({}, 3, "has no 'model_type' that transformers knows: None"),
        ([], 3, "holds no settings: it is no object of JSON"),
        (
            {"model_type": "tiny", "hidden_size": 8},
            2,
            "its library says no input size: --input-shape 1,3,224,224",
        ),
    ],
    ids=str,
)
def test_what_is_refused_is_one_line(
    transformers: None, tmp_path: Path, settings: Any, code: int, message: str
) -> None:
    name = f"transformers:{put(tmp_path / 'config.json', settings)}"
    done = call("analyze", name)
    assert (done.exit_code, done.stderr) == (code, f"rfcalc: error: {name}: {message}\n")


def test_no_name_of_a_hub_is_looked_up(transformers: None) -> None:
    done = call("analyze", "transformers:google/vit-base-patch16-224")
    message = "transformers:google/vit-base-patch16-224: no such file or folder here; nothing is fetched"
    assert (done.exit_code, done.stderr) == (3, f"rfcalc: error: {message}\n")


def test_the_size_that_images_are_prepared_to(transformers: None, tmp_path: Path) -> None:
    file = put(tmp_path / "config.json", {"model_type": "tiny", "hidden_size": 8})
    put(tmp_path / "preprocessor_config.json", {"size": {"shortest_edge": 30}, "crop_size": 24})
    assert rfcalc.analyze(f"transformers:{file}").inputs[0].shape == (1, 3, 24, 24)


def test_offline_is_forgotten_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    constants = SimpleNamespace(HF_HUB_OFFLINE=False)
    monkeypatch.setitem(sys.modules, "huggingface_hub.constants", constants)
    with offline():
        assert (os.environ["HF_HUB_OFFLINE"], os.environ["TRANSFORMERS_OFFLINE"]) == ("1", "1")
        assert constants.HF_HUB_OFFLINE
    assert (os.environ["HF_HUB_OFFLINE"], os.environ.get("TRANSFORMERS_OFFLINE")) == ("0", None)
    assert not constants.HF_HUB_OFFLINE


# ---- what models are called with ---------------------------------------------------------------------------


def model(main: str, takes: str, **settings: Any) -> Any:
    """Stand in for a model of transformers: the arguments that it takes, and its configuration."""
    made: Any = torch.nn.Linear(1, 1, device="meta")
    forward: dict[str, Any] = {}
    exec(f"def forward({takes}): pass", forward)
    made.forward, made.main_input_name, made.config = forward["forward"], main, SimpleNamespace(**settings)
    return made


def shapes(example: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if example is None else {name: tuple(getattr(x, "shape", x)) for name, x in example.items()}


TEXT, IMAGE = "input_ids, attention_mask=None", "pixel_values"
WAVES, MEL = "input_values", "input_features"
BOTH = "input_ids=None, pixel_values=None"


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (model("input_ids", TEXT, max_position_embeddings=512), {"input_ids": (1, 128)}),
        (model("input_ids", TEXT, n_positions=40), {"input_ids": (1, 40)}),
        (model("input_ids", TEXT), {"input_ids": (1, 128)}),
        (
            model("input_ids", "input_ids, decoder_input_ids=None", is_encoder_decoder=True),
            {"input_ids": (1, 128), "decoder_input_ids": (1, 128)},
        ),
        (model("pixel_values", IMAGE, image_size=96, num_channels=1), {"pixel_values": (1, 1, 96, 96)}),
        (model("pixel_values", IMAGE, image_size=[96, 64]), {"pixel_values": (1, 3, 96, 64)}),
        (model("pixel_values", IMAGE, image_size=8, num_frames=4), {"pixel_values": (1, 4, 3, 8, 8)}),
        (
            model("pixel_values_videos", "pixel_values_videos", crop_size=64, frames_per_clip=16, in_chans=3),
            {"pixel_values_videos": (1, 16, 3, 64, 64)},
        ),
        (model("pixel_values", IMAGE), None),
        (
            model(
                "input_ids",
                BOTH,
                text_config=SimpleNamespace(max_position_embeddings=77),
                vision_config=SimpleNamespace(image_size=32),
            ),
            {"input_ids": (1, 77), "pixel_values": (1, 3, 32, 32)},
        ),
        (
            model(
                "input_ids",
                BOTH,
                text_config=SimpleNamespace(),
                vision_config=SimpleNamespace(),
                image_token_id=9,
            ),
            None,
        ),
        (model("input_values", WAVES, conv_kernel=[10, 3]), {"input_values": (1, 16000)}),
        (
            model("input_values", WAVES, sampling_rate=24000, audio_channels=2),
            {"input_values": (1, 2, 24000)},
        ),
        (model("input_values", WAVES, num_mel_bins=128, max_length=1024), {"input_values": (1, 1024, 128)}),
        (model("input_values", WAVES), None),
        (
            model("input_features", MEL, num_mel_bins=80, max_source_positions=1500),
            {"input_features": (1, 80, 3000)},
        ),
        (
            model("input_features", MEL, input_feat_per_channel=80, max_source_positions=6000),
            {"input_features": (1, 128, 80)},
        ),
        (model("past_values", "past_values"), None),
    ],
    ids=lambda each: str(getattr(each, "config", "")),
)
def test_what_models_of_transformers_are_called_with(module: Any, expected: Any) -> None:
    example = hub_transformers.example(ModuleType("transformers"), "none/config.json", module)
    assert shapes(example) == expected
    for name, each in (example or {}).items():
        assert name.endswith("_ids") == (getattr(each, "dtype", None) is torch.int64), "words are indices"


def diffusing(takes: str, **settings: Any) -> Any:
    name, _, takes = takes.rpartition(": ")
    made = model("", takes)
    made.__class__ = type(name or "Net", (torch.nn.Linear,), {})
    made.config = settings
    return made


UNET = "sample, timestep, encoder_hidden_states, class_labels=None, added_cond_kwargs=None"
LATENT = {"sample_size": 64, "in_channels": 4}
SDXL = {
    "addition_embed_type": "text_time",
    "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816,
}


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (
            diffusing("sample, sample_posterior=False", sample_size=32, in_channels=3),
            {"sample": (1, 3, 32, 32)},
        ),
        (
            diffusing("sample, timestep, class_labels=None", sample_size=[32, 16], in_channels=3),
            {"sample": (1, 3, 32, 16), "timestep": (1,)},
        ),
        (
            diffusing(UNET, **LATENT, cross_attention_dim=768),
            {"sample": (1, 4, 64, 64), "timestep": (1,), "encoder_hidden_states": (1, 77, 768)},
        ),
        (
            diffusing("hidden_states, timestep=None, class_labels=None", **LATENT, num_embeds_ada_norm=1000),
            {"hidden_states": (1, 4, 64, 64), "timestep": (1,), "class_labels": (1,)},
        ),
        (diffusing("hidden_states, img_ids", **LATENT), None),
        (
            diffusing("Net1D: sample, timestep", sample_size=4096, in_channels=2),
            {"sample": (1, 2, 4096), "timestep": (1,)},
        ),
        (diffusing("Net3D: sample", **LATENT), None),
        (diffusing("Net3D: sample", **LATENT, sample_frames=9), {"sample": (1, 4, 9, 64, 64)}),
        (diffusing("sample", in_channels=4), None),
    ],
    ids=lambda each: str(getattr(each, "config", "")),
)
def test_what_models_of_diffusers_are_called_with(module: Any, expected: Any) -> None:
    assert shapes(hub_diffusers.example(ModuleType("diffusers"), "", module)) == expected


def test_conditions_beside_a_prompt() -> None:
    module = diffusing(UNET, **LATENT, cross_attention_dim=2048, **SDXL)
    example = hub_diffusers.example(ModuleType("diffusers"), "", module)
    assert example is not None
    assert example["added_cond_kwargs"] == {"text_embeds": (1, 1280), "time_ids": (1, 6)}


# ---- diffusers ---------------------------------------------------------------------------------------------


class Mixin(torch.nn.Module):  # type: ignore[misc]  # torch may be absent
    @classmethod
    def from_config(cls, config: Any) -> Any:
        made = cls()
        made.config = config
        return made


class Coder(Mixin):
    def __init__(self) -> None:
        super().__init__()
        self.conv = torch.nn.Conv2d(3, 2, 3)

    def forward(self, sample: Any, sample_posterior: bool = False) -> Any:
        return self.conv(sample)


@pytest.fixture
def diffusers(monkeypatch: pytest.MonkeyPatch) -> None:
    library = ModuleType("diffusers")
    for name, member in {"ModelMixin": Mixin, "Coder": Coder, "SomePipeline": object}.items():
        setattr(library, name, member)
    monkeypatch.setitem(sys.modules, "diffusers", library)


def test_a_configuration_of_diffusers(diffusers: None, tmp_path: Path) -> None:
    file = put(tmp_path / "config.json", {"_class_name": "Coder", "in_channels": 3, "sample_size": 16})
    found = rfcalc.analyze(f"diffusers:{file}")
    assert (found.name, found.inputs[0].shape, found.totals.params.total) == ("Coder", (1, 3, 16, 16), 56)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"_class_name": "SomePipeline"},
            "has the '_class_name' 'SomePipeline', which is no model of diffusers; of a pipeline name the "
            "file of one part, such as unet/config.json",
        ),
        ({"_class_name": "os.system"}, "has the '_class_name' 'os.system', which is no model of diffusers"),
        ({}, "has the '_class_name' None, which is no model of diffusers"),
        (
            {"_class_name": "Coder", "custom_pipelines": {"a": 1}},
            f"has 'custom_pipelines', {CODE}",
        ),
    ],
    ids=str,
)
def test_what_is_no_model_of_diffusers(diffusers: None, tmp_path: Path, settings: Any, message: str) -> None:
    name = f"diffusers:{put(tmp_path / 'config.json', settings)}"
    done = call("analyze", name)
    assert (done.exit_code, done.stderr) == (3, f"rfcalc: error: {name}: {message}\n")


# ---- monai -------------------------------------------------------------------------------------------------


class Net(torch.nn.Module):  # type: ignore[misc]  # torch may be absent
    def __init__(self, spatial_dims: int, in_channels: int, features: Any = (2, 3), norm: str = "") -> None:
        super().__init__()
        kind = getattr(torch.nn, f"Conv{spatial_dims}d")
        self.one = kind(in_channels, features[0], 3)
        self.two = kind(*features, 3)

    def forward(self, x: Any) -> Any:
        return self.two(self.one(x))


@pytest.fixture
def monai(monkeypatch: pytest.MonkeyPatch) -> None:
    nets = ModuleType("monai.networks.nets")
    nets.Net, nets.helper = Net, print  # type: ignore[attr-defined]  # stands in
    for name in ("monai", "monai.networks"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "monai.networks.nets", nets)


def test_a_network_of_monai_with_its_arguments(monai: None) -> None:
    """Arguments are JSON, and what is not is text."""
    name = "monai:Net?spatial_dims=3&in_channels=1&features=[4,5]&norm=batch"
    found = rfcalc.analyze(name, input_shape=(1, 1, 9, 9, 9))
    assert found.totals.params.total == 27 * 4 + 4 + 4 * 27 * 5 + 5
    assert found.rows[-1].receptive_field == (5, 5, 5)


NETWORK = {"_target_": "monai.networks.nets.Net", "spatial_dims": 2, "in_channels": 1}


@pytest.mark.parametrize("named", ["", "configs/inference.json"])
def test_a_bundle_of_monai(monai: None, tmp_path: Path, named: str) -> None:
    """By its folder or its file, at the size that its metadata tell."""
    put(tmp_path / "configs/inference.json", {"network_def": NETWORK, "device": "$torch.device('cpu')"})
    told = {"inputs": {"image": {"num_channels": 1, "spatial_shape": [24, 16]}}}
    put(tmp_path / "configs/metadata.json", {"network_data_format": told})
    assert rfcalc.analyze(f"monai:{tmp_path / named}").inputs[0].shape == (1, 1, 24, 16)


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (
            NETWORK | {"features": "$[2, 3]"},
            "has an expression for 'features' ($[2, 3]), which rfcalc does not run; write its value",
        ),
        (
            NETWORK | {"features": [{"a": "@other"}]},
            "has an expression for 'features' (@other), which rfcalc does not run; write its value",
        ),
        ({"_target_": "Nett"}, "monai has no network 'Nett'; did you mean 'Net'?"),
        ({"_target_": "helper"}, "monai has no network 'helper'"),
        ({"_target_": "Net", "in_channels": 1}, "needs spatial_dims; say them as monai:Net?spatial_dims=..."),
        ({"spatial_dims": 2}, "has no 'network_def' with a '_target_'"),
        (
            NETWORK | {"depth": 2},
            "monai fails to build it: TypeError: Net.__init__() got an unexpected keyword argument 'depth'",
        ),
    ],
    ids=str,
)
def test_what_a_bundle_cannot_have(monai: None, tmp_path: Path, network: Any, message: str) -> None:
    name = f"monai:{put(tmp_path / 'net.json', {'network_def': network})}"
    done = call("analyze", name, "--input-shape", "1,1,9,9")
    assert (done.exit_code, done.stderr) == (3, f"rfcalc: error: {name}: {message}\n")


def test_the_size_that_the_arguments_tell(monai: None) -> None:
    said = {"img_size=[32,16]&in_channels=2": (1, 2, 32, 16), "img_size=8&in_channels=1": (1, 1, 8, 8, 8)}
    for arguments, shape in said.items():
        assert hub_monai.example(ModuleType("monai"), f"Net?{arguments}", None) == shape


# ---- the libraries themselves ------------------------------------------------------------------------------

REAL = {
    "transformers": (
        {
            "model_type": "vit",
            "architectures": ["ViTForImageClassification"],
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
            "image_size": 64,
        },
        {
            "model_type": "bert",
            "vocab_size": 100,
            "hidden_size": 32,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "intermediate_size": 64,
        },
    ),
    "diffusers": (
        {
            "_class_name": "UNet2DModel",
            "sample_size": 32,
            "block_out_channels": [32, 64],
            "down_block_types": ["DownBlock2D", "AttnDownBlock2D"],
            "up_block_types": ["AttnUpBlock2D", "UpBlock2D"],
            "layers_per_block": 1,
            "norm_num_groups": 8,
        },
    ),
    "monai": (
        {
            "_target_": "SegResNet",
            "spatial_dims": 2,
            "init_filters": 8,
            "in_channels": 1,
            "out_channels": 2,
            "img_size": 1,
        },
    ),
}


@pytest.mark.parametrize(
    ("library", "settings"), [(name, each) for name, some in REAL.items() for each in some], ids=str
)
def test_the_library_itself_counts_the_same(library: str, settings: dict[str, Any], tmp_path: Path) -> None:
    if find_spec(library) is None:
        pytest.skip(f"needs {library}")
    importlib.import_module(library)
    settings = {key: each for key, each in settings.items() if library != "monai" or key != "img_size"}
    name = f"{library}:{put(tmp_path / 'config.json', settings)}"
    shape = (1, 1, 32, 32) if library == "monai" else None
    found = rfcalc.analyze(name, **({"input_shape": shape} if shape else {}))
    assert found.totals.params.total == sum(each.numel() for each in of_hub(name).module.parameters())
    assert {row.status for row in found.rows} == {"exact"}


# ---- a scan ------------------------------------------------------------------------------------------------

LIBRARY = """
import torch

class ModelMixin(torch.nn.Module):
    pass

class Coder(ModelMixin):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.conv = torch.nn.Conv2d(3, config["width"], 3)

    @classmethod
    def from_config(cls, config):
        return cls(config)

    def forward(self, sample):
        return self.conv(sample)
"""


def test_a_scan_of_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is known by the library's version and by what it holds."""
    (tmp_path / "site/diffusers").mkdir(parents=True)
    (tmp_path / "site/diffusers/__init__.py").write_text(LIBRARY, encoding="utf-8")
    (tmp_path / "site/diffusers-1.0.dist-info").mkdir()
    (tmp_path / "site/diffusers-1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: diffusers\nVersion: 1.0\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"), prepend=":")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "diffusers", raising=False)
    base = {"_class_name": "Coder", "in_channels": 3, "sample_size": 8}
    for name, width in (("a", 2), ("b", 3)):
        put(tmp_path / name / "config.json", base | {"width": width})
    put(tmp_path / "c/config.json", {"_class_name": "None"})
    pattern, catalogue = f"diffusers:{tmp_path}/?", tmp_path / "catalogue.db"
    first = rfcalc.scan(pattern, catalogue, workers=1)
    assert (first.models, len(first.failures)) == (2, 1)
    put(tmp_path / "b/config.json", base | {"width": 4})
    assert rfcalc.scan(pattern, catalogue, workers=1).unchanged == 2
    params = rfcalc.query(catalogue, "SELECT params FROM models ORDER BY path").rows
    assert params == ((2 * 28,), (4 * 28,))
    sys.modules.pop("diffusers", None)
