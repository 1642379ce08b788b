//! The matrix: what is done in each cell, and how the job has to end.

use clipmill_tests::puppet::Act;

use super::Cell::{Never, Struck};
use super::Fault::*;
use super::strike::Place::{AfterCommit, AtRequest, InEngine, ToStore};
use super::strike::Strike::*;
use super::{Cell, End, Fault, Stage};

/// A stage's cells.
type Row = [(Fault, Cell); 10];

/// What the worker says to Postgres and to the store in a stage.
const CLAIMS: &str = "set status = 'in_progress'";
const COMPLETES: &str = "set status = 'completed'";
const SETTLES_WEBHOOK: &str = "set last_status";
const SETTLES_REMOVAL: &str = "delete from removals using done";
const UPLOADS: &str = "/video.mp4";
const READS_SOURCE: &str = "/source/";
const REMOVES: &str = "?delete";

/// What the worker records in a stage: with the lease in hand, when it has the files, when they are stored, after the commit, between
/// the endpoint's answer and its note, and between the objects' end and the row's.
const CLAIMED: &str = "clipmill_wait_seconds";
const POST_PROCESSED: &str = "clipmill_stage_seconds postprocess";
const UPLOADED: &str = "clipmill_stage_seconds upload";
const COMPLETED: &str = "clipmill_attempts_total completed";
const TOLD: &str = "clipmill_webhook_attempts_total";
const REMOVED: &str = "clipmill_objects_removed_total";

const NO_STORE: &str = "this stage never speaks to the store";
const NO_FILE: &str = "this stage writes no file";
const NO_IMAGE: &str = "source images are decoded before rendering and nowhere else";

/// Every stage, in the order of a job's way.
pub(super) const ROWS: [(Stage, Row); 7] = [
    (Stage::Claim, CLAIM),
    (Stage::Render, RENDER),
    (Stage::PostProcess, POST_PROCESS),
    (Stage::Upload, UPLOAD),
    (Stage::Complete, COMPLETE),
    (Stage::Notify, NOTIFY),
    (Stage::Expire, EXPIRE),
];

const CLAIM: Row = [
    (
        Error,
        Struck(
            PostgresRaises("update on jobs", "old.status = 'queued' and new.status = 'in_progress'"),
            End::completed(1),
        ),
    ),
    (Panic, Struck(PanicAt(CLAIMED), End::completed(2))),
    (Killed, Struck(Kill(AfterCommit(CLAIMS)), End::completed(2))),
    (LeaseLost, Struck(Pause(AfterCommit(CLAIMS)), End::completed(2))),
    (ConnectionCut, Struck(Cut(AtRequest(CLAIMS)), End::completed(1))),
    (PostgresRestarted, Struck(Restart(AtRequest(CLAIMS)), End::completed(1))),
    (S3Refusing, Never(NO_STORE)),
    (S3Slow, Never(NO_STORE)),
    (DiskFull, Never(NO_FILE)),
    (OutOfMemory, Never(NO_IMAGE)),
];

const RENDER: Row = [
    (Error, Struck(Prompt(Act::Fail), End::completed(2))),
    (Panic, Struck(Prompt(Act::Panic), End::completed(2))),
    (Killed, Struck(Kill(InEngine(Act::Hold)), End::completed(2))),
    (LeaseLost, Struck(Pause(InEngine(Act::Hold)), End::completed(2))),
    (ConnectionCut, Struck(Cut(InEngine(Act::Hold)), End::completed(1))),
    (PostgresRestarted, Struck(Restart(InEngine(Act::Hold)), End::completed(1))),
    (S3Refusing, Struck(WrongKeyWithImage, End::completed(2))),
    (S3Slow, Struck(SlowWithImage(READS_SOURCE), End::completed(1))),
    (DiskFull, Never("frames flow through memory to the encoder; rendering writes no file")),
    (OutOfMemory, Struck(Bomb, End::failed("source_damaged"))),
];

const POST_PROCESS: Row = [
    (Error, Struck(Prompt(Act::Odd), End::completed(2))),
    (Panic, Struck(PanicAt(POST_PROCESSED), End::completed(2))),
    (Killed, Struck(Kill(InEngine(Act::HoldLate)), End::completed(2))),
    (LeaseLost, Struck(Pause(InEngine(Act::HoldLate)), End::completed(2))),
    (ConnectionCut, Struck(Cut(InEngine(Act::HoldLate)), End::completed(1))),
    (PostgresRestarted, Struck(Restart(InEngine(Act::HoldLate)), End::completed(1))),
    (S3Refusing, Never(NO_STORE)),
    (S3Slow, Never(NO_STORE)),
    (DiskFull, Struck(NoRoom, End::completed_elsewhere())),
    (OutOfMemory, Never(NO_IMAGE)),
];

const UPLOAD: Row = [
    (Error, Struck(CutStore(UPLOADS), End::completed(2))),
    (Panic, Struck(PanicAt(UPLOADED), End::completed(2))),
    (Killed, Struck(Kill(ToStore(UPLOADS)), End::completed(2))),
    (LeaseLost, Struck(Pause(ToStore(UPLOADS)), End::completed(2))),
    (ConnectionCut, Struck(Cut(ToStore(UPLOADS)), End::completed(1))),
    (PostgresRestarted, Struck(Restart(ToStore(UPLOADS)), End::completed(1))),
    (S3Refusing, Struck(WrongKey, End::completed(2))),
    (S3Slow, Struck(Slow(UPLOADS), End::completed(1))),
    (DiskFull, Never("an upload only reads the files that post-processing has finished")),
    (OutOfMemory, Never(NO_IMAGE)),
];

const COMPLETE: Row = [
    (Error, Struck(PostgresRaises("update on jobs", "new.status = 'completed'"), End::completed(1))),
    (Panic, Struck(PanicAt(COMPLETED), End::completed(1))),
    (Killed, Struck(Kill(AfterCommit(COMPLETES)), End::completed(1))),
    (LeaseLost, Struck(Pause(AtRequest(COMPLETES)), End::completed(2))),
    (ConnectionCut, Struck(Cut(AfterCommit(COMPLETES)), End::completed(1))),
    (PostgresRestarted, Struck(Restart(AtRequest(COMPLETES)), End::completed(1))),
    (S3Refusing, Never(NO_STORE)),
    (S3Slow, Never(NO_STORE)),
    (DiskFull, Never(NO_FILE)),
    (OutOfMemory, Never(NO_IMAGE)),
];

const NOTIFY: Row = [
    (Error, Struck(EndpointFails, End::told_again())),
    (Panic, Struck(PanicAt(TOLD), End::told_again())),
    (Killed, Struck(Kill(AtRequest(SETTLES_WEBHOOK)), End::told_again())),
    (LeaseLost, Struck(Pause(AtRequest(SETTLES_WEBHOOK)), End::told_again())),
    (ConnectionCut, Struck(Cut(AtRequest(SETTLES_WEBHOOK)), End::told_again())),
    (PostgresRestarted, Struck(Restart(AtRequest(SETTLES_WEBHOOK)), End::told_again())),
    (S3Refusing, Never(NO_STORE)),
    (S3Slow, Never(NO_STORE)),
    (DiskFull, Never(NO_FILE)),
    (OutOfMemory, Never(NO_IMAGE)),
];

const EXPIRE: Row = [
    (Error, Struck(PostgresRaises("delete on removals", "true"), End::expired())),
    (Panic, Struck(PanicAt(REMOVED), End::expired())),
    (Killed, Struck(Kill(AtRequest(SETTLES_REMOVAL)), End::expired())),
    (LeaseLost, Struck(Pause(AtRequest(SETTLES_REMOVAL)), End::expired())),
    (ConnectionCut, Struck(Cut(AfterCommit(SETTLES_REMOVAL)), End::expired())),
    (PostgresRestarted, Struck(Restart(AtRequest(SETTLES_REMOVAL)), End::expired())),
    (S3Refusing, Struck(WrongKey, End::expired())),
    (S3Slow, Struck(Slow(REMOVES), End::expired())),
    (DiskFull, Never(NO_FILE)),
    (OutOfMemory, Never(NO_IMAGE)),
];
