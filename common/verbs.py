"""What each verb does, in order.

The one place where the files of an application meet: data -> preprocessor -> training -> evaluation ->
export. The application's modules are imported by the verb that needs them, after the configuration was found
to be right.
"""

import importlib
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from common import model_files
from common.allocator import keep_freed_memory
from common.command import Command
from common.config import config_yaml
from common.console import Console, get_console, use_console
from common.data.given_files import changed_files, note_files, require_same_files
from common.errors import UserError
from common.files import atomic_directory, require_writable_directory, write_json
from common.native_log import hold_back_native_log
from common.run_to_train import forget_if_empty, raised_epochs, refuse_settings, require_export_place, run_to_train
from common.runs import Run, create_picture_folder, open_run, pictures_in, resume_command
from common.verb_summary import (
    Stages,
    commands_with_model,
    device_line,
    settings_line,
    show_end,
    show_splits,
)


def run(command: Command) -> None:
    """Does what the command asks for.

    Raises:
        UserError: For anything that the person can mend.
    """
    use_console(Console(json_output=bool(command.flags.get("json"))))
    verbs = {
        "train": train,
        "evaluate": evaluate,
        "export": export,
        "predict": predict,
        "serve": serve,
        "demo": demo,
        "diagnose": diagnose,
        "compare": compare,
        "tune": tune,
        "config": config,
    }
    verbs[command.verb](command)


def train(command: Command) -> None:
    """Data -> adapt -> fit -> evaluate -> export; leaves a run directory and a SavedModel."""
    keep_freed_memory()
    console = get_console()
    settings, the_run, resume = run_to_train(command)
    try:
        with the_run.lock():
            _train(command, settings, the_run, resume)
    except UserError:
        forget_if_empty(the_run, resume)
        raise
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(str(stop) or f"continue with: {resume_command(the_run)}") from None
    if command.flags["json"]:
        measured = command.flags["until"] != "train"
        console.json(_read_json(the_run.metrics_path()) if measured else {"app": command.app, "run": the_run.path})


def _train(command: Command, settings: Any, the_run: Run, resume: bool) -> None:
    console, stages = get_console(), Stages()
    console.heading(f"{command.app}: {'resume' if resume else 'train'} {the_run.path}")
    console.table({"settings": settings_line(settings), "device": device_line()})

    with stages.stage("data", "Data"):
        require_same_files(the_run, settings.data)
        splits = _module(command, "data").load_splits(settings)
        note_files(the_run, settings.data)
    show_splits(command, splits)

    with stages.stage("adapt", "Preprocessing"):
        preprocessor = _preprocessor_for(command, settings, the_run, splits)

    with stages.stage("train", "Training"):
        with raised_epochs(the_run, settings):
            model = _module(command, "train").train(settings, the_run, splits, preprocessor, resume=resume)
        model_files.save_model(model, the_run.model_path)
        the_run.note(trained=True)

    if command.flags["until"] == "train":
        console.files({"run": the_run.path}, [("measure it and export it", resume_command(the_run))])
        return

    with stages.stage("evaluate", "Evaluation"):
        metrics = _module(command, "evaluate").evaluate(settings, the_run, splits, "test", preprocessor, model)
    _save_metrics(the_run, "test", metrics, stages)
    console.metrics(metrics["metrics"], metrics["baselines"])

    with stages.stage("export", "Export"):
        version = _export(command, the_run, model, preprocessor)
    _save_metrics(the_run, "test", metrics, stages)
    the_run.note(finished=True)
    show_end(command, the_run, version, stages)


def evaluate(command: Command) -> None:
    """Metrics of a trained run on one split, beside the baselines."""
    console, split = get_console(), command.flags["split"]
    the_run = open_run(command.flags["run"], command.app)
    settings = the_run.config(command.config_class)
    # The seconds of the training stay in metrics.json, whatever is evaluated later.
    stages = Stages(_read_json(the_run.metrics_path(split)).get("seconds"))
    console.heading(f"{command.app}: evaluate {the_run.path} on {split}")
    with stages.stage("data", "Data"):
        for path in changed_files(the_run, settings.data):
            console.warn(f"{path} has changed since the training; this measures the model on what is there now")
        splits = _module(command, "data").load_splits(settings)
    show_splits(command, splits)
    with stages.stage("evaluate", "Evaluation"):
        preprocessor, model = _load_trained(command, the_run)
        metrics = _module(command, "evaluate").evaluate(settings, the_run, splits, split, preprocessor, model)
    _save_metrics(the_run, split, metrics, stages)
    console.metrics(metrics["metrics"], metrics["baselines"])
    written = (*the_run.tables(), *the_run.pictures())
    console.files({"metrics": the_run.metrics_path(split), **{p.stem: p for p in written}})
    if command.flags["json"]:
        console.json(_read_json(the_run.metrics_path(split)))


def export(command: Command) -> None:
    """A trained run as the next version of its SavedModel, or of a file of another format, verified."""
    console, file_format = get_console(), command.flags["format"]
    file_export = importlib.import_module("common.export_formats.file_export")
    file_export.require_format(file_format, command.flags["quantize"])
    the_run = open_run(command.flags["run"], command.app)
    if file_format != "saved_model":
        _export_file(command, the_run, file_export)
        return
    require_export_place(command)
    console.heading(f"{command.app}: export {the_run.path}")
    preprocessor, model = _load_trained(command, the_run)
    version = _export(command, the_run, model, preprocessor)
    console.files({"saved model": version}, commands_with_model(command, version.parent, the_run))
    if command.flags["json"]:
        console.json({"app": command.app, "run": the_run.path, "saved_model": version})


def _export_file(command: Command, the_run: Run, file_export: ModuleType) -> None:
    console, flags = get_console(), command.flags
    require_writable_directory(Path(flags["exports"], command.app))
    console.heading(f"{command.app}: export {the_run.path} as {flags['format']}")
    preprocessor, model = _load_trained(command, the_run)
    core = file_export.core_of(command.package, model, preprocessor, flags["format"])
    notes = {"run": the_run.path, "metrics": _read_json(the_run.metrics_path()).get("metrics")}
    folder, about = file_export.export_file(
        command.app,
        core,
        flags["format"],
        flags["exports"],
        quantize=flags["quantize"],
        notes=notes,
    )
    console.table(file_export.summary(about))
    console.files({"file": folder / about["file"], "about it": folder / file_export.ABOUT_FILE})
    if flags["json"]:
        console.json({"app": command.app, "run": the_run.path, "folder": folder, **about})


def predict(command: Command) -> None:
    """Answers of an exported model for new inputs, as the application's module `predict` gives them."""
    flags = dict(command.flags)
    model = flags.pop("model")
    _existing_model(model)
    _module(command, "predict").predict(model, command.arguments, flags)


def serve(command: Command) -> None:
    """Answers over HTTP until it is stopped."""
    flags = command.flags
    _existing_model(flags["model"])
    importlib.import_module("common.server.app").serve(
        app=command.app,
        model=flags["model"],
        host=flags["host"],
        port=flags["port"],
        max_body_bytes=flags["max_body_bytes"],
        max_batch=flags["max_batch"],
    )


def demo(command: Command) -> None:
    """A page in the browser until it is stopped."""
    flags = command.flags
    _existing_model(flags["model"])
    importlib.import_module("common.demo.server").serve_models(
        models=[(command.app, command.package, flags["model"])],
        host=flags["host"],
        port=flags["port"],
        max_upload_bytes=flags["max_upload_bytes"],
        strict=True,
    )


def diagnose(command: Command) -> None:
    """The picture of the gradient through time, of a trained run or of an untrained model of the settings."""
    console, flags = get_console(), command.flags
    if flags["run"] is not None:
        refuse_settings(command, f"--run {flags['run']} brings its own settings")
        if flags["pictures"] is not None:
            raise UserError(f"the picture of --run {flags['run']} goes into the run, so leave --pictures out")
        the_run = open_run(flags["run"], command.app)
        folder = the_run.pictures_path
        result = _diagnose(command, the_run.config(command.config_class), folder, the_run)
    else:
        settings = command.resolve()
        # Not among the runs: without a training it is none, and no verb should take it for one.
        folder = create_picture_folder(flags["pictures"] or "pictures", command.app, settings)
        try:
            result = _diagnose(command, settings, folder, None)
        except BaseException:
            shutil.rmtree(folder)
            raise
    console.files({p.stem: p for p in pictures_in(folder)})
    if flags["json"]:
        console.json(result)


def _diagnose(command: Command, settings: Any, folder: Path, the_run: Run | None) -> dict[str, Any]:
    get_console().heading(f"{command.app}: gradient through time")
    splits = _module(command, "data").load_splits(settings)
    show_splits(command, splits)
    if the_run is not None:
        preprocessor, model = _load_trained(command, the_run)
    else:
        preprocessor, model = _adapted(command, settings, splits), None
    return _module(command, "diagnose").diagnose(settings, folder, splits, preprocessor, model)


def compare(command: Command) -> None:
    """Several configurations, each trained with several seeds in processes of their own, beside each other."""
    written = importlib.import_module("common.comparison.compare").compare(command)
    if command.flags["json"]:
        get_console().json(_read_json(written))


def tune(command: Command) -> None:
    """A search for the settings whose training is best on validation data."""
    written = importlib.import_module("common.tuning.tune").tune(command)
    if command.flags["json"]:
        get_console().json(_read_json(written))


def config(command: Command) -> None:
    """The effective settings as YAML on stdout, ready for `--config`."""
    get_console().result(config_yaml(command.resolve()).rstrip("\n"))


def _module(command: Command, name: str) -> ModuleType:
    with hold_back_native_log():  # the first of them imports TensorFlow
        return importlib.import_module(f"{command.package}.{name}")


def _preprocessor_for(command: Command, settings: Any, the_run: Run, splits: Any) -> Any:
    """Returns what was learned from the training data: loaded from the run, or adapted now and saved."""
    if the_run.preprocessor_path.exists():  # whole, as atomic_directory made it
        return _module(command, "preprocessing").Preprocessor.load(the_run.preprocessor_path)
    preprocessor = _adapted(command, settings, splits)
    with atomic_directory(the_run.preprocessor_path) as temporary:
        preprocessor.save(temporary)
    return preprocessor


def _adapted(command: Command, settings: Any, splits: Any) -> Any:
    preprocessor = _module(command, "preprocessing").Preprocessor.from_config(settings)
    preprocessor.adapt(splits.train)
    return preprocessor


def _load_trained(command: Command, the_run: Run) -> tuple[Any, Any]:
    preprocessor = _module(command, "preprocessing").Preprocessor.load(the_run.preprocessor_path)
    return preprocessor, model_files.load_model(the_run.model_path, command.package)


def _export(command: Command, the_run: Run, model: Any, preprocessor: Any) -> Path:
    exporter = importlib.import_module("common.export")
    keras = sys.modules.get("keras")  # imported by whatever trained or loaded the model
    if keras is not None and keras.backend.backend() != "tensorflow":
        return exporter.export_on_tensorflow(command.package, the_run.path, command.flags["saved_models"])
    serving = _module(command, "serving")
    notes = {"run": the_run.path, "metrics": _read_json(the_run.metrics_path()).get("metrics")}
    return exporter.export_model(
        command.app,
        serving.endpoints(model, preprocessor),
        serving.questions(model, preprocessor),
        command.flags["saved_models"],
        metadata={**serving.metadata(model, preprocessor), **notes},
        tracked=(preprocessor, model),
    )


def _existing_model(path: str) -> None:
    # Before TensorFlow is imported, so that the person need not wait for this sentence.
    if not Path(path).is_dir():
        raise UserError(f"there is no exported model {path}; train or export writes one to saved_models")


def _save_metrics(the_run: Run, split: str, metrics: dict[str, Any], stages: Stages) -> None:
    metrics["seconds"] = {**metrics.get("seconds", {}), **stages.seconds}
    write_json(the_run.metrics_path(split), metrics)


def _read_json(path: Path) -> dict[str, Any]:
    """Returns the content of a JSON file of the run; empty if it was not written yet."""
    if not path.exists():
        return {}
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path} is damaged; delete it and run evaluate again") from error
