//! Runs the server's programs: as the right account, on a data folder that this account may be unable to reach by
//! name, and never for longer than this process lives.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail};

use super::account::Account;

/// Runs "$@" with what was the standard output as descriptor 3.
const PLAIN: &str = r#"exec 3<&1 1>&2; exec "$@""#;

/// The same, and interrupts "$@" once the standard input ends: that is, when we end, were it by SIGKILL. Repeatedly,
/// because a shell starts background programs deaf to SIGINT, and the first one may come before Postgres listens.
const WATCHED: &str = r#"
exec 3<&1 1>&2 4<&0 </dev/null
"$@" 4<&- & server=$!
(read -r _ <&4; while kill -INT "$server"; do sleep 0.1; done) 2>/dev/null 3<&- & watch=$!
exec 4<&-
wait "$server"; status=$?
kill "$watch" 2>/dev/null
exit "$status""#;

/// A log above this size is begun anew at the next start.
const LOG_LIMIT_BYTES: u64 = 16 << 20;

/// How many last lines of the log an error shows.
const TAIL_LINES: usize = 15;

/// How to run the server's programs on one data folder.
#[derive(Clone, Debug)]
pub(super) struct Launcher {
    pub(super) programs: PathBuf,
    pub(super) data: PathBuf,
    pub(super) log: PathBuf,
    pub(super) account: Option<Account>,
}

impl Launcher {
    /// Starts `program` in a process group of its own; it is interrupted when the child's `stdin` is closed.
    pub(super) fn spawn(&self, program: &str, arguments: &[String]) -> Result<Child> {
        let mut command = self.command(WATCHED, program)?;
        command.args(arguments).stdin(Stdio::piped()).spawn().with_context(|| format!("cannot run {program}"))
    }

    /// Runs `program` to its end, as [`Self::spawn`] does.
    pub(super) fn run(&self, program: &str, arguments: &[String]) -> Result<()> {
        let log_from = self.log_size_bytes();
        let mut child = self.spawn(program, arguments)?;
        let until_it_ends = child.stdin.take();
        let status = child.wait()?;
        drop(until_it_ends);
        if !status.success() {
            bail!("{program} ended with {status}:\n{}", self.log_tail(log_from));
        }
        Ok(())
    }

    /// Runs a server without a network on the data and feeds it `statements`, one a line.
    pub(super) fn run_single_user(&self, statements: &str) -> Result<()> {
        let log_from = self.log_size_bytes();
        // A failed statement may hold a password, so the log names the error only.
        let options = ["-c", "password_encryption=scram-sha-256", "-c", "log_min_error_statement=panic"];
        let mut command = self.command(PLAIN, "postgres")?;
        command.arg("--single").args(options).arg("postgres");
        let mut child = command.stdin(Stdio::piped()).spawn().context("cannot run postgres")?;
        let fed = child.stdin.take().map_or(Ok(()), |mut stdin| stdin.write_all(statements.as_bytes()));
        let status = child.wait()?;
        // A stand-alone server reports a failed statement in its log, and ends well.
        let log = self.log_tail(log_from);
        if fed.is_err() || !status.success() || log.contains("ERROR: ") {
            bail!("postgres could not be set up ({status}):\n{log}");
        }
        Ok(())
    }

    /// Under root the data folder is passed as an open descriptor, because the server's account can use that even
    /// where a parent (/root, a private temporary folder) is closed to it.
    fn command(&self, script: &str, program: &str) -> Result<Command> {
        let log = self.open_log()?;
        let lends_folder = self.account.is_some() && Path::new("/proc/self/fd").exists();
        let (data, third) = match lends_folder {
            true => (Path::new("/proc/self/fd/3"), File::open(&self.data)?),
            false => (self.data.as_path(), log.try_clone()?),
        };
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "clipmill-postgres"]).arg(self.programs.join(program));
        // Not the caller's environment: PGOPTIONS or an unknown locale would change what runs.
        command.env_clear().envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("TZ", "UTC")]).env("PGDATA", data);
        command.current_dir("/").process_group(0).stdout(third).stderr(log);
        if let Some(account) = self.account {
            command.uid(account.uid).gid(account.gid);
        }
        Ok(command)
    }

    fn open_log(&self) -> Result<File> {
        let log = File::options().create(true).append(true).mode(0o600).open(&self.log);
        log.with_context(|| format!("cannot write {}", self.log.display()))
    }

    /// Begins the log anew if it has grown too long.
    pub(super) fn trim_log(&self) -> Result<()> {
        if self.log_size_bytes() > LOG_LIMIT_BYTES {
            fs::write(&self.log, "").context("cannot empty the log")?;
        }
        Ok(())
    }

    /// How long the log is now, to be given to [`Self::log_tail`] later.
    pub(super) fn log_size_bytes(&self) -> u64 {
        fs::metadata(&self.log).map_or(0, |metadata| metadata.len())
    }

    /// The last lines written to the log after its first `from` bytes.
    pub(super) fn log_tail(&self, from: u64) -> String {
        let mut bytes = Vec::new();
        let read = File::open(&self.log).and_then(|mut file| {
            file.seek(SeekFrom::Start(from))?;
            file.read_to_end(&mut bytes)
        });
        if let Err(error) = read {
            return format!("(the log {} cannot be read: {error})", self.log.display());
        }
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n")
    }
}
