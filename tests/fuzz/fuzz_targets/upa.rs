//! Bytes on a terminal's line, cut in two at any place: whole or cut they must be heard alike, nothing may panic, and
//! no card number may come out of the framer.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_proto::{Currency, LaneId, RegisterId, StoreId, TerminalId, pan};

fn exchange() -> Box<dyn Decoder> {
    let settings = TapSettings {
        lane: LaneId::new("lane").expect("a name"),
        store: StoreId::new("store").expect("a name"),
        register: RegisterId::new("r1").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp { listen: ([127, 0, 0, 1], 8081).into(), device: "127.0.0.1:8082".to_owned() },
        dialect: Dialect::Upa(TerminalId::new("t1").expect("a name")),
    };
    decoder(&settings, &TapMemory::default())
}

fn facts(heard: Vec<Heard>) -> Vec<tillwire_proto::Fact> {
    for one in &heard {
        assert!(!pan::holds_card_number(&one.raw), "a card number left the framer");
    }
    heard.into_iter().map(|one| one.fact).collect()
}

fuzz_target!(|input: (u16, Vec<u8>)| {
    let (cut, bytes) = input;
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let (mut whole, mut parts) = (exchange(), exchange());
    let mut at_once = facts(whole.said(Side::Device, &bytes));
    at_once.extend(facts(whole.ended()));
    let mut in_two = facts(parts.said(Side::Device, first));
    in_two.extend(facts(parts.said(Side::Device, second)));
    in_two.extend(facts(parts.ended()));
    assert_eq!(at_once, in_two, "where the bytes are cut must not matter");
});
