"""Runs jobs of core-tts-batch: speaks the lines of a script at once, then makes the files and charges."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import numpy as np
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from voxport.audio.arrays import SAMPLE_RATE, Pcm
from voxport.audio.codec.wav import to_pcm16
from voxport.billing.service import Billing
from voxport.db.session import Database
from voxport.errors import NotFound
from voxport.jobs.handler import JobHandler, Step
from voxport.jobs.port import JobNotActive, Json
from voxport.jobs.run import JobRun
from voxport.jobs.service import Jobs
from voxport.media.service import MediaService
from voxport.provider_calls.service import ProviderCalls
from voxport.providers.base import Provider, SpokenWord, Utterance
from voxport.providers.registry import Registry
from voxport.retry import retry
from voxport.scripts import repository
from voxport.scripts.assembly import Assembly
from voxport.scripts.hearing import Take, is_better
from voxport.scripts.line_judge import LineJudge
from voxport.scripts.models import JobLine, ScriptJob
from voxport.scripts.output_files import OutputFiles
from voxport.scripts.preparation import plain_if_unchanged
from voxport.scripts.service import FILES_FOLDER, SERVICE
from voxport.settings import Settings
from voxport.speech.durations import billed_seconds
from voxport.speech.reading import read_document
from voxport.speech.service import require_audio
from voxport.speech.timestamps import shifted
from voxport.spoken_lines.service import ProfileGone, SpokenLine, SpokenLines, forget_voice
from voxport.storage.base import Storage
from voxport.text.pronunciation import Rule
from voxport.text.ssml.document import Document
from voxport.voices.provisioning import VoiceProvisioning
from voxport.voices.service import ResolvedVoice, VoiceService

_SPEAKING_FRACTION: Final = 0.9  # share of the progress before the files are made
_RECORD_PAUSES: Final = (0.2, 1.0, 3.0)  # seconds, before each further try to record a line
_STORE_ATTEMPTS: Final = 3
_RETAKE_SPEEDS: Final = (0.98, 1.02)
_log = logging.getLogger("voxport.scripts")


@dataclass(frozen=True)
class _Speaker:
    """Who speaks a character's lines."""

    voice: ResolvedVoice
    provider: Provider
    rules: tuple[Rule, ...]


class ScriptHandler(JobHandler):
    """A line that has been spoken is never spoken again: a kill loses only those under way, and a job that fails or is
    cancelled leaves the others to the next job with the same lines, which pays for them."""

    service = SERVICE
    queue = "voxport-script-jobs"
    stages = ("speaking", "storing")

    def __init__(
        self,
        settings: Settings,
        database: Database,
        billing: Billing,
        jobs: Jobs,
        voices: VoiceService,
        provisioning: VoiceProvisioning,
        provider_calls: ProviderCalls,
        providers: Registry,
        media: MediaService,
        storage: Storage,
        spoken_lines: SpokenLines,
        judge: LineJudge,
        ffmpeg: Path,
    ) -> None:
        self.concurrency = settings.worker_script_concurrency
        self.time_limit = timedelta(seconds=settings.script_job_seconds)
        self._parallel = settings.script_lines_at_once
        self._database = database
        self._billing = billing
        self._jobs = jobs
        self._voices = voices
        self._provisioning = provisioning
        self._provider_calls = provider_calls
        self._providers = providers
        self._media = media
        self._storage = storage
        self._spoken_lines = spoken_lines
        self._judge = judge
        self._ffmpeg = ffmpeg

    def steps(self) -> Sequence[Step]:
        return (("speak", self._speak), ("store", self._store))

    def clean_up(self, run: JobRun, *, completed: bool) -> None:
        self._provider_calls.abandon_job(run.job_id)
        self._spoken_lines.remove_strays(run.profile_id, run.job_id)
        if completed:
            return
        for file in list(self._storage.scan(folder_of(run.job_id))):
            self._storage.delete(file.key)
        with self._database.snapshot() as tx:
            digests = {row.digest for row in repository.lines(tx, run.job_id)}
        self._forget_deleted_voices(run.profile_id, digests)

    def drain(self, seconds: float) -> None:
        """Wait for paid lines in progress, which can't be repeated, and start none."""
        self._provider_calls.drain(seconds)

    def must_finish(self, job_id: str) -> bool:
        return self._provider_calls.has_paid_part(job_id)

    def _speak(self, run: JobRun) -> Json:
        run.advance("speaking", 0.0)
        script, rows = self._load(run)
        spoken = self._speak_missing(run, script, rows)
        return {"lines": len(rows), "spoken": spoken}

    def _speak_missing(self, run: JobRun, script: ScriptJob, rows: Sequence[JobLine]) -> int:
        """Speak the lines whose audio is not there; returns how many. Raises NotFound if a voice was deleted."""
        speakers = self._speakers(run, script, rows)
        first: dict[str, JobLine] = {}
        for row in rows:
            first.setdefault(row.digest, row)
        found = self._spoken_lines.find(run.profile_id, first, trusted_since=run.job.created_at)
        with self._database.transaction() as tx:
            for digest, audio in found.items():
                if first[digest].samples != audio.samples:
                    repository.set_spoken(tx, run.job_id, digest, audio.samples, audio.findings)
        missing = [row for digest, row in first.items() if digest not in found]
        if missing:
            self._speak_all(run, missing, speakers, done=len(first) - len(missing))
        return len(missing)

    def _speak_all(self, run: JobRun, rows: Sequence[JobLine], speakers: dict[str, _Speaker], *, done: int) -> None:
        """Speak lines, several at once, and report progress. Raises JobNotActive if the job was cancelled, and
        OutcomeUnknown."""
        with ThreadPoolExecutor(self._parallel, thread_name_prefix="script") as pool:
            futures = [pool.submit(self._speak_line, run, row, speakers[row.character]) for row in rows]
            try:
                for count, future in enumerate(as_completed(futures), done + 1):
                    future.result()
                    run.advance("speaking", round(_SPEAKING_FRACTION * count / (done + len(rows)), 4))
            except BaseException:
                for future in futures:
                    future.cancel()
                raise

    def _speak_line(self, run: JobRun, row: JobLine, speaker: _Speaker) -> None:
        voice_id = speaker.voice.voice_id
        document = self._document(row, speaker)
        named = self._named_voices(run.profile_id, document, speaker.provider)

        def speak() -> None:
            run.require_kept()
            with self._provider_calls.line(run, speaker.provider, voice_id, row.number):
                spoken, take = self._best_take(run, row, speaker, document, named)
                key = self._spoken_lines.write(run.profile_id, row.digest, run.job_id, spoken)
                # It is paid for: a deadlock or a short loss of the database must not lose it.
                retry(lambda: record(key, spoken, take), _RECORD_PAUSES, on=OperationalError)

        def record(key: str, spoken: SpokenLine, take: Take) -> None:
            found = [asdict(finding) for finding in take.findings] or None
            with self._database.transaction() as tx:
                try:
                    counts, samples = self._spoken_lines.record(
                        tx,
                        run.profile_id,
                        row.digest,
                        key=key,
                        voice_ids={voice_id, *(voice.voice_id for voice in named.values())},
                        samples=len(spoken.samples),
                        findings=found,
                    )
                except ProfileGone:
                    self._spoken_lines.discard(key)
                    raise JobNotActive(run.job_id) from None
                repository.set_spoken(tx, run.job_id, row.digest, samples, found)
                self._provider_calls.finish_line(tx, run.job_id, row.number)
            if counts != key:
                self._spoken_lines.discard(key)

        run.with_retries(speak)

    def _best_take(
        self,
        run: JobRun,
        row: JobLine,
        speaker: _Speaker,
        document: Document | None,
        named: Mapping[str, ResolvedVoice],
    ) -> tuple[SpokenLine, Take]:
        """Speak a line, and again if it sounds wrong, at a speed that differs by a little, since the engine says the
        same text in the same way. Hosted providers charge for each take, so that they speak once."""
        utterance = Utterance(
            row.text,
            row.language,
            row.voice_settings,
            client=run.profile_id,
            document=document,
            voices={name: self._provisioning.reference(voice) for name, voice in named.items()},
            with_words=speaker.provider.capabilities().supports_timestamps,
        )
        best = self._synthesize(speaker, utterance)
        take = self._judged(best, row, document)
        capabilities = speaker.provider.capabilities()
        if capabilities.is_hosted or "speed" not in capabilities.voice_settings:
            return best, take
        for factor in _RETAKE_SPEEDS:
            if not take.is_bad:
                break
            speed = min(max(row.voice_settings.get("speed", 1.0) * factor, 0.5), 2.0)
            spoken = self._synthesize(speaker, replace(utterance, settings={**row.voice_settings, "speed": speed}))
            other = self._judged(spoken, row, document)
            if is_better(other, take):
                best, take = spoken, other
        return best, take

    def _judged(self, spoken: SpokenLine, row: JobLine, document: Document | None) -> Take:
        """Judge a take. A recogniser that fails costs no line, which may have been paid for."""
        try:
            return self._judge.judge(spoken, row, document)
        except Exception:
            _log.exception("a line can't be judged", extra={"number": row.number})
            return Take()

    def _document(self, row: JobLine, speaker: _Speaker) -> Document | None:
        document = read_document(
            row.text,
            markup=row.markup,
            rules=speaker.rules,
            language=row.language,
            capabilities=speaker.provider.capabilities(),
            provider=speaker.provider.name,
        )
        return plain_if_unchanged(document, row.markup)

    def _synthesize(self, speaker: _Speaker, utterance: Utterance) -> SpokenLine:
        pieces: list[Pcm] = []
        words: list[SpokenWord] = []
        samples = 0
        for piece in self._provisioning.speak(speaker.voice, utterance):
            words += shifted(piece.words, samples / SAMPLE_RATE)
            pieces.append(to_pcm16(piece.audio))
            samples += len(pieces[-1])
        require_audio(samples, speaker.provider.name)
        return SpokenLine(np.concatenate(pieces), tuple(words))

    def _named_voices(self, profile_id: str, document: Document | None, provider: Provider) -> dict[str, ResolvedVoice]:
        """Return the voices that a line's markup names. Raises NotFound if one was deleted."""
        names = () if document is None else document.voices
        return {name: self._voices.resolve(profile_id, name, provider.name)[0] for name in names}

    def _speakers(self, run: JobRun, script: ScriptJob, rows: Sequence[JobLine]) -> dict[str, _Speaker]:
        speakers = {}
        for name in {row.character for row in rows}:
            member = script.cast_members[name]
            (voice,) = self._voices.resolve(run.profile_id, member["voice_id"], member["provider"])
            provider = self._providers.require_available(voice.provider.name)
            speakers[name] = _Speaker(voice, provider, tuple(Rule(**rule) for rule in member["rules"]))
        return speakers

    def _store(self, run: JobRun) -> Json:
        run.advance("storing", _SPEAKING_FRACTION)
        script, rows = self._load(run)
        for attempt in range(_STORE_ATTEMPTS):
            # A line that was removed since it was spoken is spoken again: by a sweep, or with its voice.
            if self._speak_missing(run, script, rows):
                script, rows = self._load(run)
            try:
                return self._write_and_complete(run, script, rows)
            except FileNotFoundError:
                if attempt == _STORE_ATTEMPTS - 1:
                    raise
        return {}

    def _write_and_complete(self, run: JobRun, script: ScriptJob, rows: Sequence[JobLine]) -> Json:
        digests = {row.digest: row.samples or 0 for row in rows}
        found = self._spoken_lines.find(run.profile_id, digests, trusted_since=run.job.created_at)
        if len(found) < len(digests):
            raise FileNotFoundError("a line was removed")
        keys = {digest: audio.key for digest, audio in found.items()}
        fraction = 0.0

        def on_progress(done: float) -> None:
            nonlocal fraction
            fraction = done
            require_active()

        def require_active() -> None:
            run.advance("storing", round(_SPEAKING_FRACTION + (1 - _SPEAKING_FRACTION) * fraction, 4))

        assembly = Assembly(rows, lambda digest: self._spoken_lines.read(keys[digest]), require_active)
        files = OutputFiles(self._storage, self._ffmpeg, folder_of(run.job_id), run.request, script, assembly)
        files.write(on_progress)
        for voice_id in self._spoken_lines.voices_of(run.profile_id, digests):
            self._voices.get(run.profile_id, voice_id)  # one that was deleted meanwhile is not delivered
        charged: set[str] = set()

        def units(tx: Session) -> Decimal:
            self._billing.lock_balance(tx, run.profile_id)  # of two jobs with one line, the first pays
            unpaid = self._spoken_lines.unpaid(tx, run.profile_id, digests)
            charged.clear()
            charged.update(unpaid)
            return sum((billed_seconds(samples) for samples in unpaid.values()), Decimal(0))

        def make_result(tx: Session) -> dict[str, Any]:
            self._spoken_lines.mark_paid(tx, run.profile_id, digests)
            left = set(charged)
            placed = []
            for line in assembly.lines:  # of several lines with one sound, the first is the one that was spoken
                placed.append((line.row.number, line.start, line.row.digest in left))
                left.discard(line.row.digest)
            repository.set_starts(tx, run.job_id, placed)
            for file in files.written:
                self._media.add_speech(tx, run.profile_id, file.key, file.content_type, file.size)
            problems = [row.line_id for row in rows if row.findings]
            warnings = [*script.facts["warnings"], *files.warnings]
            return {
                "lines": len(rows),
                "spoken": len(charged),
                "reused": len(rows) - len(charged),
                "duration_seconds": float(billed_seconds(assembly.samples)),
                "folder_id": run.request["folder_id"],
                "outputs": files.outputs(),
                **({"problems": problems} if problems else {}),
                **({"warnings": warnings} if warnings else {}),
            }

        self._jobs.complete(run.job_id, run.hold_id, units=units, make_result=make_result)
        return {}

    def _forget_deleted_voices(self, profile_id: str, digests: set[str]) -> None:
        """Let the audio go that was spoken while its voice was being deleted."""
        for voice_id in self._spoken_lines.voices_of(profile_id, digests):
            try:
                self._voices.get(profile_id, voice_id)
            except NotFound:
                with self._database.transaction() as tx:
                    forget_voice(tx, profile_id, voice_id)

    def _load(self, run: JobRun) -> tuple[ScriptJob, Sequence[JobLine]]:
        with self._database.snapshot() as tx:
            script, rows = repository.script(tx, run.job_id), repository.lines(tx, run.job_id)
        if script is None:
            raise LookupError(f"the script of job {run.job_id} is not there")
        return script, rows


def folder_of(job_id: str) -> str:
    """Return the folder of a job's files in the storage."""
    return f"{FILES_FOLDER}/{job_id}"
