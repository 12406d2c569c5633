"""Cases 52 to 60 and 63 to 66 of the catalogue of faults: saved state, files, the process and its surroundings.

All run the command line on the digits that come with the project. What kills, slows down or surrounds a process runs
in one of its own, after a prelude that breaks what the case is about.
"""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.faults.command_line import ROOT, RUN, SLOW, deaf, done, ended, leftovers, results, started, wait_for

pytestmark = pytest.mark.usefixtures("own_folder")

NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
"""A process that may mount what it likes, seen by nobody else; with ``--net`` also without any network."""


def _may(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module")
def slow_job(job: list[str]) -> list[str]:
    """The same in 32 batches, for a process that is to be stopped in the middle."""
    return [*job, "--batch-size", "2", "--threads", "1", "--until", "model", "--output", "out"]


@pytest.fixture(scope="module")
def calibrated(job: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that was not disturbed, up to its thresholds."""
    folder = tmp_path_factory.mktemp("calibrated") / "out"
    assert done(*job, "--until", "thresholds", "--output", str(folder)).returncode == 0
    return folder


def killed(words: Sequence[str], cwd: Path, *, delay_s: float = 0.0) -> Path:
    """The journal of a run that was killed some time after its first checkpoint."""
    with started(words, cwd, prelude=SLOW) as process:
        wait_for(".quantkit/run-*.safetensors", cwd, process)
        time.sleep(delay_s)
        process.kill()
    return next((cwd / ".quantkit").glob("run-*.jsonl"))


@pytest.fixture(scope="module")
def dead_run(slow_job: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The journal of a killed run; tests take copies."""
    return killed(slow_job, tmp_path_factory.mktemp("dead"))


@pytest.fixture
def journal(dead_run: Path, tmp_path: Path) -> Path:
    """A copy of the journal of a killed run, for resuming that is to be refused."""
    folder = tmp_path / ".quantkit"
    shutil.copytree(dead_run.parent, folder)
    return folder / dead_run.name


def edited(journal: Path, **inputs: str) -> None:
    """Changes what the journal says of the run's inputs."""
    first, *rest = journal.read_text().splitlines(keepends=True)
    line = json.loads(first)
    line["inputs"].update(inputs)
    journal.write_text("".join([json.dumps(line) + "\n", *rest]))


class Test52StateOfAnotherRun:
    """A calibration or checkpoint from another model, data, config or tool is never used silently."""

    def test_a_calibration_of_another_model_is_refused(self, calibrated: Path, digits: Path) -> None:
        text = (calibrated / "max.qcal.json").read_text()
        Path("other.qcal.json").write_text(re.sub(r'"model": "\w{8}', '"model": "00000000', text))
        refusal = done("quantize", str(digits / "model.onnx"), "--calib", "other.qcal.json")
        assert refusal.returncode == 3
        assert "00000000" in refusal.stderr

    def test_a_checkpoint_of_another_model_is_refused(self, tmp_path: Path, slow_job: list[str]) -> None:
        journal = killed(slow_job, tmp_path)
        checkpoint = journal.with_suffix(".safetensors")
        content = checkpoint.read_bytes()
        digest = json.loads(journal.read_text().splitlines()[0])["inputs"]["model"].encode()
        assert digest in content
        checkpoint.write_bytes(content.replace(digest, b"0" * 64))
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert "the checkpoint comes from another run" in refusal.stderr


class Test53DamagedCalibration:
    """Corrupt, truncated and hand-edited calibrations are refused with the way to a new one."""

    @pytest.mark.parametrize(
        ("pattern", "replacement"),
        [
            pytest.param(r'"range": \[\s*\S+', '"range": [ 1.0,', id="a range without 0"),
            pytest.param(r'"range": \[\s*\S+\s*\S+', '"range": [ 0.0, -1.0', id="negative"),
            pytest.param(r'"range": \[\s*\S+\s*\S+', '"range": [ NaN, NaN', id="not a number"),
            pytest.param(r'"range": \[\s*\S+\s*\S+', '"range": [ 0.0, 1e300', id="beyond float32"),
            pytest.param(r"\}\s*\Z", "", id="truncated"),
            pytest.param(r"\A.*", "", id="beheaded"),
            pytest.param("quantkit.calibration/1", "quantkit.calibration/9", id="of a later version"),
        ],
    )
    def test_it_is_refused(self, calibrated: Path, digits: Path, pattern: str, replacement: str) -> None:
        text = (calibrated / "max.qcal.json").read_text()
        Path("bad.qcal.json").write_text(re.sub(pattern, replacement, text, count=1))
        refusal = done("quantize", str(digits / "model.onnx"), "--calib", "bad.qcal.json", "-o", "x.onnx")
        assert refusal.returncode == 3
        assert "--> bad.qcal.json" in refusal.stderr
        assert "calibrate again" in refusal.stderr
        assert not Path("x.onnx").exists()


class Test54PoisonedState:
    """What others can write is not believed."""

    def test_a_journal_in_a_folder_that_others_can_write_is_refused(self, journal: Path) -> None:
        journal.parent.chmod(0o777)
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert "others can write into it" in refusal.stderr

    def test_a_link_in_the_place_of_the_folder_is_refused(self, journal: Path) -> None:
        journal.parent.rename("elsewhere")
        journal.parent.symlink_to("elsewhere")
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert "is a link" in refusal.stderr

    def test_a_link_in_the_place_of_a_lock_is_not_followed(self, job: list[str]) -> None:
        Path("victim").write_text("precious")
        Path(".out.lock").symlink_to("victim")
        assert done(*job, "--until", "thresholds", "--output", "out").returncode == 4
        assert Path("victim").read_text() == "precious"


class Test55TwoProcesses:
    """Two processes never write to one output."""

    def test_the_second_is_told_which_process_is_at_work(self, tmp_path: Path, slow_job: list[str]) -> None:
        first = started(slow_job, tmp_path, prelude=SLOW)
        wait_for(".quantkit/run-*.jsonl", tmp_path, first)
        second = done(*slow_job, "--force")
        first.communicate(timeout=60)
        assert first.returncode == 0
        assert second.returncode == 4
        assert f"process {first.pid} is writing" in second.stderr

    def test_the_lock_of_a_dead_process_is_taken_over(self, tmp_path: Path, slow_job: list[str]) -> None:
        journal = killed(slow_job, tmp_path)
        assert Path(".out.lock").exists()
        assert done("calibrate", "--resume", str(journal)).returncode == 0
        assert leftovers(tmp_path) == []


class Test56Interruption:
    """Ctrl-C and SIGTERM save the state and say how to go on."""

    @pytest.mark.parametrize(("number", "exit_code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
    def test_the_command_that_is_printed_finishes_the_run(
        self, tmp_path: Path, slow_job: list[str], number: signal.Signals, exit_code: int
    ) -> None:
        process = started(slow_job, tmp_path, prelude=SLOW)
        wait_for(".quantkit/run-*.safetensors", tmp_path, process)
        process.send_signal(number)
        output, notes = process.communicate(timeout=60)
        assert process.returncode == exit_code
        assert output == ""
        assert "Traceback" not in notes
        assert leftovers(tmp_path) == []
        command = re.search(r"hint:  quantkit (calibrate --resume \S+)", notes)
        assert command, notes
        assert done(*command[1].split()).returncode == 0
        assert Path("out/model.entropy.int8.onnx").exists()
        assert not Path(".quantkit").exists()


class Test57SuddenDeath:
    """A killed run leaves whole files only, and resuming it gives what an undisturbed run gives."""

    @pytest.mark.parametrize("delay_s", [0.0, 0.5])
    def test_resuming_gives_the_same_bytes(self, tmp_path: Path, slow_job: list[str], delay_s: float) -> None:
        journal = killed(slow_job, tmp_path, delay_s=delay_s)
        resumed = done("calibrate", "--resume", str(journal))
        assert resumed.returncode == 0, resumed.stderr
        assert done(*slow_job[:-1], "whole").returncode == 0
        assert results(tmp_path / "out") == results(tmp_path / "whole")
        assert leftovers(tmp_path) == []

    def test_what_a_killed_writer_left_goes_when_the_next_one_starts(self, digits: Path) -> None:
        for name in ("run.json", "samples.jsonl"):
            Path(f".{name}.k1lled.tmp").write_text("half of ")
        model, data, recipe = (str(digits / name) for name in ("model.onnx", "calib", "preprocess.toml"))
        words = ["--data", data, "--preprocess", recipe, "--max-samples", "16", "--no-latency"]
        assert done("compare", model, model, *words).returncode == 0
        assert sorted(path.name for path in Path().iterdir()) == ["run.json", "samples.jsonl"]

    def test_beginning_anew_has_to_be_asked_for(self, tmp_path: Path, slow_job: list[str]) -> None:
        journal = killed(slow_job, tmp_path)
        refusal = done(*slow_job)
        assert refusal.returncode == 2
        assert f"go on where it stopped: quantkit calibrate --resume {journal}" in refusal.stderr
        assert journal.exists()
        assert done(*slow_job, "--force").returncode == 0

    def test_a_run_is_finished_where_it_was_begun(
        self, tmp_path: Path, slow_job: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        journal = killed(slow_job[:-2], tmp_path)
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        assert done("calibrate", "--resume", str(journal)).returncode == 0
        assert (tmp_path / "model-int8" / "model.max.int8.onnx").exists()
        assert list(elsewhere.iterdir()) == []


class Test58ResumingSomethingElse:
    """A run whose inputs changed is not the same run."""

    @pytest.mark.parametrize("name", ["model", "data", "preprocessing", "quantkit"])
    def test_every_field_that_differs_is_named(self, journal: Path, name: str) -> None:
        edited(journal, **{name: "0" * 64})
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert f"{name}: {'0' * 16} then, " in refusal.stderr

    def test_a_run_that_does_not_say_what_of_is_no_run(self, journal: Path) -> None:
        journal.write_text(journal.read_text().replace('"model": ["', '"moodel": ["', 1))
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert "MODEL is missing" in refusal.stderr

    def test_no_other_option_is_taken(self, journal: Path) -> None:
        refusal = done("calibrate", "--resume", str(journal), "--method", "mse")
        assert refusal.returncode == 2
        assert "--resume takes no other options" in refusal.stderr


class Test59TornLine:
    """The last line of a journal may be torn; nothing else may."""

    def test_it_is_dropped_with_a_notice(self, tmp_path: Path, slow_job: list[str]) -> None:
        journal = killed(slow_job, tmp_path)
        with journal.open("ab") as stream:
            stream.write(b'{"step": "statis')
        resumed = done("calibrate", "--resume", str(journal))
        assert resumed.returncode == 0
        assert "the last line was cut off and is dropped" in resumed.stderr

    def test_a_torn_first_line_is_no_journal(self, journal: Path) -> None:
        journal.write_bytes(journal.read_bytes()[:40])
        refusal = done("calibrate", "--resume", str(journal))
        assert refusal.returncode == 3
        assert "not a usable journal" in refusal.stderr


class Test60FullAndForbiddenPlaces:
    """No room, no permission, or the wrong place: told at once, and nothing is lost."""

    def test_a_disk_that_fills_up_leaves_the_old_file_and_no_temporary_one(
        self, tmp_path: Path, job: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def refuse(handle: int) -> None:
            raise OSError(28, "No space left on device")

        Path("out").mkdir()
        Path("out/max.qcal.json").write_text("old")
        monkeypatch.setattr(os, "fsync", refuse)
        refusal = done(*job, "--until", "thresholds", "-o", "out", "--force")
        assert refusal.returncode == 4
        assert "no space left to write" in refusal.stderr
        assert results(tmp_path / "out") == {"max.qcal.json": b"old"}
        assert leftovers(tmp_path) == []

    def test_a_disk_too_small_is_noticed_before_the_work(
        self, tmp_path: Path, job: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
        refusal = done(*job, "--output", "out")
        assert refusal.returncode == 4
        assert "needed, 1.0 kB free" in refusal.stderr
        assert list(tmp_path.iterdir()) == []

    def test_a_file_larger_than_allowed_leaves_the_old_one_and_no_temporary_one(
        self, tmp_path: Path, job: list[str]
    ) -> None:
        Path("out").mkdir()
        Path("out/statistics.safetensors").write_text("old")
        limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
        words = [*job, "--until", "statistics", "-o", "out", "--force"]
        refusal = ended(words, tmp_path, prelude=limit)
        assert refusal.returncode == 4, refusal.stderr
        assert "no space left to write out/statistics.safetensors" in refusal.stderr
        assert results(tmp_path / "out") == {"statistics.safetensors": b"old"}
        assert leftovers(tmp_path) == []

    @pytest.mark.parametrize("refused", [errno.EDQUOT, errno.EROFS, errno.EACCES], ids=errno.errorcode.get)
    def test_whatever_the_system_refuses_is_exit_code_4(
        self, tmp_path: Path, job: list[str], monkeypatch: pytest.MonkeyPatch, refused: int
    ) -> None:
        def refuse(self: Path, target: Path) -> None:
            raise OSError(refused, os.strerror(refused), str(self))

        Path("out").mkdir()
        Path("out/max.qcal.json").write_text("old")
        monkeypatch.setattr(Path, "replace", refuse)
        refusal = done(*job, "--until", "thresholds", "-o", "out", "--force")
        assert refusal.returncode == 4
        assert "hint:  " in refusal.stderr
        assert results(tmp_path / "out") == {"max.qcal.json": b"old"}
        assert leftovers(tmp_path) == []

    @pytest.mark.skipif(not _may(*NAMESPACE, "mount", "-t", "tmpfs", "none", "/mnt"), reason="nothing can be mounted")
    def test_a_small_disk_is_filled_and_nothing_is_lost(self, tmp_path: Path, job: list[str]) -> None:
        # Room for what is looked at beforehand, and not for the results of a job that fills it meanwhile.
        Path("mine.py").write_text(
            f"import sys; from quantkit.cli.process import outputs; outputs._require_space = lambda *a: None\n{RUN}"
        )
        script = f"""
            mount -t tmpfs -o size=300k none /mnt && mkdir /mnt/out && echo old > /mnt/out/max.qcal.json
            {shlex.join([sys.executable, "mine.py", *job, "--until", "thresholds", "-o", "/mnt/out", "--force"])}
            echo "exit code $?"; ls -A /mnt /mnt/out; cat /mnt/out/max.qcal.json
        """
        shown = subprocess.run(
            [*NAMESPACE, "sh", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert "no space left to write" in shown.stderr
        assert shown.stdout.split() == ["exit", "code", "4", "/mnt:", "out", "/mnt/out:", "max.qcal.json", "old"]

    def test_missing_folders_are_made(self, job: list[str]) -> None:
        assert done(*job, "--until", "statistics", "--output", "a/b/out").returncode == 0
        assert Path("a/b/out/statistics.safetensors").exists()

    def test_the_data_is_no_output(self, job: list[str], digits: Path) -> None:
        refusal = done(*job, "--output", str(digits / "calib"), "--force")
        assert refusal.returncode == 2
        assert "is also an input" in refusal.stderr

    def test_the_model_is_no_output(self, calibrated: Path, digits: Path) -> None:
        shutil.copy(digits / "model.onnx", "copy.onnx")
        calib = str(calibrated / "max.qcal.json")
        refusal = done("quantize", "copy.onnx", "--calib", calib, "-o", "copy.onnx", "--force")
        assert refusal.returncode == 2
        assert Path("copy.onnx").read_bytes() == (digits / "model.onnx").read_bytes()

    def test_results_that_are_there_are_kept(self, tmp_path: Path, job: list[str]) -> None:
        Path("out").mkdir()
        Path("out/run.json").write_text("old")
        refusal = done(*job, "--output", "out")
        assert refusal.returncode == 2
        assert "--force replaces it" in refusal.stderr
        assert results(tmp_path / "out") == {"run.json": b"old"}


class Test63OddTerminals:
    """Whoever reads, and in whatever letters, sees no traceback."""

    def test_a_reader_may_stop_reading(self, tmp_path: Path, digits: Path) -> None:
        assert deaf(["inspect", str(digits / "model.onnx")], tmp_path, "stdout") == (0, "")

    def test_notes_that_nobody_reads_stop_nothing(self, tmp_path: Path, job: list[str]) -> None:
        words = [*job, "--until", "statistics", "-o", "out", "--progress", "log"]
        exit_code, output = deaf(words, tmp_path, "stderr")
        assert exit_code == 0
        assert "statistics.safetensors" in output

    @pytest.mark.parametrize(
        "variables",
        [
            pytest.param({"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, id="a locale without letters"),
            pytest.param(
                {"PYTHONIOENCODING": "cp1252", "TERM": "dumb", "COLUMNS": "20"}, id="a narrow old Windows console"
            ),
        ],
    )
    def test_the_whole_job_runs(self, tmp_path: Path, job: list[str], variables: dict[str, str]) -> None:
        finished = ended([*job, "--output", "größe"], tmp_path, **variables)
        assert finished.returncode == 0, finished.stderr
        assert Path("größe/report.md").exists()

    def test_names_that_are_no_text_are_shown_as_escapes(self) -> None:
        refusal = done("report", os.fsdecode(b"\xff\x1b[31m.json"))
        assert refusal.returncode == 3
        assert "\x1b" not in refusal.stderr
        assert "\\x1b[31m.json" in refusal.stderr


class Test64PoorSurroundings:
    """No home, no network."""

    def test_the_whole_job_leaves_home_and_network_alone(self, tmp_path: Path, job: list[str]) -> None:
        home = tmp_path / "home"
        home.mkdir(mode=0o500)
        prelude = """
import socket
def refuse(*arguments, **options):
    raise AssertionError("network")
socket.socket.connect = socket.getaddrinfo = socket.create_connection = refuse
"""
        places = {"HOME": str(home), "XDG_CACHE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        finished = ended([*job, "--until", "model", "--output", "out"], tmp_path, prelude=prelude, **places)
        assert finished.returncode == 0, finished.stderr
        # Neither does ONNX Runtime, which keeps an identifier there when its telemetry is on.
        assert list(home.iterdir()) == []

    @pytest.mark.skipif(not _may(*NAMESPACE, "--net", "true"), reason="no network namespaces here")
    def test_the_whole_job_runs_where_there_is_no_network_and_nothing_may_be_written(
        self, tmp_path: Path, job: list[str]
    ) -> None:
        command = [sys.executable, "-c", RUN, *job, "--output", str(tmp_path / "out")]
        finished = subprocess.run(
            [*NAMESPACE, "--net", *command], cwd=tmp_path, capture_output=True, text=True, check=False,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": "/nonexistent"},
        )  # fmt: skip
        assert finished.returncode == 0, finished.stderr
        assert Path("out/report.md").exists()


class Test65MissingPackage:
    """An extra that is not installed is named with the command that installs it."""

    def test_the_command_is_exact(self, tmp_path: Path, job: list[str]) -> None:
        prelude = "import sys; sys.modules['onnxruntime'] = None"
        refusal = ended([*job, "--output", "out", "--json"], tmp_path, prelude=prelude)
        error = json.loads(refusal.stdout)["error"]
        assert (refusal.returncode, error["code"], error["exit_code"]) == (4, "QK4001", 4)
        assert error["hints"] == ['pip install "quantkit-ptq[cpu]"']


class Test66TwoRuntimes:
    """Two packages that overwrite each other are found before they mislead."""

    def test_the_doctor_ends_with_an_exit_code(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from importlib import metadata

        version = metadata.version
        monkeypatch.setattr(metadata, "version", lambda name: "1" if name == "onnxruntime-gpu" else version(name))
        report = done("doctor", "--json")
        assert report.returncode == 4
        problems = [
            finding["name"] for finding in json.loads(report.stdout)["findings"] if finding["status"] == "problem"
        ]
        assert problems == ["onnxruntime twice"]
