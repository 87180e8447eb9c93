//! The program as its user meets it: commands on a folder of its own, and a relay that runs beside them.

#![allow(clippy::unwrap_used)] // a test that cannot go on stops

use std::ffi::OsString;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use tillwire_relay::config::Config;
use tillwire_relay::{cli, run};
use tokio_util::sync::CancellationToken;

struct Place {
    dir: tempfile::TempDir,
    http: SocketAddr,
}

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

impl Place {
    fn new() -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            http: free(),
        };
        let text = format!(
            r#"
            state_dir = "{}"
            [mqtt]
            listen = "{}"
            names = "localhost"
            [enrol]
            listen = "{}"
            [http]
            listen = "{}"
            [[store]]
            tenant = "acme"
            store = "s01"
            time_zone = "America/Chicago"
            registers = ["till-1"]
            [store.odoo]
            company = "Acme"
            journal = "TILL"
            warehouse = "S01"
            [store.odoo.accounts]
            tender = {{ cash = "101501" }}
            revenue = "400000"
            "#,
            place.dir.path().join("state").display(),
            free(),
            free(),
            place.http
        );
        std::fs::write(place.config(), text).unwrap();
        place
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("relay.toml")
    }

    fn command(&self, line: &str) -> ExitCode {
        let words = std::iter::once("tillwire-relay")
            .chain(line.split(' '))
            .map(OsString::from);
        let config = [OsString::from("--config"), self.config().into()];
        cli::main(words.chain(config).collect())
    }

    fn get(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(self.http).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }
}

fn same(one: ExitCode, other: ExitCode) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

#[test]
fn init_writes_an_example_where_there_is_no_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("relay.toml");
    let words = ["tillwire-relay", "init", "--config"].map(OsString::from);
    let code = cli::main(words.into_iter().chain([config.clone().into()]).collect());
    assert!(same(code, ExitCode::SUCCESS));
    assert!(std::fs::read_to_string(config).unwrap().contains("[[store]]"));
}

#[test]
fn commands_work_before_and_after_init_as_they_should() {
    let place = Place::new();
    assert!(
        same(place.command("device list"), ExitCode::FAILURE),
        "there is no database yet"
    );
    assert!(same(place.command("init"), ExitCode::SUCCESS));
    assert!(
        same(place.command("init"), ExitCode::SUCCESS),
        "a second time changes nothing"
    );
    for line in [
        "config show",
        "config show --json",
        "doctor",
        "device list --json",
        "device invite --tenant acme --store s01 --device box-1",
        "day list",
        "exception list",
        "find 10482",
        "find 10482 --json",
        "exception retry",
    ] {
        assert!(same(place.command(line), ExitCode::SUCCESS), "{line}");
    }
    for line in [
        "device invite --tenant acme --store s99 --device box-1",
        "device accept 00000000",
        "device revoke acme/box-1",
        "day show acme/s01 2026-11-14",
        "exception show 1",
        "verify /nowhere",
    ] {
        assert!(same(place.command(line), ExitCode::FAILURE), "{line}");
    }
}

#[test]
fn relay_starts_answers_and_stops_when_told() {
    let place = Place::new();
    assert!(same(place.command("init"), ExitCode::SUCCESS));
    let (config, _) = Config::load(&place.config(), &|_| None).unwrap();
    let stop = CancellationToken::new();
    let told = stop.clone();
    let relay = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(run::run(config, false, told))
    });
    let started = Instant::now();
    let healthy = loop {
        match place.get("/healthz") {
            Some(answer) => break answer,
            None if started.elapsed() > Duration::from_secs(20) => panic!("the relay does not answer"),
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(
        healthy.starts_with("HTTP/1.1 200") && healthy.ends_with("ok\n"),
        "{healthy}"
    );
    assert!(
        place
            .get("/metrics")
            .unwrap()
            .contains("tillwire_relay_records_total 0")
    );
    assert!(place.get("/login").unwrap().contains("Tillwire"));
    let closed = place.get("/").unwrap();
    assert!(
        closed.starts_with("HTTP/1.1 303"),
        "nobody sees the pages without a login: {closed}"
    );
    assert!(place.dir.path().join("state/first-run-code").exists());
    assert!(
        same(place.command("device list"), ExitCode::SUCCESS),
        "commands work beside it"
    );
    let asked = Instant::now();
    stop.cancel();
    relay.join().unwrap().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(8),
        "it took {:?} to stop",
        asked.elapsed()
    );
    let left = std::fs::read_to_string(place.dir.path().join("state/relay.db.generation")).unwrap();
    assert!(left.contains("generation 1"), "{left}");
}

#[test]
fn reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    assert!(same(place.command("init"), ExitCode::SUCCESS));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tillwire-relay"));
    program.args(["config", "show", "--config"]).arg(place.config());
    let done = program.stdout(writer).output().unwrap();
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(
        done.status.success() && words.is_empty(),
        "{}: {words}",
        done.status
    );
}

impl Place {
    /// Runs the program; whether it went well, and all that it said.
    fn said(&self, words: &[&str]) -> (bool, String) {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tillwire-relay"));
        let done = program
            .args(words)
            .arg("--config")
            .arg(self.config())
            .output()
            .unwrap();
        let said = [done.stdout, done.stderr].concat();
        (done.status.success(), String::from_utf8(said).unwrap())
    }
}

/// Commands of the books on an empty relay: each does its work or says in words what is missing.
#[test]
fn commands_of_the_books_answer_in_words() {
    const EBAY: &str = "[[version]]\nnumber = 2\neffective = \"2027-01-01\"\nauthor = \"anna\"\nnote = \"a marketplace\"\n\
                        [version.all.tender]\nEBAY = \"101790\"\n";
    let place = Place::new();
    assert!(same(place.command("init"), ExitCode::SUCCESS));
    let file = place.dir.path().join("mapping.toml");
    std::fs::write(&file, EBAY).unwrap();
    let wrong = place.dir.path().join("wrong.toml");
    std::fs::write(
        &wrong,
        EBAY.replace("effective = \"2027-01-01\"", "effective = \"soon\""),
    )
    .unwrap();
    let (file, wrong) = (file.to_str().unwrap(), wrong.to_str().unwrap());
    let cases: [(&[&str], bool, &[&str]); 14] = [
        (&["mapping", "check", file], true, &[]),
        (
            &["mapping", "check", wrong],
            false,
            &["wrong.toml:3", "soon", "a date such as"],
        ),
        (
            &["mapping", "show", "--store", "acme/s01"],
            true,
            &["101501", "400000"],
        ),
        (
            &["mapping", "diff", file],
            true,
            &["EBAY", "101790", "2027-01-01"],
        ),
        (&["mapping", "diff", "/nowhere"], false, &["/nowhere"]),
        (&["mapping", "preview", file], true, &[]),
        (
            &["mapping", "apply", file, "--reason", "sells on a marketplace now"],
            true,
            &[],
        ),
        (&["mapping", "show", "--text"], true, &["EBAY"]),
        (&["mapping", "diff", file], true, &[]),
        (&["exception", "fix", "99", "--to", "101790"], false, &["99"]),
        (&["settlement", "open"], true, &[]),
        (&["settlement", "list"], true, &[]),
        (
            &["settlement", "show", "no-such-deposit"],
            false,
            &["no-such-deposit"],
        ),
        (&["settlement", "import", wrong], false, &["wrong.toml"]),
    ];
    for (words, good, wanted) in cases {
        let (went_well, said) = place.said(words);
        assert_eq!(went_well, good, "{words:?}: {said}");
        for part in wanted {
            assert!(said.contains(part), "{words:?} wanted {part:?}: {said}");
        }
        assert!(!said.contains("panicked"), "{words:?}: {said}");
        println!("{words:?}\n{said}");
    }
}
