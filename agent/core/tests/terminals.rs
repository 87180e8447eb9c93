//! Conversations of PAX and HPA terminals, against the file beside each that says what was heard. With
//! `TILLWIRE_BLESS=1` the files are written anew; read the difference before keeping it.
//!
//! A line of a conversation is what one side sent. Control characters stand as `<STX>`, `<FS>` ..., `<LRC>` is the right
//! check byte of the frame before it and `<BAD>` a wrong one; `<LEN>` is the length of what follows it on the line.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_agent_core::capture::{hpa, pax};
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, TerminalId, pan};

type Talk = Vec<(Side, Vec<u8>)>;
type OfTerminal = fn(TerminalId) -> Dialect;

fn terminal(dialect: OfTerminal) -> Box<dyn Decoder> {
    let settings = TapSettings {
        lane: LaneId::new("front-terminal").expect("a name"),
        store: StoreId::new("main").expect("a name"),
        register: RegisterId::new("front").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp {
            listen: ([127, 0, 0, 1], 0).into(),
            device: "127.0.0.1:1".to_owned(),
        },
        dialect: dialect(TerminalId::new("t1").expect("a name")),
    };
    decoder(&settings, &TapMemory::default())
}

const DIALECTS: [(&str, OfTerminal); 2] = [("pax", Dialect::Pax), ("hpa", Dialect::Hpa)];

fn bytes(line: &str) -> Vec<u8> {
    const MARKS: [(&str, u8); 9] = [
        ("<STX>", 0x02),
        ("<ETX>", 0x03),
        ("<EOT>", 0x04),
        ("<ENQ>", 0x05),
        ("<ACK>", 0x06),
        ("<NAK>", 0x15),
        ("<FS>", 0x1c),
        ("<US>", 0x1f),
        ("<LF>", b'\n'),
    ];
    let (mut found, mut rest) = (Vec::new(), line);
    while !rest.is_empty() {
        if let Some((mark, byte)) = MARKS.iter().find(|(mark, _)| rest.starts_with(mark)) {
            found.push(*byte);
            rest = &rest[mark.len()..];
        } else if let Some(after) = rest.strip_prefix("<LEN>") {
            found.extend(u16::try_from(after.len()).expect("a short line").to_be_bytes());
            rest = after;
        } else if rest.starts_with("<LRC>") || rest.starts_with("<BAD>") {
            let start = found.iter().rposition(|byte| *byte == 2).expect("a frame") + 1;
            let right = found[start..].iter().fold(0, |sum, byte| sum ^ byte);
            found.push(if rest.starts_with("<LRC>") {
                right
            } else {
                right ^ 1
            });
            rest = &rest[5..];
        } else {
            let end = rest.chars().next().map_or(1, char::len_utf8);
            found.extend(&rest.as_bytes()[..end]);
            rest = &rest[end..];
        }
    }
    found
}

fn talk(path: &Path) -> Talk {
    let text = fs::read_to_string(path).expect("a fixture");
    let line = |line: &str| match line.split_once("> ").expect("a side") {
        ("POS", said) => (Side::Pos, bytes(said)),
        ("TERM", said) => (Side::Device, bytes(said)),
        (side, _) => panic!("side {side}"),
    };
    text.lines().map(line).collect()
}

fn hear(dialect: OfTerminal, talk: &Talk, split: usize) -> Vec<Heard> {
    let mut terminal = terminal(dialect);
    let mut heard = Vec::new();
    for (side, bytes) in talk {
        for piece in bytes.chunks(split) {
            heard.extend(terminal.said(*side, piece));
        }
    }
    heard.extend(terminal.ended());
    heard
}

fn conversations(name: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name);
    let files = fs::read_dir(dir).expect("the fixtures");
    let files = files.map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "talk"))
        .collect();
    files.sort();
    assert!(files.len() >= 5, "fixtures of {name} are missing");
    files
}

#[test]
fn conversations_are_heard_as_written_beside_them() {
    for (name, dialect) in DIALECTS {
        for path in conversations(name) {
            let mut found = String::new();
            for heard in hear(dialect, &talk(&path), usize::MAX) {
                let raw = String::from_utf8_lossy(&heard.raw)
                    .replace('\x1c', "<FS>")
                    .replace('\x1f', "<US>");
                writeln!(
                    found,
                    "{:#?}\nreplaced: {}\n{raw}\n",
                    heard.fact,
                    heard.redactions.words()
                )
                .unwrap();
            }
            let beside = path.with_extension("heard");
            if std::env::var_os("TILLWIRE_BLESS").is_some() {
                fs::write(&beside, &found).expect("a writable file");
            }
            assert_eq!(
                found,
                fs::read_to_string(&beside).unwrap_or_default(),
                "{}",
                path.display()
            );
        }
    }
}

#[test]
fn any_split_of_a_conversation_is_heard_the_same() {
    for (name, dialect) in DIALECTS {
        for path in conversations(name) {
            let talk = talk(&path);
            let whole = hear(dialect, &talk, usize::MAX);
            for split in [1, 2, 3, 7, 64] {
                let found = hear(dialect, &talk, split);
                assert_eq!(found, whole, "{} in pieces of {split}", path.display());
            }
        }
    }
}

#[test]
fn nothing_that_a_terminal_says_of_a_card_is_kept_but_its_last_four() {
    for (name, dialect) in DIALECTS {
        for path in conversations(name) {
            for heard in hear(dialect, &talk(&path), usize::MAX) {
                let all = format!("{:?} {}", heard.fact, String::from_utf8_lossy(&heard.raw));
                for secret in ["411111", "VALE", "1228", "4111 1111", "SECRETTOKEN", "737"] {
                    assert!(!all.contains(secret), "{}: {secret} in {all}", path.display());
                }
            }
        }
    }
}

#[test]
fn noise_on_the_line_is_one_record_until_a_frame_is_heard() {
    for (name, dialect) in DIALECTS {
        let mut terminal = terminal(dialect);
        let noise = [0xe5, 0x79, 0xf1, 0x8a].repeat(5000);
        let heard = terminal.said(Side::Device, &noise);
        let [heard] = heard.as_slice() else {
            panic!("{name}: {heard:?}")
        };
        let Fact::Unreadable(told) = &heard.fact else {
            panic!("{heard:?}")
        };
        assert!(
            told.reason.to_string() == "noise" && told.detail.to_string().contains("speed"),
            "{told:?}"
        );
        assert!(heard.raw.is_empty(), "noise is not kept");
    }
}

fn pax_frame(text: &str) -> Vec<u8> {
    bytes(&format!("<STX>{text}<ETX><LRC>"))
}

fn hpa_frame(text: &str) -> Vec<u8> {
    bytes(&format!("<LEN><SIP>{text}</SIP>"))
}

proptest! {
    #[test]
    fn garbage_between_pax_frames_loses_no_later_frame(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 4)
    ) {
        let frame = pax_frame("0\x1cT01\x1c1.35\x1c000000\x1cOK");
        let mut framer = pax::Framer::default();
        for noise in &garbage {
            // one byte after an ETX inside the noise belongs to that frame: a pause of the line would, too, be heard
            let mut bytes = noise.clone();
            bytes.extend([0x04, 0x04]);
            bytes.extend(&frame);
            let found = framer.push(&bytes);
            let whole = found.iter().any(|f| matches!(f, pax::Framed::Whole(text) if text.starts_with(b"0\x1cT01")));
            prop_assert!(whole, "{found:?}");
        }
    }

    #[test]
    fn garbage_between_hpa_frames_loses_no_later_frame(
        garbage in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 4)
    ) {
        let frame = hpa_frame("<Response>Notification</Response>");
        let mut framer = hpa::Framer::default();
        for noise in &garbage {
            let mut bytes = noise.clone();
            bytes.extend(&frame);
            let found = framer.push(&bytes);
            let whole = found.iter().any(|f| matches!(f, hpa::Framed::Whole(text) if text.ends_with(b"</SIP>")));
            prop_assert!(whole, "{found:?}");
        }
    }

    #[test]
    fn any_bytes_are_heard_without_panic_and_alike_however_cut(
        pieces in proptest::collection::vec((any::<bool>(), proptest::collection::vec(any::<u8>(), 0..200)), 0..20),
        split in 1..50_usize,
    ) {
        let side = |pos| if pos { Side::Pos } else { Side::Device };
        let talk: Talk = pieces.into_iter().map(|(pos, bytes)| (side(pos), bytes)).collect();
        for (_, dialect) in DIALECTS {
            prop_assert_eq!(hear(dialect, &talk, split), hear(dialect, &talk, usize::MAX));
        }
    }

    #[test]
    fn no_card_number_leaves_a_message_wherever_it_stands(
        fields in proptest::collection::vec("[A-Z0-9=]{0,6}", 0..12),
        place in 0..12_usize,
    ) {
        let mut fields = fields;
        fields.insert(place.min(fields.len()), "4111111111111111".to_owned());
        let pax = pax_frame(&format!("0\x1cT01\x1c1.35\x1c000000\x1cOK\x1c{}", fields.join("\x1c")));
        let hpa = hpa_frame(&format!(
            "<Response>Sale</Response><Result>0</Result><AuthorizedAmount>5</AuthorizedAmount><X>{}</X>",
            fields.join("</X><X>")
        ));
        for (frame, dialect) in [(pax, Dialect::Pax as OfTerminal), (hpa, Dialect::Hpa)] {
            for heard in hear(dialect, &vec![(Side::Device, frame)], usize::MAX) {
                prop_assert!(!pan::holds_card_number(&heard.raw));
                let fact = format!("{:?}", heard.fact);
                prop_assert!(!fact.contains("411111111111"));
            }
        }
    }
}
