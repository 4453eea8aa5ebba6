"""Which PyTorch models the zoo holds: how each is built, and what it is called with."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Inputs = tuple[tuple[int, ...], ...]
"""Shapes of the inputs, batch included."""


class Model(NamedTuple):
    """One model.

    Parameters
    ----------
    name : str
        The library, a slash, and what the library calls it.
    build : callable
        Makes the module, with weights as the library draws them.
    inputs : tuple of tuple of int
        Shapes of its inputs.
    words : int
        The size of its vocabulary where its input holds indices; 0 where it holds numbers.
    small : bool
        So small that dependence is measured by running it.
    """

    name: str
    build: Callable[[], Any]
    inputs: Inputs
    words: int = 0
    small: bool = False


def models() -> Iterator[Model]:
    """Yield all models."""
    yield from _timm()
    yield from _torchvision()
    yield from _segmentation()
    yield from _monai()
    yield from _diffusers()
    yield from _transformers()


# ---- timm --------------------------------------------------------------------------------------------------

TIMM = """
beit_base_patch16_224 botnet26t_256 eca_halonext26ts sehalonet33ts mobileone_s3 repvgg_b0
resnet50_clip_gap seresnext26ts cait_s24_224 cait_xxs24_224 coat_lite_tiny coat_tiny convit_small
convit_tiny convmixer_768_32 convnext_atto convnext_tiny convnextv2_tiny cpubone_b0_bfrobust cpubone_t0
crossvit_15_240 crossvit_tiny_240 csatv2 cs3darknet_focus_m cspdarknet53 darknet17 sedarknet21
cspnext_tiny davit_tiny deit_tiny_patch16_224 densenet121 densenetblur121d dla102 dla60x_c dpn68 dpn98
edgenext_small_rw edgenext_xx_small efficientformer_l1 efficientformer_l3 efficientformerv2_s0
efficientformerv2_s1 efficientnet_b0 mobilenet_edgetpu_v2_m tinynet_e efficientvim_m1 efficientvim_m3
efficientvit_b0 efficientvit_b3 efficientvit_m0 efficientvit_m3 efficientvit_m5 vit_base_patch16_dinov3
vit_base_patch16_rope_reg1_gap_256 vit_small_patch16_dinov3_qkvb vit_tiny_patch16_dinov3_qkvb
fasternet_m fasternet_t0 fasternet_t2 fastvit_mci2 fastvit_s12 fastvit_sa36 fastvit_t8
focalnet_small_srf focalnet_tiny_srf gcvit_tiny gcvit_xxtiny ghostnet_050 ghostnetv2_160 hardcorenas_a
hardcorenas_d hgnetv2_b2 hiera_small_224 hiera_tiny_224 sam2_hiera_small sam2_hiera_tiny hrnet_w18
iformer_m iformer_t inception_next_atto inception_next_tiny inception_resnet_v2 inception_v3
inception_v4 lcnetv2_base lcnetv2_small levit_128 levit_conv_128 lowformer_b0 lowformer_b3
mambaout_femto mambaout_tiny coatnet_0_224 coatnet_bn_0_rw_224 maxxvitv2_rmlp_base_rw_224
poolformerv2_s36 gmixer_12_224 gmlp_s16_224 resmlp_12_224 fbnetv3_b lcnet_100 mobilenetv4_conv_aa_medium
mobilenetv4_conv_small_050 tf_mobilenetv3_small_minimal_100 mobilenetv5_300m mobilevit_s mobilevitv2_100
mvitv2_small mvitv2_tiny nest_small_jx nest_tiny_jx nextvit_small nfnet_l0 pit_ti_224
pit_xs_distilled_224 pvt_v2_b0 pvt_v2_b2_li qwen3_vit_88m_merge rdnet_tiny regnetv_040 regnetx_032
regnety_006 repghostnet_050 repghostnet_111 repvit_m0_9 repvit_m1_5 res2net50_26w_6s res2next50
resnest26d resnest50d_4s2x40d resnetblur101d resnetv2_101 resnetv2_34 resnetv2_50d_frn rexnet_100
rexnetr_100 selecsls42 selecsls60 legacy_seresnet34 legacy_seresnext50_32x4d sequencer2d_s shvit_s1
shvit_s3 skresnet18 skresnet50 starnet_s050 starnet_s150 swiftformer_s swiftformer_xs swin_s3_tiny_224
swin_tiny_patch4_window7_224 swinv2_base_window8_256 swinv2_tiny_window8_256 swinv2_cr_small_ns_224
swinv2_cr_tiny_ns_224 tiny_vit_11m_224 tiny_vit_5m_224 tnt_s_legacy_patch16_224 tnt_s_patch16_224
tresnet_m twins_svt_small vgg11 vgg16 vgg19_bn visformer_small visformer_tiny
vit_xsmall_patch16_clip_224 vit_tiny_r_s16_p8_224 vit_relpos_base_patch16_224
vit_relpos_medium_patch16_224 vit_relpos_small_patch16_224 vit_srelpos_small_patch16_224
samvit_base_patch16_224 vitamin_small_224 volo_d1_224 eca_vovnet39b ese_vovnet39b_evos vovnet57a
legacy_xception xception41 xception65 xcit_nano_12_p8_224 xcit_tiny_12_p8_224
"""

TIMM_SMALL = {  # input sizes at which running the model a hundred times is cheap
    "resnet10t": 64,
    "mobilenetv3_small_050": 64,
    "lcnet_035": 64,
    "tinynet_e": 64,
    "ghostnet_050": 64,
    "repghostnet_050": 64,
    "mobileone_s0": 64,
    "regnetx_002": 64,
    "edgenext_xx_small": 64,
    "convnext_zepto_rms": 64,
    "convnext_atto": 64,
    "poolformerv2_s12": 64,
    "mobilevit_xxs": 64,
    "mobilevitv2_050": 64,
    "pvt_v2_b0": 64,
    "xcit_nano_12_p16_224": 64,
    "levit_128s": 224,
    "coat_lite_tiny": 224,
    "gcvit_xxtiny": 224,
    "maxvit_rmlp_pico_rw_256": 256,
    "nest_tiny": 224,
    "vit_tiny_patch16_224": 64,
    "deit_tiny_patch16_224": 64,
    "swin_tiny_patch4_window7_224": 112,
    "efficientvit_b0": 64,
    "starnet_s050": 64,
    "fasternet_t0": 64,
    "hrnet_w18_small": 64,
    "mixnet_s": 64,
    "shvit_s1": 64,
}

_SIZED = ("vit", "deit", "swin", "maxvit", "nest", "gcvit", "xcit", "levit", "coat")
"""Families that are told the size of their images when they are built."""


def _timm() -> Iterator[Model]:
    def make(name: str, **settings: Any) -> Callable[[], Any]:
        return lambda: importlib.import_module("timm").create_model(name, **settings)

    for name in TIMM.split():
        yield Model(f"timm/{name}", make(name), (_size_of(name),))
    for name, size in TIMM_SMALL.items():
        tells = name.startswith(_SIZED) and size not in {224, 256}
        settings = {"img_size": size} if tells and not name.startswith(("xcit", "levit", "coat")) else {}
        yield Model(f"timm/{name}@{size}", make(name, **settings), ((1, 3, size, size),), small=True)


def _size_of(name: str) -> tuple[int, ...]:
    config = importlib.import_module("timm").get_pretrained_cfg(name, allow_unregistered=True)
    return (1, *config.input_size) if config is not None else (1, 3, 224, 224)


# ---- torchvision -------------------------------------------------------------------------------------------

TORCHVISION = """
alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5
mobilenet_v2 mobilenet_v3_small regnet_x_400mf regnet_y_400mf resnet18 resnet50 resnext50_32x4d
shufflenet_v2_x1_0 squeezenet1_0 squeezenet1_1 swin_t swin_v2_t vgg11 vgg16_bn vit_b_16
"""


SEGMENTERS = ("fcn_resnet50", "deeplabv3_resnet50", "lraspp_mobilenet_v3_large")


def _torchvision() -> Iterator[Model]:
    def make(name: str) -> Callable[[], Any]:
        return lambda: importlib.import_module("torchvision").models.get_model(
            name, weights=None, **({"weights_backbone": None} if name in SEGMENTERS else {})
        )

    for name in TORCHVISION.split():
        size = 299 if name == "inception_v3" else 224
        yield Model(f"torchvision/{name}", make(name), ((1, 3, size, size),))
    for name in SEGMENTERS:
        yield Model(f"torchvision/{name}", make(name), ((1, 3, 224, 224),))
    for name in ("r3d_18", "mc3_18", "r2plus1d_18"):
        yield Model(f"torchvision/{name}", make(name), ((1, 3, 8, 112, 112),))
    for name in ("s3d", "mvit_v1_b", "mvit_v2_s", "swin3d_t"):
        yield Model(f"torchvision/{name}", make(name), ((1, 3, 16, 224, 224),))


# ---- segmentation ------------------------------------------------------------------------------------------

HEADS = "Unet UnetPlusPlus MAnet Linknet FPN PSPNet PAN DeepLabV3 DeepLabV3Plus UPerNet"


def _segmentation() -> Iterator[Model]:
    def make(head: str, encoder: str) -> Callable[[], Any]:
        def build() -> Any:
            package = importlib.import_module("segmentation_models_pytorch")
            return getattr(package, head)(encoder, encoder_weights=None)

        return build

    for head in HEADS.split():
        for encoder in ("resnet18", "timm-mobilenetv3_small_minimal_100"):
            if (head, encoder) != ("PAN", "timm-mobilenetv3_small_minimal_100"):
                yield Model(f"smp/{head}-{encoder}", make(head, encoder), ((1, 3, 128, 128),))
    for encoder in ("mit_b0", "efficientnet-b0", "densenet121", "mobileone_s0", "vgg11"):
        yield Model(f"smp/Unet-{encoder}", make("Unet", encoder), ((1, 3, 128, 128),))
    yield Model("smp/Segformer-mit_b0", make("Segformer", "mit_b0"), ((1, 3, 128, 128),))


def _monai() -> Iterator[Model]:
    def make(name: str, *args: Any, **settings: Any) -> Callable[[], Any]:
        return lambda: getattr(importlib.import_module("monai.networks.nets"), name)(*args, **settings)

    flat, deep = ((1, 1, 64, 64),), ((1, 1, 32, 32, 32),)
    unet = {"in_channels": 1, "out_channels": 2}
    three = {"channels": (4, 8, 16), "strides": (2, 2)}
    batch = {"norm": "batch"}
    found = {
        "UNet": (make("UNet", 2, 1, 2, **three, num_res_units=1, norm="batch"), flat),
        "UNet3d": (make("UNet", 3, 1, 2, **three, norm="batch"), deep),
        "BasicUNet": (make("BasicUNet", 2, features=(4, 4, 8, 8, 16, 4), **batch), flat),
        "BasicUNetPlusPlus": (make("BasicUNetPlusPlus", 2, features=(4, 4, 8, 8, 16, 4)), flat),
        "AttentionUnet": (make("AttentionUnet", 2, 1, 2, **three), flat),
        "DynUNet": (make("DynUNet", 2, 1, 2, [3] * 3, [1, 2, 2], [2, 2]), flat),
        "SegResNet": (make("SegResNet", 2, 8, 1, 2), flat),
        "VNet": (make("VNet", 3, 1, 2), deep),
        "UNETR": (
            make("UNETR", **unet, img_size=32, feature_size=4, hidden_size=24, mlp_dim=32, num_heads=4),
            deep,
        ),
        "SwinUNETR": (make("SwinUNETR", **unet, feature_size=12, spatial_dims=2), flat),
        "HighResNet": (make("HighResNet", 2, **unet), flat),
        "DenseNet121": (make("DenseNet121", 2, **unet), flat),
        "SEResNet50": (make("SEResNet50", spatial_dims=2, in_channels=1, num_classes=2), flat),
        "AutoEncoder": (make("AutoEncoder", 2, 1, 1, channels=(4, 8), strides=(2, 2)), flat),
        "RegUNet": (make("RegUNet", 2, 1, 4, depth=2, out_channels=2), flat),
        "ViT": (
            make("ViT", 1, 64, 16, spatial_dims=2, hidden_size=24, mlp_dim=32, num_layers=2, num_heads=4),
            flat,
        ),
        "ViTAutoEnc": (
            make("ViTAutoEnc", 1, 32, 16, hidden_size=24, mlp_dim=32, num_layers=2, num_heads=4),
            deep,
        ),
        "MedNeXtS": (make("MedNeXtS", spatial_dims=2, in_channels=1, out_channels=2), flat),
        "FlexibleUNet": (make("FlexibleUNet", 1, 2, "efficientnet-b0", spatial_dims=2), flat),
        "GlobalNet": (make("GlobalNet", [64, 64], 2, 1, 4, 2), flat),
        "EfficientNetBN": (make("EfficientNetBN", "efficientnet-b0", pretrained=False, in_channels=1), flat),
    }
    small = {
        "UNet",
        "BasicUNet",
        "AttentionUnet",
        "DynUNet",
        "SegResNet",
        "AutoEncoder",
        "HighResNet",
        "RegUNet",
        "ViT",
    }
    for name, (build, inputs) in found.items():
        yield Model(f"monai/{name}", build, inputs, small=name in small)


def _diffusers() -> Iterator[Model]:
    def make(name: str, **settings: Any) -> Callable[[], Any]:
        return lambda: getattr(importlib.import_module("diffusers"), name)(**settings)

    down, up = ("DownEncoderBlock2D",) * 2, ("UpDecoderBlock2D",) * 2
    blocks = {"block_out_channels": (32, 32), "norm_num_groups": 8}
    image = ((1, 3, 32, 32),)
    yield Model(
        "diffusers/AutoencoderKL",
        make("AutoencoderKL", down_block_types=down, up_block_types=up, **blocks),
        image,
    )
    yield Model("diffusers/AutoencoderTiny", make("AutoencoderTiny"), image)
    yield Model(
        "diffusers/VQModel",
        make("VQModel", down_block_types=down, up_block_types=up, num_vq_embeddings=16, **blocks),
        image,
    )
    yield Model("diffusers/AutoencoderDC", make("AutoencoderDC"), ((1, 3, 64, 64),))
    yield Model("diffusers/AutoencoderOobleck", make("AutoencoderOobleck"), ((1, 2, 4096),))
    yield Model("diffusers/AutoencoderKLWan", make("AutoencoderKLWan", base_dim=8), ((1, 3, 5, 32, 32),))
    yield Model("diffusers/AutoencoderKLCogVideoX", make("AutoencoderKLCogVideoX"), ((1, 3, 9, 32, 32),))


# ---- transformers ------------------------------------------------------------------------------------------

_TEXT = {
    "vocab_size": 100,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
}
_VISION = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    "image_size": 64,
}
_AUDIO = {**_TEXT, "conv_dim": (16,) * 7, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4}
_KEYS = {"num_key_value_heads": 2, "head_dim": 8, "pad_token_id": 0}
_T5 = {"vocab_size": 100, "d_model": 32, "d_kv": 8, "d_ff": 64, "num_layers": 2, "num_heads": 4}

TEXT: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("Bert", "Roberta", "Electra", "Camembert", "Ernie", "RoFormer", "MPNet", "Splinter", "BioGpt"), _TEXT
    ),
    **dict.fromkeys(
        ("XLMRoberta", "Nystromformer", "Data2VecText", "MegatronBert", "RemBert", "LayoutLM"), _TEXT
    ),
    **dict.fromkeys(
        ("Llama", "Mistral", "Qwen2", "Qwen3", "Gemma", "Gemma2", "Phi", "Phi3", "StableLm"), _TEXT | _KEYS
    ),
    **dict.fromkeys(
        ("Olmo", "Olmo2", "Granite", "Cohere", "Starcoder2", "Helium", "Glm", "Persimmon", "SmolLM3"),
        _TEXT | _KEYS,
    ),
    "Albert": _TEXT | {"embedding_size": 16},
    "GPTNeoX": _TEXT,
    "FNet": _TEXT,
    "SqueezeBert": _TEXT | {"embedding_size": 32},
    "DistilBert": {"vocab_size": 100, "dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64},
    "GPT2": {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4},
    "GPTNeo": {
        "vocab_size": 100,
        "hidden_size": 32,
        "num_layers": 2,
        "num_heads": 4,
        "attention_types": [[["global", "local"], 1]],
        "window_size": 4,
    },
    "GPTJ": {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4},
    "CodeGen": {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4, "rotary_dim": 4},
    "OPT": {
        "vocab_size": 100,
        "hidden_size": 32,
        "word_embed_proj_dim": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "ffn_dim": 64,
    },
    "Bloom": {"vocab_size": 100, "hidden_size": 32, "n_layer": 2, "n_head": 4},
    "Falcon": {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4},
    "Mpt": {"vocab_size": 100, "d_model": 32, "n_layers": 2, "n_heads": 4},
    "Mamba": {"vocab_size": 100, "hidden_size": 32, "num_hidden_layers": 2, "state_size": 4},
    "XLNet": {"vocab_size": 100, "d_model": 32, "n_layer": 2, "n_head": 4, "d_inner": 64},
    "CTRL": {"vocab_size": 100, "n_embd": 32, "n_layer": 2, "n_head": 4, "dff": 64},
}

VISION: dict[str, dict[str, Any]] = {
    **dict.fromkeys(
        ("ViT", "DeiT", "ViTMSN", "Dinov2", "Dinov2WithRegisters", "IJepa", "CLIPVision", "SiglipVision"),
        _VISION,
    ),
    **dict.fromkeys(("Beit", "Data2VecVision", "ChineseCLIPVision"), _VISION),
    "ConvNext": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "ConvNextV2": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "ResNet": {"embedding_size": 8, "hidden_sizes": [16, 24, 32, 40], "depths": [1, 1, 1, 1]},
    "RegNet": {
        "embedding_size": 8,
        "hidden_sizes": [16, 24, 32, 40],
        "depths": [1, 1, 1, 1],
        "groups_width": 8,
    },
    "Bit": {"embedding_size": 32, "hidden_sizes": [128, 128, 256, 256], "depths": [1, 1, 1, 1]},
    "MobileNetV1": {"depth_multiplier": 0.25},
    "MobileNetV2": {"depth_multiplier": 0.35},
    "MobileViT": {
        "hidden_sizes": [16, 24, 32],
        "neck_hidden_sizes": [8, 8, 16, 24, 32, 40, 64],
        "image_size": 64,
    },
    "MobileViTV2": {"width_multiplier": 0.5, "image_size": 64},
    "PoolFormer": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1]},
    "Segformer": {
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 3, 4],
    },
    "Pvt": {
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 3, 4],
        "image_size": 64,
    },
    "PvtV2": {
        "hidden_sizes": [8, 16, 24, 32],
        "depths": [1, 1, 1, 1],
        "num_attention_heads": [1, 2, 3, 4],
        "image_size": 64,
    },
    "Swin": {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "image_size": 64},
    "Swinv2": {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 4], "window_size": 4, "image_size": 64},
    "Swin2SR": {"embed_dim": 8, "depths": [2, 2], "num_heads": [2, 2], "window_size": 4, "image_size": 32},
    "FocalNet": {
        "embed_dim": 8,
        "depths": [1, 1],
        "image_size": 64,
        "focal_levels": [2, 2],
        "focal_windows": [3, 3],
    },
    "Hiera": {"embed_dim": 8, "depths": [1, 1, 1, 1], "num_heads": [1, 2, 4, 8], "image_size": [64, 64]},
    "EfficientNet": {
        "width_coefficient": 0.25,
        "depth_coefficient": 0.3,
        "image_size": 64,
        "hidden_dim": 320,
    },
    "GLPN": {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 3, 4]},
    "HGNetV2": {},
    "TextNet": {},
}

AUDIO: dict[str, dict[str, Any]] = {
    **dict.fromkeys(("Wav2Vec2", "Hubert", "WavLM", "UniSpeech", "UniSpeechSat", "Data2VecAudio"), _AUDIO),
    "SEW": _AUDIO | {"conv_dim": (16,) * 13, "squeeze_factor": 2},
    "Mimi": {},
    "Dac": {},
}


def _transformers() -> Iterator[Model]:
    def make(name: str, settings: dict[str, Any]) -> Callable[[], Any]:
        def build() -> Any:
            package = importlib.import_module("transformers")
            config = getattr(package, f"{name}Config")(**settings)
            return first_output(package.AutoModel.from_config(config))

        return build

    for name, settings in TEXT.items():
        yield Model(f"transformers/{name}", make(name, settings), ((1, 12),), words=100, small=True)
    for name, settings in VISION.items():
        size = settings.get("image_size", 64)
        size = size[0] if isinstance(size, list) else size
        yield Model(f"transformers/{name}", make(name, settings), ((1, 3, size, size),), small=True)
    for name, settings in AUDIO.items():
        yield Model(
            f"transformers/{name}", make(name, settings), ((1, 4000),) if settings else ((1, 1, 4800),)
        )
    yield Model("transformers/T5Encoder", _t5, ((1, 12),), words=100, small=True)


def _t5() -> Any:
    package = importlib.import_module("transformers")
    return first_output(package.T5EncoderModel(package.T5Config(**_T5)))


def first_output(module: Any) -> Any:
    """Wrap a model of the library so that it gives its first output alone, without its cache."""
    import torch

    class First(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = module
            if getattr(module.config, "use_cache", False):
                module.config.use_cache = False

        def forward(self, x: Any) -> Any:
            return self.model(x)[0]

    return First()
