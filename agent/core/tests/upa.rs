//! UPA conversations, frame by frame, against the file beside each that says what was heard. With
//! `TILLWIRE_BLESS=1` the files are written anew; read the difference before keeping it.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_agent_core::capture::tripwire::Kind;
use tillwire_agent_core::capture::upa::{FRAME_LEN_MAX, Framed, Framer, Torn};
use tillwire_proto::{
    Currency, Fact, LaneId, Outcome, RegisterId, StoreId, TerminalId, TokenFingerprint, pan,
};

fn settings() -> TapSettings {
    TapSettings {
        lane: LaneId::new("front-terminal").expect("a name"),
        store: StoreId::new("main").expect("a name"),
        register: RegisterId::new("front").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: "127.0.0.1:1".to_owned(),
        },
        dialect: Dialect::Upa(TerminalId::new("t1").expect("a name")),
    }
}

fn exchange() -> Box<dyn Decoder> {
    decoder(&settings(), &TapMemory::default())
}

fn conversation(path: &Path) -> Vec<(Side, Vec<u8>)> {
    let text = fs::read_to_string(path).expect("a fixture");
    let bytes = |line: &str| {
        let marks = [
            ("<STX>", "\x02"),
            ("<ETX>", "\x03"),
            ("<CR>", "\r"),
            ("<LF>", "\n"),
        ];
        marks
            .iter()
            .fold(line.to_owned(), |line, (mark, byte)| line.replace(mark, byte))
            .into_bytes()
    };
    let line = |line: &str| match line.split_once("> ").expect("a side") {
        ("POS", frame) => (Side::Pos, bytes(frame)),
        ("TERM", frame) => (Side::Device, bytes(frame)),
        (side, _) => panic!("side {side}"),
    };
    text.lines().map(line).collect()
}

fn hear(talk: &[(Side, Vec<u8>)], split: usize) -> Vec<Heard> {
    let mut exchange = exchange();
    let mut heard = Vec::new();
    for (side, bytes) in talk {
        for piece in bytes.chunks(split) {
            heard.extend(exchange.said(*side, piece));
        }
    }
    heard.extend(exchange.ended());
    heard
}

fn fixtures(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/upa")
        .join(dir);
    let files = fs::read_dir(dir)
        .expect("the fixtures")
        .map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "frames"))
        .collect();
    files.sort();
    assert!(files.len() >= 9, "fixtures are missing");
    files
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
fn valid_conversations_are_heard_as_written_beside_them() {
    for path in fixtures("valid") {
        let mut found = String::new();
        for heard in hear(&conversation(&path), usize::MAX) {
            assert!(
                matches!(heard.fact, Fact::Terminal(_) | Fact::Report(_)),
                "{}: {heard:?}",
                path.display()
            );
            let raw = String::from_utf8_lossy(&heard.raw);
            writeln!(
                found,
                "{:#?}\nreplaced: {}\n{raw}\n",
                heard.fact,
                heard.redactions.words()
            )
            .unwrap();
        }
        compare(&path.with_extension("heard"), &found);
    }
}

#[test]
fn invalid_frames_give_the_errors_beside_them() {
    for path in fixtures("invalid") {
        let mut found = String::new();
        for heard in hear(&conversation(&path), usize::MAX) {
            let Fact::Unreadable(unreadable) = &heard.fact else {
                panic!("{}: {heard:?}", path.display())
            };
            let raw = String::from_utf8_lossy(&heard.raw);
            writeln!(found, "{}: {}\n{raw}", unreadable.reason, unreadable.detail).unwrap();
        }
        compare(&path.with_extension("error"), &found);
    }
}

#[test]
fn any_split_of_a_conversation_is_heard_the_same() {
    for path in fixtures("valid").into_iter().chain(fixtures("invalid")) {
        let talk = conversation(&path);
        let whole = hear(&talk, usize::MAX);
        for split in [1, 2, 3, 7, 64] {
            assert_eq!(
                hear(&talk, split),
                whole,
                "{} in pieces of {split}",
                path.display()
            );
        }
    }
}

fn payments(name: &str) -> Vec<(Heard, tillwire_proto::TerminalPayment)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/upa/valid")
        .join(name);
    let heard = hear(&conversation(&path), usize::MAX);
    heard
        .into_iter()
        .map(|heard| match heard.fact.clone() {
            Fact::Terminal(payment) => (heard, *payment),
            other => panic!("{other:?}"),
        })
        .collect()
}

#[test]
fn an_integrated_terminals_secrets_never_leave_the_framer() {
    let heard = payments("integrated-terminal-leaks-card.frames");
    let (heard, payment) = &heard[0];
    let raw = String::from_utf8_lossy(&heard.raw);
    for secret in [
        "411111",
        "VALE",
        "1228",
        "737\"",
        "0011",
        "56414C45",
        "TKN-SAMPLE",
        "281231",
    ] {
        assert!(!raw.contains(secret), "{secret} in {raw}");
        assert!(!format!("{payment:?}").contains(secret), "{secret}");
    }
    assert!(heard.redactions.is_alarming());
    assert!(heard.redactions.of(Kind::Chip) >= 5);
    let card = payment.card.as_ref().unwrap();
    assert_eq!(card.last4.unwrap().as_str(), "1111");
    assert_eq!(card.token, Some(TokenFingerprint::of("TKN-SAMPLE-1111-7Q")));
}

#[test]
fn outcomes_follow_result_issuer_and_amount() {
    let outcome = |name| payments(name).last().unwrap().1.outcome;
    assert_eq!(outcome("sale-approved.frames"), Outcome::Approved);
    assert_eq!(outcome("sale-declined.frames"), Outcome::Declined);
    assert_eq!(outcome("sale-cancelled.frames"), Outcome::Cancelled);
    assert_eq!(outcome("sale-stored.frames"), Outcome::Stored);
    assert_eq!(outcome("partial-approval.frames"), Outcome::Partial);
    assert_eq!(outcome("command-not-allowed.frames"), Outcome::Error);
}

#[test]
fn an_endless_frame_is_torn_and_the_next_is_found() {
    let mut framer = Framer::default();
    let mut bytes = vec![2];
    bytes.resize(FRAME_LEN_MAX * 3, b'x');
    bytes.extend(b"\x02{\"message\":\"ACK\"}\x03");
    let found = framer.push(&bytes);
    assert!(matches!(&found[0], Framed::Torn { why: Torn::TooLong, text, .. } if text.len() < FRAME_LEN_MAX));
    assert_eq!(
        found[1],
        Framed::Noise,
        "what came after the cut belongs to no frame"
    );
    assert!(matches!(&found[2], Framed::Whole { text, .. } if text == b"{\"message\":\"ACK\"}"));
    assert_eq!(found.len(), 3);
}

#[test]
fn a_thousand_unanswered_requests_are_forgotten_oldest_first() {
    let mut exchange = exchange();
    let frame = |body: &str| format!("\x02{{\"message\":\"MSG\",\"data\":{{{body}}}}}\x03").into_bytes();
    for id in 0..1000 {
        let asked = r#""data":{"transaction":{"baseAmount":"5.00"}}"#;
        exchange.said(
            Side::Pos,
            &frame(&format!(r#""command":"Sale","requestId":"{id}",{asked}"#)),
        );
    }
    let mut requested = |id: u32| {
        let result = r#""cmdResult":{"result":"Success"},"data":{"host":{"authorizedAmount":"5.00"}}"#;
        let heard = exchange.said(
            Side::Device,
            &frame(&format!(r#""response":"Sale","requestId":"{id}",{result}"#)),
        );
        match &heard[0].fact {
            Fact::Terminal(payment) => payment.requested,
            other => panic!("{other:?}"),
        }
    };
    assert!(requested(999).is_some());
    assert!(requested(1).is_none());
}

fn glued() -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/upa/valid/sale-approved.frames");
    let sides = conversation(&path)
        .into_iter()
        .filter(|(side, _)| *side == Side::Device);
    sides.flat_map(|(_, bytes)| bytes).collect()
}

proptest! {
    #[test]
    fn cuts_anywhere_give_the_same_frames(cuts in proptest::collection::vec(1..400_usize, 1..40)) {
        let bytes = glued();
        let whole = Framer::default().push(&bytes);
        let mut framer = Framer::default();
        let (mut found, mut rest) = (Vec::new(), &bytes[..]);
        for cut in cuts {
            let (piece, left) = rest.split_at(cut.min(rest.len()));
            found.extend(framer.push(piece));
            rest = left;
        }
        found.extend(framer.push(rest));
        prop_assert_eq!(found, whole);
    }

    #[test]
    fn garbage_between_frames_loses_no_later_frame(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 4)
    ) {
        let frame = b"\x02\n{\"message\":\"READY\"}\n\x03\n";
        let mut bytes = Vec::new();
        for noise in &garbage {
            bytes.extend(noise);
            bytes.extend(frame);
        }
        let found = Framer::default().push(&bytes);
        let whole = found.iter().filter(
            |f| matches!(f, Framed::Whole { text, .. } if text == b"{\"message\":\"READY\"}"));
        prop_assert_eq!(whole.count(), garbage.len());
    }

    #[test]
    fn no_card_number_leaves_the_framer(
        before in "[a-z0-9:\",{}\\[\\] ]{0,40}",
        after in "[a-z0-9:\",{}\\[\\] ]{0,40}",
        torn in any::<bool>(),
    ) {
        let mut bytes = vec![2];
        bytes.extend(before.bytes().chain(*b" 4111111111111111 ").chain(after.bytes()));
        bytes.push(if torn { 2 } else { 3 });
        for framed in Framer::default().push(&bytes) {
            let (Framed::Whole { text, .. } | Framed::Torn { text, .. }) = framed else { continue };
            prop_assert!(!pan::holds_card_number(&text));
            prop_assert!(!String::from_utf8_lossy(&text).contains("411111111111"));
        }
    }

    #[test]
    fn any_bytes_are_heard_without_panic(
        pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..20)
    ) {
        let mut exchange = exchange();
        for (pos, bytes) in pieces {
            let _ = exchange.said(if pos { Side::Pos } else { Side::Device }, &bytes);
        }
        let _ = exchange.ended();
    }
}
