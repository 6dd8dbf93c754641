"""Tiny random-weight models of many architectures, saved as ordinary folders with a tokenizer each."""

import importlib
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

torch.set_num_threads(1)
transformers.utils.logging.disable_progress_bar()

SENTENCES = [
    "How do I bake bread at home? Tell me about the old town and its river.",
    "Please explain why the sky is blue, in two sentences, to a young child.",
    "<s> is the HTML tag for strikethrough; what does it look like on a page?",
    "List five songs about rain. Describe a walk in the woods at dawn.",
    "user assistant system zebra fjord unicorn 0123456789 !?.,;:'\"()[]{}",
]
SPECIALS = ["<pad>", "<s>", "</s>", "<unk>", "<|user|>", "<|assistant|>", "<|end|>"]
CHAT_TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}"
    "<|{{ m['role'] }}|>\n{{ m['content'] | trim }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SMALL = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "intermediate_size": 48}
GROUPED = {**SMALL, "num_key_value_heads": 2}
N_EMBD = {"n_embd": 32, "n_layer": 3, "n_head": 4}
MOE = {"num_experts_per_tok": 2}
CONTEXT = {"max_position_embeddings": 128}

# name -> (config class, its settings, model class)
LISTED = {
    "llama": ("LlamaConfig", {**GROUPED, **CONTEXT}, "LlamaForCausalLM"),
    "mistral": ("MistralConfig", {**GROUPED, **CONTEXT, "sliding_window": 8}, "MistralForCausalLM"),
    "qwen2": ("Qwen2Config", {**GROUPED, **CONTEXT}, "Qwen2ForCausalLM"),
    "qwen3": ("Qwen3Config", {**GROUPED, **CONTEXT, "head_dim": 8}, "Qwen3ForCausalLM"),
    "gemma2": (
        "Gemma2Config",
        {**GROUPED, **CONTEXT, "head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
        "Gemma2ForCausalLM",
    ),
    "gemma3": (
        "Gemma3TextConfig",
        {**GROUPED, **CONTEXT, "head_dim": 8, "sliding_window": 8, "query_pre_attn_scalar": 8},
        "Gemma3ForCausalLM",
    ),
    "phi3": ("Phi3Config", {**GROUPED, **CONTEXT, "pad_token_id": 0}, "Phi3ForCausalLM"),
    "gpt_neox": ("GPTNeoXConfig", {**SMALL, **CONTEXT}, "GPTNeoXForCausalLM"),
    "gpt2": ("GPT2Config", {**N_EMBD, "n_positions": 128}, "GPT2LMHeadModel"),
    "opt": (
        "OPTConfig",
        {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "ffn_dim": 48, **CONTEXT},
        "OPTForCausalLM",
    ),
    "opt_projected": (
        "OPTConfig",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "ffn_dim": 48,
            "word_embed_proj_dim": 16,
            "do_layer_norm_before": False,
            **CONTEXT,
        },
        "OPTForCausalLM",
    ),
    "falcon": (
        "FalconConfig",
        {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 4, "multi_query": True},
        "FalconForCausalLM",
    ),
    "falcon_new": (
        "FalconConfig",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "new_decoder_architecture": True,
            "num_kv_heads": 2,
        },
        "FalconForCausalLM",
    ),
    "falcon_alibi": (
        "FalconConfig",
        {
            "hidden_size": 32,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "alibi": True,
            "parallel_attn": False,
            "bias": True,
        },
        "FalconForCausalLM",
    ),
    "olmo2": ("Olmo2Config", {**GROUPED, **CONTEXT}, "Olmo2ForCausalLM"),
    "bert": ("BertConfig", {**SMALL, **CONTEXT}, "BertForMaskedLM"),
    "roberta": ("RobertaConfig", {**SMALL, **CONTEXT, "pad_token_id": 0}, "RobertaForMaskedLM"),
    "distilbert": (
        "DistilBertConfig",
        {"dim": 32, "n_layers": 3, "n_heads": 4, "hidden_dim": 48, **CONTEXT},
        "DistilBertModel",
    ),
}
UNLISTED = {
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 3, "n_head": 4}, "BloomForCausalLM"),
    "gptj": ("GPTJConfig", {**N_EMBD, "n_positions": 128, "rotary_dim": 4}, "GPTJForCausalLM"),
    "gpt_neo": (
        "GPTNeoConfig",
        {
            "hidden_size": 32,
            "num_layers": 2,
            "num_heads": 4,
            "attention_types": [[["global", "local"], 1]],
            "window_size": 8,
            **CONTEXT,
        },
        "GPTNeoForCausalLM",
    ),
    "mpt": ("MptConfig", {"d_model": 32, "n_heads": 4, "n_layers": 3, "max_seq_len": 128}, "MptForCausalLM"),
    "stablelm": ("StableLmConfig", {**GROUPED, **CONTEXT}, "StableLmForCausalLM"),
    "cohere": ("CohereConfig", {**GROUPED, **CONTEXT}, "CohereForCausalLM"),
    "cohere2": ("Cohere2Config", {**GROUPED, **CONTEXT, "sliding_window": 8}, "Cohere2ForCausalLM"),
    "granite": ("GraniteConfig", {**GROUPED, **CONTEXT}, "GraniteForCausalLM"),
    "mixtral": ("MixtralConfig", {**GROUPED, **CONTEXT, **MOE, "num_local_experts": 3}, "MixtralForCausalLM"),
    "qwen3_moe": (
        "Qwen3MoeConfig",
        {**GROUPED, **CONTEXT, **MOE, "num_experts": 3, "moe_intermediate_size": 16, "head_dim": 8},
        "Qwen3MoeForCausalLM",
    ),
    "phi": ("PhiConfig", {**SMALL, **CONTEXT}, "PhiForCausalLM"),
    "starcoder2": ("Starcoder2Config", {**GROUPED, **CONTEXT}, "Starcoder2ForCausalLM"),
    "gpt_bigcode": ("GPTBigCodeConfig", {**N_EMBD, "n_positions": 128}, "GPTBigCodeForCausalLM"),
    "codegen": ("CodeGenConfig", {**N_EMBD, "n_positions": 128, "rotary_dim": 4}, "CodeGenForCausalLM"),
    "gemma": ("GemmaConfig", {**GROUPED, **CONTEXT, "head_dim": 8}, "GemmaForCausalLM"),
    "olmo": ("OlmoConfig", {**GROUPED, **CONTEXT}, "OlmoForCausalLM"),
    "smollm3": ("SmolLM3Config", {**GROUPED, **CONTEXT, "pad_token_id": 0}, "SmolLM3ForCausalLM"),
    "glm": ("GlmConfig", {**GROUPED, **CONTEXT, "head_dim": 8, "pad_token_id": 0}, "GlmForCausalLM"),
    "electra": ("ElectraConfig", {**SMALL, **CONTEXT, "embedding_size": 16}, "ElectraModel"),
    "deberta_v2": (
        "DebertaV2Config",
        {
            **SMALL,
            **CONTEXT,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "conv_kernel_size": 3,
            "position_biased_input": False,
            "type_vocab_size": 0,
        },
        "DebertaV2Model",
    ),
    "modernbert": (
        "ModernBertConfig",
        {**SMALL, **CONTEXT, "pad_token_id": 0, "local_attention": 8, "global_attn_every_n_layers": 2},
        "ModernBertModel",
    ),
    "xlm_roberta": ("XLMRobertaConfig", {**SMALL, **CONTEXT, "pad_token_id": 0}, "XLMRobertaModel"),
    "convbert": (  # its convolutions mix padding into the text, so it is read without padding
        "ConvBertConfig",
        {**SMALL, **CONTEXT, "embedding_size": 32, "pad_token_id": 0},
        "ConvBertModel",
    ),
    "xglm": (
        "XGLMConfig",
        {"d_model": 32, "num_layers": 3, "attention_heads": 4, "ffn_dim": 48, **CONTEXT},
        "XGLMForCausalLM",
    ),
    "olmoe": (
        "OlmoeConfig",
        {**GROUPED, **CONTEXT, **MOE, "num_experts": 4},
        "OlmoeForCausalLM",
    ),
    "t5": (
        "T5Config",
        {"d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 3, "num_heads": 4},
        "T5ForConditionalGeneration",
    ),
    "gemma4": (
        "Gemma4TextConfig",
        {
            **GROUPED,
            **CONTEXT,
            "num_hidden_layers": 4,
            "head_dim": 8,
            "global_head_dim": 8,
            "sliding_window": 8,
            "num_kv_shared_layers": 2,
            "hidden_size_per_layer_input": 8,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        "Gemma4ForCausalLM",
    ),
}
REFUSED = {
    "mamba": (
        "MambaConfig",
        {"hidden_size": 32, "num_hidden_layers": 3, "state_size": 8},
        "MambaForCausalLM",
    ),
    "albert": ("AlbertConfig", {**SMALL, **CONTEXT, "embedding_size": 16}, "AlbertModel"),
    "xlm": ("XLMConfig", {"emb_dim": 32, "n_layers": 3, "n_heads": 4, **CONTEXT}, "XLMModel"),
    "gemma3n": (
        "Gemma3nTextConfig",
        {
            **GROUPED,
            **CONTEXT,
            "num_hidden_layers": 4,
            "intermediate_size": [48] * 4,
            "head_dim": 8,
            "num_kv_shared_layers": 2,
            "hidden_size_per_layer_input": 8,
            "laurel_rank": 4,
            "activation_sparsity_pattern": [0.0] * 4,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        "Gemma3nForCausalLM",
    ),
}


def make_tokenizer(*, chat: bool = True, bos: bool = True, pad: bool = True) -> PreTrainedTokenizerFast:
    """A byte-level BPE that keeps all text, with an optional template, BOS post-processor and pad token."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=SPECIALS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    if bos:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", tokenizer.token_to_id("<s>"))]
        )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        eos_token="</s>",
        unk_token="<unk>",
        bos_token="<s>" if bos else None,
        pad_token="<pad>" if pad else None,
        clean_up_tokenization_spaces=False,
    )
    if chat:
        fast.chat_template = CHAT_TEMPLATE if bos else CHAT_TEMPLATE.replace("{{ bos_token }}", "")
    return fast


def make_encoder_tokenizer() -> PreTrainedTokenizerFast:
    """The same BPE with a closing token too, as encoders have."""
    fast = make_tokenizer(chat=False)
    ids = {name: fast.convert_tokens_to_ids(name) for name in ("<s>", "</s>")}
    fast.backend_tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=list(ids.items())
    )
    return fast


def build(folder: Path, recipe: tuple, *, tokenizer=None, seed: int = 0, scale: float = 3.0) -> Path:
    """Save a model of random weights ``scale`` times as large as usual, and its tokenizer, to ``folder``."""
    config_name, settings, model_name = recipe
    is_decoder = model_name.endswith(("ForCausalLM", "LMHeadModel"))
    tokenizer = tokenizer or (make_tokenizer() if is_decoder else make_encoder_tokenizer())
    ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        config = getattr(transformers, config_name)(**{"vocab_size": len(tokenizer), **ids, **settings})
        if hasattr(config, "vocab_size_per_layer_input"):
            config.vocab_size_per_layer_input = len(tokenizer)
        torch.manual_seed(seed)
        model_class = getattr(transformers, model_name, None)
        if model_class is None:
            module = importlib.import_module(type(config).__module__.replace("configuration", "modeling"))
            model_class = getattr(module, model_name)
        model = model_class(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() >= 2:
                parameter.mul_(scale)
            else:  # norms and biases: away from one and zero, so that a skipped norm shows
                parameter.add_(0.1 * torch.randn_like(parameter))
            assert parameter.isfinite().all(), name
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class MemoryStore:
    """What the activation cache promises, in memory: fills what is missing, reads in the asked order."""

    def __init__(self, rows_per_shard: int = 512) -> None:
        self.values, self.calls, self.rows_per_shard = {}, [], rows_per_shard

    def fill(self, rows, *, layers, positions, produce, dtype):
        assert len(set(rows)) == len(rows)
        wanted = [(layer, position) for layer in layers for position in positions]
        missing = [key for key in rows if any((*place, key) not in self.values for place in wanted)]
        for first in range(0, len(missing), self.rows_per_shard):
            keys = missing[first : first + self.rows_per_shard]
            self.calls.append(list(keys))
            made = produce(keys, layers, positions)
            for layer in layers:
                array = made[layer]
                assert array.shape[:2] == (len(keys), len(positions))
                assert array.dtype == {"bfloat16": np.uint16}.get(
                    dtype, np.dtype(dtype if dtype != "bfloat16" else "u2")
                )
                for i, key in enumerate(keys):
                    for j, position in enumerate(positions):
                        self.values[layer, position, key] = array[i, j], dtype

    def read(self, layer, position, rows):
        def widen(value, dtype):
            if dtype == "bfloat16":
                return (value.astype(np.uint32) << 16).view(np.float32)
            return value.astype(np.float32)

        return np.stack([widen(*self.values[layer, position, key]) for key in rows])


def pytest_generate_tests(metafunc):
    """Run a test that takes ``supported`` or ``refused`` once per architecture."""
    for fixture, names in (("supported", [*LISTED, *UNLISTED]), ("refused", list(REFUSED))):
        if fixture in metafunc.fixturenames:
            metafunc.parametrize(fixture, names)


@pytest.fixture(scope="session")
def tiny():
    """The makers of tiny tokenizers, model folders and in-memory stores."""
    return SimpleNamespace(
        build=build,
        tokenizer=make_tokenizer,
        encoder_tokenizer=make_encoder_tokenizer,
        store=MemoryStore,
        llama=LISTED["llama"],
        recipes={**LISTED, **UNLISTED, **REFUSED},
        template=CHAT_TEMPLATE,
    )


@pytest.fixture(scope="session")
def zoo(tmp_path_factory):
    """Return a function that gives the loaded tiny model of a named architecture, built once per session."""
    from unsinter.features.model.model import load_model

    folders = {}
    loaded = {}

    def folder_of(name: str) -> Path:
        if name not in folders:
            recipe = {**LISTED, **UNLISTED, **REFUSED}[name]
            # T5 and Gemma 4 start with larger weights; unscaled they have streams as long as the others'.
            scale = 1.0 if name in ("t5", "gemma4") else 3.0
            folders[name] = build(tmp_path_factory.mktemp(name), recipe, scale=scale)
        return folders[name]

    def get(name: str):
        if name not in loaded:
            loaded[name] = load_model(folder_of(name), dtype="float32", device="cpu")
        return loaded[name]

    get.folder = folder_of
    return get


@pytest.fixture
def with_template(zoo):
    """The tiny Llama with another template; its own is put back."""
    model = zoo("llama")
    before = model.tokenizer.chat_template

    def set_to(template):
        model.tokenizer.chat_template = template
        return model

    yield set_to
    model.tokenizer.chat_template = before
