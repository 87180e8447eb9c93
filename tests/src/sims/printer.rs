//! A receipt printer on a network port (ESC/POS, 9100): prints to the screen, answers questions about its state, and
//! may be off-line, out of paper or slow.

pub mod receipt;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use tillwire_agent_core::capture::escpos::{CodePage, Lexer, Token, shown};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What `sim printer` is told.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where it listens.
    #[arg(long, default_value = "127.0.0.1:9100")]
    listen: SocketAddr,
    /// Its cover is open: it takes bytes, prints nothing and says so when asked.
    #[arg(long)]
    offline: bool,
    /// The paper has ended.
    #[arg(long)]
    paper_out: bool,
    /// Bytes that it takes in a second; as fast as they come when absent.
    #[arg(long)]
    bytes_per_second: Option<u32>,
}

/// How a printer is.
#[derive(Debug, Clone, Copy, Default)]
pub struct Condition {
    /// The cover is open.
    pub offline: bool,
    /// No paper.
    pub paper_out: bool,
    /// Bytes a second; 0 is as fast as they come.
    pub bytes_per_second: u32,
}

impl Condition {
    /// The byte that answers `DLE EOT n`: bits 1 and 4 are always set.
    fn real_time(self, n: u8) -> u8 {
        match n {
            1 => 0x12 | u8::from(self.stuck()) << 3,
            2 => 0x12 | u8::from(self.offline) << 2 | u8::from(self.paper_out) << 5,
            4 => 0x12 | if self.paper_out { 0x60 } else { 0 },
            _ => 0x12,
        }
    }

    const fn stuck(self) -> bool {
        self.offline || self.paper_out
    }
}

/// One printer; clones are the same printer.
#[derive(Debug, Clone, Default)]
pub struct Printer {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    condition: Condition,
    received: Vec<u8>,
    aloud: bool,
}

impl Printer {
    /// Sets how it is.
    pub fn set(&self, condition: Condition) {
        self.lock().condition = condition;
    }

    /// Every byte that it took.
    #[must_use]
    pub fn received(&self) -> Vec<u8> {
        self.lock().received.clone()
    }

    /// How many bytes it took.
    #[must_use]
    pub fn received_len(&self) -> usize {
        self.lock().received.len()
    }

    /// Serves a port, connection after connection.
    ///
    /// # Errors
    /// When the port cannot be opened.
    pub async fn serve(&self, listen: SocketAddr) -> anyhow::Result<(SocketAddr, JoinHandle<()>)> {
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("open the printer's port {listen}"))?;
        let address = listener.local_addr().context("read the printer's port")?;
        let printer = self.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let printer = printer.clone();
                tokio::spawn(async move {
                    let _nagle = stream.set_nodelay(true);
                    let _ended = printer.connection(stream).await;
                });
            }
        });
        Ok((address, task))
    }

    async fn connection(&self, mut stream: TcpStream) -> std::io::Result<()> {
        let mut job = Job::default();
        let mut buffer = vec![0; 4096];
        loop {
            let len = stream.read(&mut buffer).await?;
            if len == 0 {
                self.print(&mut job);
                return Ok(());
            }
            let condition = self.lock().condition;
            if condition.bytes_per_second > 0 {
                let millis = len as u64 * 1000 / u64::from(condition.bytes_per_second);
                tokio::time::sleep(Duration::from_millis(millis)).await;
            }
            self.lock().received.extend_from_slice(&buffer[..len]);
            let answers = job.take(&buffer[..len], condition);
            if job.is_cut && !condition.stuck() {
                self.print(&mut job);
            }
            stream.write_all(&answers).await?;
        }
    }

    #[expect(clippy::print_stdout, reason = "it prints")]
    fn print(&self, job: &mut Job) {
        let bytes = std::mem::take(&mut job.bytes);
        job.is_cut = false;
        if self.lock().aloud && !bytes.is_empty() {
            println!("{}", shown(&bytes, CodePage::default()).trim_end());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one connection sent and is not on paper yet.
#[derive(Debug, Default)]
struct Job {
    bytes: Vec<u8>,
    lexer: Lexer,
    last: [u8; 2],
    is_cut: bool,
}

impl Job {
    /// Takes bytes; what is answered at once, and then what is answered in turn.
    fn take(&mut self, bytes: &[u8], condition: Condition) -> Vec<u8> {
        let mut answers = Vec::new();
        for byte in bytes {
            // on arrival, whatever stands around it: also within a picture
            if self.last == [0x10, 0x04] {
                answers.push(condition.real_time(*byte));
            }
            self.last = [self.last[1], *byte];
        }
        self.bytes.extend_from_slice(bytes);
        let is_cut = &mut self.is_cut;
        self.lexer
            .push(bytes, &mut |token: Token, bytes: &[u8]| match (&token, bytes) {
                (Token::Cut, _) => *is_cut = true,
                _ if condition.stuck() => {}
                (Token::Ask, [0x1D, b'r', _]) => answers.push(0),
                (Token::Ask, [0x1D, b'a', _]) => answers.extend([0x10, 0, 0, 0]),
                (Token::Ask, [0x1D, b'I', _]) => answers.extend(b"_SIM-80\0"),
                _ => {}
            });
        answers
    }
}

/// Serves until it is stopped, and prints what is printed.
///
/// # Errors
/// When the port cannot be opened.
#[expect(clippy::print_stdout, reason = "it tells its address")]
pub async fn run(args: Args) -> anyhow::Result<()> {
    let printer = Printer::default();
    printer.lock().aloud = true;
    printer.set(Condition {
        offline: args.offline,
        paper_out: args.paper_out,
        bytes_per_second: args.bytes_per_second.unwrap_or(0),
    });
    let (address, _serving) = printer.serve(args.listen).await?;
    println!("a printer listens on {address}");
    tokio::signal::ctrl_c().await?;
    Ok(())
}
