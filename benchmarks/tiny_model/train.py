"""Train the embedded model from nothing, on one CPU thread or a GPU, in the time that is given.

    python -m benchmarks.tiny_model.train OUT --minutes 80

Needs torch and transformers (benchmarks/tiny_model/requirements.txt). Writes a Hugging Face folder and the log of the
training; the learning rate follows one cosine over the whole time, so more time means a better model.
"""

import argparse
import json
import math
import random
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

from benchmarks.tiny_model.lessons import Lessons

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
WORDS = (
    "<think>", "</think>", "user\n", "assistant\n", "system\n", "make ", " from ", "reach ", " by ", "start ",
    "answer ", "ways ", "plan ", "do ", "Strategy: ", "\n\n", ", then ", "add", "subtract", "multiply", "add ",
    "subtract ",
    "multiply by ", " + ", " - ", " * ", " = ", *(f"{i}. " for i in range(1, 10)), *(str(i) for i in range(10, 100)),
)  # fmt: skip
CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role']=='assistant' and m.get('reasoning_content') %}"
    "<think>{{ m['reasoning_content'] }}</think>{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
CONTEXT = 512


def make_tokenizer() -> PreTrainedTokenizerFast:
    """Bytes, and whole tokens for numbers and for the words of the format: three times fewer tokens than bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    raw = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    raw.decoder = decoders.ByteLevel()
    raw.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    raw.add_tokens([AddedToken(text, special=False) for text in WORDS])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|im_end|>", pad_token="<|endoftext|>", model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


def make_model(tokenizer: PreTrainedTokenizerFast, args: argparse.Namespace) -> Qwen3ForCausalLM:
    """A small Qwen3 model with random weights."""
    config = Qwen3Config(
        vocab_size=(len(tokenizer) + 7) // 8 * 8, hidden_size=args.hidden, intermediate_size=args.hidden * 5 // 2,
        num_hidden_layers=args.layers, num_attention_heads=args.heads, num_key_value_heads=args.heads, head_dim=32,
        max_position_embeddings=CONTEXT, tie_word_embeddings=True, rope_theta=10000.0, use_cache=False,
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, bos_token_id=None,
    )  # fmt: skip
    return Qwen3ForCausalLM(config).float().train()


def batches(
    tokenizer: PreTrainedTokenizerFast, lessons: Lessons, tokens: int
) -> Iterator[list[tuple[list[int], list[int]]]]:
    """Batches of (token ids, labels) of about `tokens` tokens each, of similar lengths; -100 is not graded."""

    def ids(text: str) -> list[int]:
        return list(tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids)

    def example() -> tuple[list[int], list[int]]:
        asked, reply = lessons.lesson()
        tokens_of = ids(f"<|im_start|>user\n{asked}<|im_end|>\n<|im_start|>assistant\n")
        labels = [-100] * len(tokens_of)
        for text, counts in reply:
            piece = ids(text)
            tokens_of += piece
            labels += piece if counts else [-100] * len(piece)
        return [*tokens_of, tokenizer.eos_token_id], [*labels, tokenizer.eos_token_id]

    rng = random.Random(1)
    while True:
        pool = sorted((example() for _ in range(1024)), key=lambda pair: len(pair[0]))
        cut: list[list[tuple[list[int], list[int]]]] = [[]]
        for pair in pool:
            if (len(cut[-1]) + 1) * len(pair[0]) > tokens:
                cut.append([])
            cut[-1].append(pair)
        rng.shuffle(cut)
        yield from (batch for batch in cut if batch)


def train(args: argparse.Namespace) -> None:
    """Train until the time is over, then save."""
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    tokenizer = make_tokenizer()
    model = make_model(tokenizer, args).to(device)
    matrices = [p for p in model.parameters() if p.dim() >= 2]
    vectors = [p for p in model.parameters() if p.dim() < 2]
    groups = [{"params": matrices, "weight_decay": 0.05}, {"params": vectors, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
    n_parameters = sum(p.numel() for p in model.parameters())
    print(f"{n_parameters:,} parameters on {device}", flush=True)
    began, seen, step, loss_mean, saved = time.time(), 0, 0, 0.0, 0
    for batch in batches(tokenizer, Lessons(args.seed), args.tokens):
        done = (time.time() - began) / (args.minutes * 60)
        if done >= 1:
            break
        for group in optimizer.param_groups:
            group["lr"] = args.lr * (done / 0.02 if done < 0.02 else 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        loss = loss_of(model, batch, tokenizer.pad_token_id, device)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += sum(len(ids) for ids, _ in batch)
        step += 1
        loss_mean = loss.item() if step == 1 else 0.98 * loss_mean + 0.02 * loss.item()
        if step % 200 == 0:
            minutes = (time.time() - began) / 60
            print(f"{minutes:.1f} min, step {step}, {seen:,} tokens, loss {loss_mean:.4f}", flush=True)
            if minutes // args.save_every > saved:
                saved = int(minutes // args.save_every)
                save(model, tokenizer, args.out.with_name(f"{args.out.name}-{minutes:.0f}"), {})
    log = {"minutes": args.minutes, "threads": args.threads, "device": device, "seed": args.seed, "steps": step}
    save(model, tokenizer, args.out, {**log, "tokens": seen, "parameters": n_parameters, "loss": round(loss_mean, 4)})


def loss_of(model: Qwen3ForCausalLM, batch: list[tuple[list[int], list[int]]], pad: int, device: str) -> torch.Tensor:
    """Mean cross-entropy over what is graded."""
    length = max(len(ids) for ids, _ in batch)
    ids = torch.tensor([row + [pad] * (length - len(row)) for row, _ in batch], device=device)
    labels = torch.tensor([row + [-100] * (length - len(row)) for _, row in batch], device=device)[:, 1:]
    hidden = model.model(input_ids=ids).last_hidden_state[:, :-1]
    graded = labels != -100
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[graded]), labels[graded])


def save(model: Qwen3ForCausalLM, tokenizer: PreTrainedTokenizerFast, out: Path, log: dict[str, object]) -> None:
    """Write the model in bfloat16, with its tokenizer."""
    out.mkdir(parents=True, exist_ok=True)
    copy = Qwen3ForCausalLM(model.config)
    copy.load_state_dict(model.state_dict())
    copy.config.use_cache = True
    copy.generation_config.update(
        eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id, do_sample=True, temperature=1.0
    )
    copy.to(torch.bfloat16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    (out / "training.json").write_text(json.dumps(log, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--minutes", type=float, default=80)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=160)
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--tokens", type=int, default=1536, help="tokens a step")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--save-every", type=float, default=15, help="minutes between copies beside OUT")
    train(parser.parse_args())


if __name__ == "__main__":
    main()
