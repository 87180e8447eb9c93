//! One store: the box with its agent, the link to the relay, two tills and their terminals.

use std::ffi::OsString;
use std::io::Write as _;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::future::try_join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::config::{self, AgentPlaces, Tap};
use super::{Relay, Setup, free_port, until};
use crate::link_sim::Link;
use crate::program::{AgentProgram, Program};
use crate::shop::{Shop, TerminalLine};
use crate::sims::printer::Printer;
use crate::terminal_sim::{Pos, Pty, Terminal, serve_hpa, serve_pax, serve_stream, serve_tcp};
use crate::till_sim::{Clock, Line, Till, http};

/// What tills show to agents.
pub const SECRET: &str = "till-secret-of-a-simulated-store";

/// A slow machine in a debug build needs so long at most.
const START: Duration = Duration::from_secs(30);

/// One store.
#[derive(Debug)]
pub struct Site {
    /// Index of the store.
    pub store: usize,
    /// The agent's process.
    pub agent: Arc<Program>,
    /// Where the agent takes tickets and tells its status.
    pub http: SocketAddr,
    /// Towards the relay.
    pub link: Link,
    /// The tills.
    pub tills: Vec<Mutex<Till>>,
    /// The terminals, by register.
    pub terminals: Vec<Terminal>,
    /// The receipt printers, by register, where the store has any.
    pub printers: Vec<Printer>,
    /// Where tills print to, by register.
    pub printer_taps: Vec<SocketAddr>,
    /// The agent's state directory.
    pub state_dir: PathBuf,
    /// The agent's configuration file.
    pub config: PathBuf,
    /// The program that the agent is.
    pub program: AgentProgram,
    _cables: Vec<Pty>,
    serving: Vec<JoinHandle<()>>,
}

pub(super) async fn open_all(setup: &Setup, shop: &Shop, relay: &Relay) -> anyhow::Result<Vec<Site>> {
    let open = (0..shop.stores.len()).map(|store| async move {
        let name = &shop.stores[store].id;
        let site = Site::build(setup, shop, store, relay)
            .await
            .with_context(|| format!("build {name}"))?;
        site.enroll(&shop.tenant, name, relay)
            .await
            .with_context(|| format!("enrol {name}"))?;
        site.agent.start()?;
        site.wait_up().await?;
        anyhow::Ok(site)
    });
    try_join_all(open).await
}

/// The watched folder, in the state directory.
const FILES: &str = "files";

impl Site {
    /// The folder that the box watches, where it watches one.
    #[must_use]
    pub fn files(&self) -> PathBuf {
        self.state_dir.join(FILES)
    }

    async fn build(setup: &Setup, shop: &Shop, store: usize, relay: &Relay) -> anyhow::Result<Self> {
        let place = &shop.stores[store];
        let dir = setup.dir.join(&place.id);
        std::fs::create_dir_all(&dir).with_context(|| format!("make {}", dir.display()))?;
        let state_dir = setup
            .agent_dirs
            .get(&store)
            .cloned()
            .unwrap_or_else(|| dir.join("state"));
        if setup.folders {
            let files = state_dir.join(FILES);
            std::fs::create_dir_all(&files).with_context(|| format!("make {}", files.display()))?;
        }
        let secret_file = dir.join("till.secret");
        write_secret(&secret_file, SECRET)?;
        let link = Link::open(setup.seed ^ store as u64, setup.broker.unwrap_or(relay.mqtt)).await?;
        let http = free_port()?;
        let mut parts = Parts::default();
        for (number, register) in place.registers.iter().enumerate() {
            parts.add(register.terminal, &format!("{}", number + 1)).await?;
            if setup.printers {
                parts.add_printer().await?;
            }
        }
        let places = AgentPlaces {
            state_dir: &state_dir,
            secret_file: &secret_file,
            http: http.to_string(),
            mqtt: link.address().to_string(),
            taps: parts.taps,
            printers: parts.printer_lines.clone(),
        };
        let config = dir.join("agent.toml");
        let text = config::agent(setup, place, store, &places)?;
        std::fs::write(&config, text).with_context(|| format!("write {}", config.display()))?;
        let till = |(register, (line, terminal)): (usize, (Line, &Terminal))| {
            let seed = setup.seed * 100 + (store * 10 + register) as u64;
            let mut till = Till::new(http, SECRET, line, terminal.clone(), Clock::default(), seed);
            till.repeats = setup.repeats;
            Mutex::new(till)
        };
        let tills = parts
            .lines
            .into_iter()
            .zip(&parts.terminals)
            .enumerate()
            .map(till)
            .collect();
        let program = setup.agent_program();
        let args = program.args([OsString::from("run"), "--config".into(), config.clone().into()]);
        Ok(Self {
            store,
            agent: Arc::new(Program::new(
                &place.id,
                &program.binary,
                args,
                &dir.join("agent.log"),
            )),
            http,
            link,
            tills,
            terminals: parts.terminals,
            printers: parts.printers,
            printer_taps: parts.printer_lines.into_iter().map(|(tap, _)| tap).collect(),
            state_dir,
            config,
            program,
            _cables: parts.cables,
            serving: parts.serving,
        })
    }

    /// Waits until the agent answers.
    ///
    /// # Errors
    /// When it does not; with the end of its log.
    pub async fn wait_up(&self) -> anyhow::Result<()> {
        let up = until("the agent answers", START, async || {
            Ok(self.status().await.ok().map(drop))
        });
        up.await.with_context(|| self.agent.log_tail())
    }

    /// Prints at a register as its till does, asking the printer first whether it is ready.
    ///
    /// # Errors
    /// When the printer does not say that it is, or does not take all of it in time.
    pub async fn print(&self, register: usize, job: &[u8]) -> anyhow::Result<()> {
        let tap = self
            .printer_taps
            .get(register)
            .context("a register without a printer")?;
        let print = async {
            let mut printer = TcpStream::connect(tap).await?;
            printer.write_all(b"\x10\x04\x01").await?;
            let mut state = [0];
            printer.read_exact(&mut state).await?;
            printer.write_all(job).await?;
            printer.shutdown().await?;
            printer.read_to_end(&mut Vec::new()).await?;
            std::io::Result::Ok(state[0])
        };
        let state = tokio::time::timeout(START, print)
            .await
            .context("the printer took too long")??;
        anyhow::ensure!(state == 0x12, "the printer said {state:02x}, wanted 12");
        Ok(())
    }

    /// What the agent says about itself.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn status(&self) -> anyhow::Result<Value> {
        let answer = http::get(self.http, "/status").await?;
        serde_json::from_str(&answer.body).with_context(|| format!("/status answered {answer:?}"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.serving.iter().for_each(JoinHandle::abort);
    }
}

/// The parts of a store's lines, as they are put together.
#[derive(Default)]
struct Parts {
    taps: Vec<Tap>,
    lines: Vec<Line>,
    terminals: Vec<Terminal>,
    printers: Vec<Printer>,
    /// Where tills print to, and the printer.
    printer_lines: Vec<(SocketAddr, SocketAddr)>,
    cables: Vec<Pty>,
    serving: Vec<JoinHandle<()>>,
}

impl Parts {
    async fn add_printer(&mut self) -> anyhow::Result<()> {
        let printer = Printer::default();
        let (address, serving) = printer.serve(([127, 0, 0, 1], 0).into()).await?;
        self.printer_lines.push((free_port()?, address));
        self.printers.push(printer);
        self.serving.push(serving);
        Ok(())
    }

    async fn add(&mut self, line: TerminalLine, ecr: &str) -> anyhow::Result<()> {
        let terminal = Terminal::default();
        match line {
            TerminalLine::Tcp => {
                let (address, serving) = serve_tcp(terminal.clone()).await?;
                let listen = free_port()?;
                self.taps.push(Tap::Tcp {
                    adapter: "upa",
                    listen: listen.to_string(),
                    terminal: address.to_string(),
                });
                self.lines.push(Line::Tcp(listen));
                self.serving.push(serving);
            }
            TerminalLine::Pax | TerminalLine::Hpa => {
                let listen = free_port()?;
                let (adapter, line) = if line == TerminalLine::Pax {
                    ("pax", Line::Pax(listen))
                } else {
                    ("hpa", Line::Hpa(listen))
                };
                let (address, serving) = match &line {
                    Line::Pax(_) => serve_pax(terminal.clone()).await?,
                    _ => serve_hpa(terminal.clone()).await?,
                };
                self.taps.push(Tap::Tcp {
                    adapter,
                    listen: listen.to_string(),
                    terminal: address.to_string(),
                });
                self.lines.push(line);
                self.serving.push(serving);
            }
            TerminalLine::Serial => {
                let (pos_cable, till_end) = Pty::open()?;
                let (terminal_cable, terminal_end) = Pty::open()?;
                let path = |cable: &Pty| cable.path().display().to_string();
                self.taps.push(Tap::Serial {
                    pos: path(&pos_cable),
                    terminal: path(&terminal_cable),
                });
                self.lines.push(Line::Serial(Box::new(Pos::new(till_end, ecr))));
                let served = terminal.clone();
                self.serving.push(tokio::spawn(async move {
                    let _ended = serve_stream(terminal_end, served).await;
                }));
                self.cables.extend([pos_cable, terminal_cable]);
            }
        }
        self.terminals.push(terminal);
        Ok(())
    }
}

/// Writes a file that only its owner may read.
pub(super) fn write_secret(path: &Path, secret: &str) -> anyhow::Result<()> {
    let file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path);
    let mut file = file.with_context(|| format!("make {}", path.display()))?;
    file.write_all(secret.as_bytes())
        .with_context(|| format!("write {}", path.display()))
}
