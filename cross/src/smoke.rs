//! One till's minute with the real binary under the emulator: enrol at a relay on this machine, capture a ticket by
//! HTTP, see it at the relay, stop, verify the journal.
//!
//! The binary makes its key, speaks TLS and MQTT and writes SQLite; only the serial line cannot be opened under
//! qemu-user and is tried natively by the tests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};

use crate::process::{self, cargo, root};
use crate::target::Target;

/// An emulated TLS handshake on a busy machine takes its time.
const PATIENCE: Duration = Duration::from_secs(90);

const SECRET: &str = "a-secret-for-one-minute";
const TICKET: &str = include_str!("../../proto/capture/tests/fixtures/retail/valid/retail-ticket.json");

/// Lives the minute; an error says what did not happen.
pub(crate) fn run(target: &Target, binary: &Path) -> Result<()> {
    process::run(cargo().args(["build", "--quiet", "--package", "tillwire-relay"]))?;
    let store = Store::make(target, binary)?;
    println!(
        "$ {} enroll, run, capture, journal verify",
        store.emulator.join(" ")
    );
    let relay = store.relay(&["run"]).spawn().map(Ended)?;
    store.enrol()?;
    let agent = store.agent(&["run"]).spawn().map(Ended)?;
    let answer = until("the agent takes a ticket", || post(store.http, TICKET).ok())?;
    ensure!(
        answer.contains("200 OK") && answer.contains("\"taken\":true"),
        "the agent answered {answer}"
    );
    until("the relay counts the ticket", || {
        let days = output(&mut store.relay(&["day", "list"])).ok()?;
        days.contains(" 1 tickets").then_some(())
    })?;
    drop(agent);
    let verified = output(&mut store.agent(&["journal", "verify"]))?;
    ensure!(verified.contains("1 records"), "journal verify said {verified}");
    drop(relay);
    println!(
        "{}: enrolled, captured, received, journal verified: {}",
        target.name,
        verified.trim()
    );
    Ok(())
}

/// A store's box and a relay, in one folder.
struct Store {
    folder: PathBuf,
    emulator: Vec<String>,
    http: SocketAddr,
    enrol: SocketAddr,
}

impl Store {
    fn make(target: &Target, binary: &Path) -> Result<Self> {
        let folder = root().join("target/cross/smoke").join(target.name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder)?;
        let mut emulator: Vec<String> = target.qemu.iter().map(|&part| part.to_owned()).collect();
        emulator.push(binary.display().to_string());
        let [http, enrol, mqtt, pages] = [free()?, free()?, free()?, free()?];
        let here = folder.display();
        fs::write(folder.join("secret"), SECRET)?;
        let agent = format!(
            "[agent]\nstate_dir = \"{here}/agent\"\n[store]\ntenant = \"smoke\"\nstore = \"main\"\n\
             currency = \"USD\"\ntime_zone = \"America/Chicago\"\n[[register]]\nid = \"r1\"\n\
             station_ids = [\"100011\"]\n[http]\nlane = \"pos\"\nlisten = \"{http}\"\nsecret_file = \"{here}/secret\"\n"
        );
        fs::write(folder.join("agent.toml"), agent)?;
        let relay = format!(
            "state_dir = \"{here}/relay\"\n[mqtt]\nlisten = \"{mqtt}\"\nnames = \"localhost,127.0.0.1\"\n\
             [enrol]\nlisten = \"{enrol}\"\n[http]\nlisten = \"{pages}\"\n[[store]]\ntenant = \"smoke\"\n\
             store = \"main\"\ntime_zone = \"America/Chicago\"\nregisters = [\"r1\"]\n[store.odoo]\n\
             company = \"Smoke\"\njournal = \"TILL\"\nwarehouse = \"WH\"\n[store.odoo.accounts]\n\
             revenue = \"400000\"\n[store.odoo.accounts.tender]\ncash = \"101501\"\n"
        );
        fs::write(folder.join("relay.toml"), relay)?;
        let store = Self {
            folder,
            emulator,
            http,
            enrol,
        };
        process::run(&mut store.relay(&["init"]))?;
        Ok(store)
    }

    fn relay(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(root().join("target/debug/tillwire-relay"));
        command
            .arg("--config")
            .arg(self.folder.join("relay.toml"))
            .args(arguments);
        command
    }

    fn agent(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.emulator[0]);
        command
            .args(&self.emulator[1..])
            .arg("--config")
            .arg(self.folder.join("agent.toml"))
            .args(arguments);
        command
    }

    fn enrol(&self) -> Result<()> {
        let place = ["--tenant", "smoke", "--store", "main", "--device", "box"];
        let invited = output(self.relay(&["device", "invite"]).args(place))?;
        let code = invited
            .lines()
            .next()
            .context("the relay printed no code")?
            .to_owned();
        let relay = format!("https://{}", self.enrol);
        let mut enrolling = self
            .agent(&["enroll", "--relay", &relay, "--code", &code])
            .spawn()?;
        let groups = until("the box asks to be accepted", || {
            let listed = output(&mut self.relay(&["device", "list"])).ok()?;
            listed
                .lines()
                .find_map(|line| line.split_once("device accept "))
                .map(|(_, groups)| groups.to_owned())
        })?;
        output(&mut self.relay(&["device", "accept", &groups]))?;
        let status = enrolling.wait()?;
        ensure!(status.success(), "enroll ended with {status}");
        Ok(())
    }
}

/// A program that is ended when nobody needs it any more.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn output(command: &mut Command) -> Result<String> {
    let out = command.stderr(Stdio::inherit()).output()?;
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    if !out.status.success() {
        bail!("{command:?} ended with {}: {text}", out.status);
    }
    Ok(text)
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    bail!("waited {} s in vain: {what}", PATIENCE.as_secs())
}

fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

fn post(to: SocketAddr, body: &str) -> Result<String> {
    let mut socket = TcpStream::connect(to)?;
    socket.set_read_timeout(Some(Duration::from_secs(30)))?;
    write!(
        socket,
        "POST /v1/tickets HTTP/1.1\r\nHost: till\r\nAuthorization: Bearer {SECRET}\r\nConnection: close\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer)?;
    Ok(answer)
}
