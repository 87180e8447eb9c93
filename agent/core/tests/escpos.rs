//! Print jobs, written readably (`<ESC>`, `<1D>`, a line break is a line feed, `<QUIET>` is silence), against the file
//! beside each that says what was heard. With `TILLWIRE_BLESS=1` the files are written anew; read the difference
//! before keeping it.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::escpos::{JOB_LEN_MAX, Lexer, Token};
use tillwire_agent_core::capture::settings::{Dialect, PrinterSettings, TapLine, TapSettings};
use tillwire_agent_core::capture::tripwire::Kind;
use tillwire_proto::{Currency, Fact, LaneId, Printed, RegisterId, StoreId, pan};

fn settings() -> TapSettings {
    let mut printer = PrinterSettings::default();
    let shared = RegisterId::new("till-2").expect("a name");
    printer.registers.insert("2".to_owned(), shared);
    TapSettings {
        lane: LaneId::new("front-printer").expect("a name"),
        store: StoreId::new("main").expect("a name"),
        register: RegisterId::new("front").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: "127.0.0.1:1".to_owned(),
        },
        dialect: Dialect::EscPos(Box::new(printer)),
    }
}

fn printer() -> Box<dyn Decoder> {
    decoder(&settings(), &TapMemory::default())
}

/// The jobs of a fixture, parted by silence.
fn jobs(path: &Path) -> Vec<Vec<u8>> {
    let text = fs::read_to_string(path).expect("a fixture");
    text.split("<QUIET>").map(bytes).collect()
}

fn bytes(job: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = job;
    while let Some((plain, marked)) = rest.split_once('<') {
        bytes.extend(plain.as_bytes());
        let (mark, after) = marked.split_once('>').expect("a mark");
        bytes.push(match mark {
            "ESC" => 0x1B,
            "GS" => 0x1D,
            "FS" => 0x1C,
            "DLE" => 0x10,
            hex => u8::from_str_radix(hex, 16).expect("two digits"),
        });
        rest = after;
    }
    bytes.extend(rest.as_bytes());
    bytes
}

fn hear(jobs: &[Vec<u8>], split: usize) -> Vec<Heard> {
    let mut printer = printer();
    let mut heard = Vec::new();
    for job in jobs {
        for piece in job.chunks(split) {
            heard.extend(printer.said(Side::Pos, piece));
        }
        heard.extend(printer.quiet());
    }
    heard.extend(printer.ended());
    heard
}

fn fixtures(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/escpos")
        .join(dir);
    let files = fs::read_dir(dir)
        .expect("the fixtures")
        .map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "job"))
        .collect();
    files.sort();
    assert!(files.len() >= 9, "fixtures are missing");
    files
}

fn valid(name: &str) -> Vec<Heard> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/escpos/valid")
        .join(name);
    hear(&jobs(&path), usize::MAX)
}

fn printed(heard: &Heard) -> &Printed {
    match &heard.fact {
        Fact::Printed(printed) => printed,
        other => panic!("{other:?}"),
    }
}

fn compare(path: &Path, found: &str) {
    if std::env::var_os("TILLWIRE_BLESS").is_some() {
        fs::write(path, found).expect("a writable file");
    }
    assert_eq!(
        found,
        fs::read_to_string(path).unwrap_or_default(),
        "{}",
        path.display()
    );
}

#[test]
fn valid_jobs_are_read_as_written_beside_them() {
    for path in fixtures("valid") {
        let mut found = String::new();
        for heard in hear(&jobs(&path), usize::MAX) {
            writeln!(found, "{:#?}", printed(&heard)).unwrap();
            if heard.redactions.total() > 0 {
                writeln!(found, "replaced: {}", heard.redactions.words()).unwrap();
            }
        }
        compare(&path.with_extension("heard"), &found);
    }
}

#[test]
fn invalid_jobs_give_the_errors_beside_them() {
    for path in fixtures("invalid") {
        let mut found = String::new();
        for heard in hear(&jobs(&path), usize::MAX) {
            let Fact::Unreadable(unreadable) = &heard.fact else {
                panic!("{}: {heard:?}", path.display())
            };
            writeln!(found, "{}: {}", unreadable.reason, unreadable.detail).unwrap();
        }
        compare(&path.with_extension("error"), &found);
    }
}

#[test]
fn any_split_of_a_job_is_heard_the_same() {
    for path in fixtures("valid").into_iter().chain(fixtures("invalid")) {
        let jobs = jobs(&path);
        let whole = hear(&jobs, usize::MAX);
        for split in [1, 2, 3, 7, 64] {
            assert_eq!(
                hear(&jobs, split),
                whole,
                "{} in pieces of {split}",
                path.display()
            );
        }
    }
}

#[test]
fn what_is_kept_of_a_job_reads_to_the_same_receipt_again() {
    for path in fixtures("valid") {
        for heard in hear(&jobs(&path), usize::MAX)
            .iter()
            .filter(|heard| heard.redactions.total() == 0)
        {
            let again = hear(std::slice::from_ref(&heard.raw), usize::MAX);
            let first = printed(heard);
            let words = printed(&again[0]);
            assert_eq!(
                (&words.lines, words.total, &words.codes),
                (&first.lines, first.total, &first.codes)
            );
        }
    }
}

#[test]
fn pictures_are_not_kept() {
    let heard = valid("picture-with-commands-inside.job");
    assert_eq!(printed(&heard[0]).ticket.as_ref().unwrap().as_str(), "10496");
    assert!(!String::from_utf8_lossy(&heard[0].raw).contains("abcdef"));
}

#[test]
fn card_numbers_are_replaced_in_text_codes_and_bytes() {
    for name in ["card-number-hidden-by-commands.job", "card-number-in-clear.job"] {
        let heard = &valid(name)[0];
        assert!(heard.redactions.of(Kind::CardNumber) >= 1, "{name}");
        assert!(!pan::holds_card_number(&heard.raw), "{name}");
        let text = format!("{}{:?}", String::from_utf8_lossy(&heard.raw), heard.fact);
        assert!(
            !text.contains("4111 11") && !text.contains("411111"),
            "{name}: {text}"
        );
    }
}

#[test]
fn the_same_receipt_on_another_connection_of_the_printer_is_a_copy() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/escpos/valid/exchange.job");
    let (settings, memory) = (settings(), TapMemory::default());
    let copies: Vec<bool> = (0..3)
        .map(|_| {
            let mut printer = decoder(&settings, &memory);
            let heard = jobs(&path)
                .iter()
                .flat_map(|job| printer.said(Side::Pos, job))
                .collect::<Vec<_>>();
            printed(&heard[0]).copy
        })
        .collect();
    assert_eq!(copies, [false, true, true]);
}

#[test]
fn a_job_without_end_is_bounded_and_the_next_one_is_heard() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/escpos/valid/exchange.job");
    let mut printer = printer();
    for _ in 0..64 {
        assert!(
            printer
                .said(Side::Pos, &b"4111 1111 1111 1111 without end\n".repeat(1024))
                .is_empty()
        );
    }
    let mut heard = printer.quiet();
    heard.extend(printer.said(Side::Pos, &jobs(&path)[0]));
    assert!(heard[0].raw.len() < JOB_LEN_MAX && !pan::holds_card_number(&heard[0].raw));
    assert!(matches!(&heard[0].fact, Fact::Unreadable(why) if why.reason.as_str() == "receipt-too-long"));
    assert_eq!(printed(&heard[1]).ticket.as_ref().unwrap().as_str(), "10485");
}

#[test]
fn what_the_printer_answers_and_questions_alone_are_no_job() {
    let mut printer = printer();
    for _ in 0..10_000 {
        assert!(printer.said(Side::Pos, b"\x10\x04\x01\x1Dr\x01\x1B@").is_empty());
        assert!(
            printer
                .said(Side::Device, b"\x12\x00Ticket #: 1\nTOTAL 1.00\n\x1Dv\x00")
                .is_empty()
        );
    }
    assert!(printer.quiet().is_empty() && printer.ended().is_empty());
}

#[test]
fn the_worst_job_is_read_within_a_second() {
    for line in [
        "1 @ 1\n",
        "Tax 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1x\n",
        "Total\x1B@\n",
        "a",
    ] {
        let job = line.repeat(60 * 1024 / line.len());
        let start = std::time::Instant::now();
        let mut printer = printer();
        let heard = printer.said(Side::Pos, job.as_bytes()).len() + printer.quiet().len();
        assert!(heard >= 1);
        let took = start.elapsed();
        println!("{line:?}: {took:?}");
        assert!(took.as_millis() < 5_000, "{line:?} took {took:?}"); // a debug build, beside others
    }
}

fn tokens(pieces: &[&[u8]]) -> Vec<(Token, Vec<u8>)> {
    let (mut lexer, mut found) = (Lexer::default(), Vec::new());
    for piece in pieces {
        lexer.push(piece, &mut |token, bytes: &[u8]| {
            found.push((token, bytes.to_vec()));
        });
    }
    found
}

/// Bytes that a till might send: mostly commands, with wild parameters.
fn speech() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        any::<u8>().prop_map(|byte| vec![byte]),
        (
            prop::sample::select(&b"\x1B\x1C\x1D\x10"[..]),
            any::<u8>(),
            prop::collection::vec(0..8_u8, 0..6)
        )
            .prop_map(|(lead, code, rest)| [vec![lead, code], rest].concat()),
        prop::sample::select(vec![
            &b"\x1B@"[..],
            b"\x1DV\x42\x00",
            b"\x1Dk\x49\x04{B12",
            b"\x1D(k\x04\x001P0x",
            b"\x1D(k\x03\x001Q0",
            b"Ticket #: 77\n",
            b"TOTAL 5.00\n",
            b"\x10\x04\x01",
            b"\x1Dv0\x00\x01\x00\x02\x00ab"
        ])
        .prop_map(<[u8]>::to_vec),
    ];
    prop::collection::vec(word, 0..120).prop_map(|words| words.concat())
}

proptest! {
    #[test]
    fn cuts_anywhere_give_the_same_tokens(bytes in speech(), cuts in prop::collection::vec(1..40_usize, 1..40)) {
        let (mut pieces, mut rest) = (Vec::new(), &bytes[..]);
        for cut in cuts {
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            pieces.push(piece);
            rest = left;
        }
        pieces.push(rest);
        prop_assert_eq!(tokens(&pieces), tokens(&[&bytes]));
    }

    #[test]
    fn garbage_before_silence_loses_no_later_receipt(garbage in prop::collection::vec(any::<u8>(), 0..2_000), other in speech()) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/escpos/valid/exchange.job");
        let mut printer = printer();
        for noise in [garbage, other] {
            let _ = printer.said(Side::Pos, &noise);
            let _ = printer.quiet();
            let heard = printer.said(Side::Pos, &jobs(&path)[0]);
            prop_assert_eq!(printed(&heard[0]).ticket.as_ref().unwrap().as_str(), "10485");
        }
    }

    #[test]
    fn no_card_number_leaves_a_job(before in speech(), after in speech(), style in "(\u{1B}E\u{1})?") {
        let mut job = before;
        job.extend(format!("\n 4111 1111 {style}1111 1111 \n").bytes());
        job.extend(after);
        let mut printer = printer();
        let mut heard = printer.said(Side::Pos, &job);
        heard.extend(printer.quiet());
        for one in heard {
            prop_assert!(!pan::holds_card_number(&one.raw));
        }
    }
}
