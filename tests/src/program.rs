//! The real programs as children: started, killed, started again, and gone when their parent is gone.
//!
//! The demo's binary holds agent and relay: it starts itself with a hidden first argument ([`act`]) and then *is* that
//! program, through the same entry point that its own binary calls. A child reads its standard input to the end in the
//! background and ends itself then, so that a parent that was killed leaves nothing behind.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};

/// First argument that makes the binary an agent.
pub const AS_AGENT: &str = "as-agent";

/// First argument that makes the binary a relay.
pub const AS_RELAY: &str = "as-relay";

/// A child that was asked to end has so long before it is killed.
const POLITE: Duration = Duration::from_secs(10);

/// Becomes agent or relay when the first argument says so.
#[must_use]
pub fn act(args: &[OsString]) -> Option<ExitCode> {
    let role = args.get(1)?.to_str()?;
    let rest = |name: &str| {
        std::iter::once(OsString::from(name))
            .chain(args[2..].iter().cloned())
            .collect()
    };
    match role {
        AS_AGENT => {
            end_with_parent();
            Some(tillwire_agent::cli::main(rest("tillwire-agent")))
        }
        AS_RELAY => {
            end_with_parent();
            Some(tillwire_relay::cli::main(rest("tillwire-relay")))
        }
        _ => None,
    }
}

fn end_with_parent() {
    std::thread::spawn(|| {
        let mut input = std::io::stdin().lock();
        let mut buffer = [0; 64];
        while matches!(input.read(&mut buffer), Ok(1..)) {}
        std::process::exit(143);
    });
}

/// Which program a box's agent is.
#[derive(Debug, Clone)]
pub struct AgentProgram {
    /// The binary.
    pub binary: PathBuf,
    /// The argument that makes it an agent, where it is more than one.
    role: Option<&'static str>,
}

impl AgentProgram {
    /// The binary that holds agent, relay and all simulators.
    #[must_use]
    pub const fn inside(binary: PathBuf) -> Self {
        Self {
            binary,
            role: Some(AS_AGENT),
        }
    }

    /// The agent as it ships: what is measured is what a box runs. It does not end with its parent.
    #[must_use]
    pub const fn shipped(binary: PathBuf) -> Self {
        Self { binary, role: None }
    }

    /// All arguments for these.
    pub fn args<T: Into<OsString>>(&self, words: impl IntoIterator<Item = T>) -> Vec<OsString> {
        let role = self.role.map(OsString::from);
        role.into_iter()
            .chain(words.into_iter().map(Into::into))
            .collect()
    }
}

/// One program and how it is started.
#[derive(Debug)]
pub struct Program {
    name: String,
    binary: PathBuf,
    args: Vec<OsString>,
    log: PathBuf,
    child: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    child: Option<Child>,
    wanted: bool,
    starts: u32,
}

impl Program {
    /// A program that is not started yet. What it prints goes to the file `log`.
    #[must_use]
    pub fn new(name: &str, binary: &Path, args: Vec<OsString>, log: &Path) -> Self {
        Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            args,
            log: log.to_owned(),
            child: Mutex::default(),
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// When it runs already or cannot be started.
    pub fn start(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        if running.is_alive() {
            bail!("{} runs already", self.name);
        }
        running.wanted = true;
        running.starts += 1;
        running.child = Some(self.spawn()?);
        Ok(())
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        let log = open_log(&self.log)?;
        let errors = log.try_clone().context("share the log")?;
        Command::new(&self.binary)
            .args(&self.args)
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {} ({})", self.name, self.binary.display()))
    }

    /// `kill -9`; returns when it is gone. It stays down until it is started.
    pub fn kill(&self) {
        let mut running = self.running();
        running.wanted = false;
        running.end();
    }

    /// `kill -9`, and leaves it to [`Self::revive`] to start it again.
    pub fn crash(&self) {
        self.running().end();
    }

    /// Asks it to end (SIGTERM) and waits; kills it when it does not.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&self) -> anyhow::Result<()> {
        let mut running = self.running();
        running.wanted = false;
        let Some(child) = &mut running.child else {
            return Ok(());
        };
        if let Some(pid) = i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
            // an error means that it is gone already
            let _gone = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + POLITE;
        while Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_))) {
                running.child = None;
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        running.end();
        bail!(
            "{} did not end within {POLITE:?} and was killed; see {}",
            self.name,
            self.log.display()
        )
    }

    /// Starts it again when it should run and does not; true when it had to be.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn revive(&self) -> anyhow::Result<bool> {
        let mut running = self.running();
        if !running.wanted || running.is_alive() {
            return Ok(false);
        }
        running.starts += 1;
        running.child = Some(self.spawn()?);
        Ok(true)
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.running().is_alive()
    }

    /// Its process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.running().child.as_ref().map(Child::id)
    }

    /// How often it was started.
    #[must_use]
    pub fn starts(&self) -> u32 {
        self.running().starts
    }

    /// What people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The end of its log, for a failing test.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }

    /// Runs another command of the same program to its end and returns what it printed.
    ///
    /// # Errors
    /// When it fails; with its own words.
    pub fn run_once(binary: &Path, args: &[OsString]) -> anyhow::Result<String> {
        // its standard input stays open as long as we wait, see the module's head
        let child = Command::new(binary)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("start {}", binary.display()))?;
        let mut child = child;
        let input = child.stdin.take();
        let output = child.wait_with_output().context("wait for a command")?;
        drop(input);
        if !output.status.success() {
            let command: Vec<_> = args.iter().map(|a| a.to_string_lossy()).collect();
            let words = String::from_utf8_lossy(&output.stderr);
            bail!(
                "{} ended with {}: {}",
                command.join(" "),
                output.status,
                words.trim()
            );
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    fn is_alive(&mut self) -> bool {
        self.child
            .as_mut()
            .is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    fn end(&mut self) {
        if let Some(mut child) = self.child.take() {
            // errors mean that it is gone already
            let _gone = child.kill();
            let _reaped = child.wait();
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.running().end();
    }
}

fn open_log(path: &Path) -> anyhow::Result<File> {
    let log = OpenOptions::new().create(true).append(true).open(path);
    log.with_context(|| format!("open the log {}", path.display()))
}
