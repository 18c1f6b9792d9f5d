"""What must have come of the changes of each page, once a model was trained with all of them on the file that the page shows."""

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.command_line import environment, run_python
from tests.make_it_yours import commands_of, files_of

SECONDS = 1_800  # a whole training with everything behind it, on a machine that has much else to do


@dataclass(frozen=True)
class Trained:
    """What is new of an application.

    Attributes:
        cell: As the network in `model.keras` calls the cell.
        beside_baselines: Metrics of the model and of each baseline.
        in_history: Metrics of each epoch; they are among those of the model, too.
        loss_is_new: Takes the last row of `history.csv`, numbers by name, and the text of `config.yaml`.
        answer_is_right: Takes what the new endpoint answers to the first instance of the request of the page.
        words: What the training needs beside the words of the page.
    """

    cell: str
    beside_baselines: tuple[str, ...]
    in_history: tuple[str, ...]
    loss_is_new: Callable[[dict[str, float], str], bool]
    answer_is_right: Callable[[Any], bool]
    words: tuple[str, ...] = ()


def _is_vector(answer: Any) -> bool:
    return len(answer) > 1 and all(map(math.isfinite, answer))


# The loss that was there would then be the log loss itself.
WITHOUT_SMOOTHING = ("--train.label_smoothing", "0")

TRAINED = {
    "sentiment": Trained(
        cell="JANET",
        beside_baselines=("brier",),
        in_history=("brier",),
        loss_is_new=lambda row, _: row["val_loss"] < 0.9 * row["val_log_loss"],
        answer_is_right=_is_vector,
    ),
    "forecasting": Trained(
        cell="MGU",
        beside_baselines=("bias",),
        in_history=("bias",),
        loss_is_new=lambda _, config: "loss: log_cosh" in config,
        answer_is_right=lambda answer: 0 <= answer[0][0] <= 1,
        words=("--model.output", "point", "--model.loss", "log_cosh", "--model.calendar", "false"),
    ),
    "translation": Trained(
        cell="RHN",
        beside_baselines=("ter",),
        in_history=("top_5_accuracy",),
        # One minus the probability of a token, which a network that was hardly trained gives little.
        loss_is_new=lambda row, _: row["val_loss"] > row["val_log_loss"] + 0.3,
        answer_is_right=lambda answer: answer < 0,
        words=WITHOUT_SMOOTHING,
    ),
    "music": Trained(
        cell="Leaky",
        beside_baselines=("perplexity",),
        in_history=("perplexity",),
        loss_is_new=lambda row, _: row["val_loss"] < 0.9 * row["val_log_loss"],
        answer_is_right=lambda answer: len(answer["pitches"]) == len(answer["onsets"]) == 4 * 16,
    ),
    "captioning": Trained(
        cell="fast_grnn",
        beside_baselines=("length_ratio",),
        in_history=("token_probability",),
        loss_is_new=lambda row, _: row["val_loss"] < row["val_log_loss"] - 0.02,
        answer_is_right=_is_vector,
        words=WITHOUT_SMOOTHING,
    ),
}


def train(app: str, copy: Path) -> tuple[Path, Path]:
    """Trains with all changes on what "Your data" of the page shows, with the cell of the page.

    Args:
        app: Name of the application.
        copy: A copy of the repository with the changes; files, run and model land in it.

    Returns:
        The run directory and the folder of the exported model.
    """
    write_files(app, copy)
    (command,) = commands_of(app, "cell")
    words = (*command.split(), *TRAINED[app].words, "--name", "mine")
    command = [sys.executable, "-m", f"apps.{app}", *words]
    done = subprocess.run(
        command, cwd=copy, env=environment(PYTHONPATH=str(copy)), capture_output=True, text=True, timeout=SECONDS
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return copy / "runs" / app / "mine", copy / "saved_models" / app


def write_files(app: str, folder: Path) -> None:
    """Writes the files that "Your data" shows, and runs the program there, if there is one."""
    for name, content in files_of(app).items():
        (folder / name).write_text(content, "utf-8")
        if name.endswith(".py"):
            run_python(content, cwd=folder)


def write_other_form(app: str, folder: Path) -> dict[str, str]:
    """Writes what the page shows in the form that the change of the reader is for; returns settings of `data` that name it."""
    if app == "sentiment":
        for number, row in enumerate(_rows(folder / "tickets.csv")):
            place = folder / "tickets" / row["label"]
            place.mkdir(parents=True, exist_ok=True)
            (place / f"{number}.txt").write_text(row["text"], "utf-8")
        return {"path": "tickets"}
    if app == "forecasting":
        _write_json_lines(folder / "sales.jsonl", [row | {"y": float(row["y"])} for row in _rows(folder / "sales.csv")])
        return {"path": "sales.jsonl"}
    if app == "translation":
        pairs = [line.split("\t") for line in (folder / "menu.tsv").read_text("utf-8").splitlines()]
        units = "".join(
            f'<tu><tuv xml:lang="en-GB"><seg>{source}</seg></tuv><tuv xml:lang="de"><seg>{target}</seg></tuv></tu>\n'
            for source, target in pairs
        )
        (folder / "menu.tmx").write_text(f'<tmx version="1.4"><body>\n{units}</body></tmx>\n', "utf-8")
        return {"path": "menu.tmx"}
    if app == "music":  # the four tunes, note by note
        (folder / "tunes").mkdir()
        tunes = {
            "C": "4c 4d 4e 4f 4g 4a 2g 4f 4e 4d 4e 1c",
            "G": "4g 4g 2g 4b 4b 2b 4dd 4cc 4b 4a 1g",
            "F": "4f 4g 4a 4g 4a 4b 2cc 4cc 4b 4a 4g 1f",
            "D": "4d 4a 4f 4a 4d 4a 2f 4e 4a 4g 4a 1d",
        }
        for key, notes in tunes.items():
            lines = ["**kern", "*M4/4", *notes.split(), "*-"]
            (folder / "tunes" / f"{key}.krn").write_text("\n".join(lines) + "\n", "utf-8")
        return {"path": "tunes"}
    rows = [{"file_name": row["image"], "text": row["caption"]} for row in _rows(folder / "shapes.csv")]
    _write_json_lines(folder / "metadata.jsonl", rows)
    return {"captions": "metadata.jsonl"}


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write_json_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
