//! Bytes on a printer's line, cut in two at any place: whole or cut they must be heard alike, nothing may panic, no
//! card number may be kept, and a receipt behind them must be read.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, PrinterSettings, TapLine, TapSettings};
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, pan};

const RECEIPT: &[u8] = b"\x1B@Ticket #: 7\nTOTAL 5.00\n\x1DVB\x00";

fn printer() -> Box<dyn Decoder> {
    let settings = TapSettings {
        lane: LaneId::new("lane").expect("a name"),
        store: StoreId::new("store").expect("a name"),
        register: RegisterId::new("r1").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp { listen: ([127, 0, 0, 1], 9100).into(), device: "127.0.0.1:9101".to_owned() },
        dialect: Dialect::EscPos(Box::new(PrinterSettings::default())),
    };
    decoder(&settings, &TapMemory::default())
}

fn facts(heard: Vec<Heard>) -> Vec<Fact> {
    for one in &heard {
        assert!(!pan::holds_card_number(&one.raw), "a card number was kept");
    }
    heard.into_iter().map(|one| one.fact).collect()
}

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let (mut whole, mut parts) = (printer(), printer());
    let mut at_once = facts(whole.said(Side::Pos, &bytes));
    at_once.extend(facts(whole.quiet()));
    let mut in_two = facts(parts.said(Side::Pos, first));
    in_two.extend(facts(parts.said(Side::Pos, second)));
    in_two.extend(facts(parts.quiet()));
    assert_eq!(at_once, in_two, "where the bytes are cut must not matter");
    let after = facts(whole.said(Side::Pos, RECEIPT));
    assert!(matches!(&after[..], [Fact::Printed(_)]), "a receipt after silence was not read");
});
