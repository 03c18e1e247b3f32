"""What must be known of a stream before a run on it begins."""

from schemas.errors import RunError, Stopped, UsageError
from schemas.terminal import say
from schemas.wording import counted
from trainer.loader.batches import ArrowBatches
from trainer.loader.stream_folder import StreamFolder
from trainer.loader.training_data import TrainingData
from trainer.open_slots import EVALUATED, SlotLoaders
from trainer.options import TrainOptions
from trainer.processes import Processes
from trainer.rows.row_source import given_tokens
from trainer.stopping import StopSignal, wait_to_look
from transforms.build.corpus import Corpus


def first_window(stream: StreamFolder, processes: Processes, stop: StopSignal) -> TrainingData:
    """Waits for the first window; returns it as what a model is made for.

    Raises:
      Stopped: if a signal came.
      UsageError: if its rows are taken in lanes.
    """
    _look(stream, processes)
    again = False
    while not stream.windows:
        _wait(f"the first window of {stream.folder}", processes, stop, again=again)
        _look(stream, processes)
        again = True
    corpus = processes.all_do(lambda: stream.corpus(0))
    if corpus.recipe.order == "lanes":
        raise UsageError(
            f"--data {stream.folder} is a stream of {corpus.recipe.name}, whose rows are read in "
            "lanes, and --follow takes each row on its own; train on a window without --follow"
        )
    return TrainingData(stream.folder, stream.checksum, {"": corpus}, {"": 1.0})


def first_slot(loaders: SlotLoaders, stop: StopSignal) -> ArrowBatches:
    """Waits for the first slot with rows; returns a loader of it.

    Raises:
      Stopped: if a signal came.
      RunError: if none has rows up to the last window asked for.
    """
    stream, until, begin = loaders.stream, loaders.options.until_window, 0
    again = False
    while True:
        for slot in range(begin, len(stream.windows)):
            if until is not None and slot > until:
                raise RunError(
                    f"the windows 0 to {until} of {stream.folder} have no rows to train on; raise "
                    "--until-window"
                )
            if loaders.slots.count(stream, slot):
                return loaders.train(slot)
        begin = len(stream.windows)
        _wait(
            f"the first window of {stream.folder} with rows", loaders.processes, stop, again=again
        )
        _look(stream, loaders.processes)
        again = True


def longest_of(options: TrainOptions, corpus: Corpus) -> int:
    """Returns the maximum tokens of a row of any window; what a model is given must fit a batch.

    Raises:
      UsageError: if it does not.
    """
    longest = corpus.recipe.max_seq_length
    given = given_tokens(corpus.recipe, longest)
    if (options.batch_tokens or 0) < given:
        raise UsageError(
            f"--batch-tokens must be at least {given}, the longest row that a window of "
            f"{options.data} may have, got {options.batch_tokens}"
        )
    return longest


def stream_note(loaders: SlotLoaders, model: str) -> str:
    """Returns a note on the size of the model, the stream and the batches."""
    options, processes = loaders.options, loaders.processes
    precision = f"{options.precision}, {'compiled' if options.compile else 'not compiled'}"
    mixed = loaders.slots.mix
    return (
        f"{options.model}: {model}; a stream of {counted(len(loaders.stream.windows), 'window')} "
        f"so far, {'each on its own' if mixed == 1 else f'{mixed} of them mixed'}, the last "
        f"{EVALUATED} evaluated; steps of {options.batches_per_step} x {options.batch_tokens:,} "
        f"tokens; {processes.size} x {processes.device.type}, {precision}"
    )


def _look(stream: StreamFolder, processes: Processes) -> None:
    """Learns what was committed; the first process looks for all."""
    stream.learn(processes.from_first(stream.committed))


def _wait(what: str, processes: Processes, stop: StopSignal, *, again: bool) -> None:
    """Waits a little for something; raises Stopped if a signal comes."""
    if processes.first and not again:
        say(f"waiting for {what}")
    wait_to_look(stop)
    if signal := processes.any(stop.number):
        raise Stopped(signal)
