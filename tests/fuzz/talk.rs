//! Bytes on a tapped line, cut in two at any place: whole or cut they must be heard alike, nothing may panic, and no
//! card number may come out.

use tillwire_agent_core::capture::dialect::{Decoder, Heard, Side, TapMemory, decoder};
use tillwire_agent_core::capture::settings::{Dialect, TapLine, TapSettings};
use tillwire_proto::{Currency, Fact, LaneId, RegisterId, StoreId, pan};

/// Hears what a device says and judges it.
pub fn hear(dialect: &Dialect, cut: u16, bytes: &[u8]) {
    let (first, second) = bytes.split_at(usize::from(cut).min(bytes.len()));
    let (mut whole, mut parts) = (listener(dialect), listener(dialect));
    let mut at_once = facts(whole.said(Side::Device, bytes));
    at_once.extend(facts(whole.ended()));
    let mut in_two = facts(parts.said(Side::Device, first));
    in_two.extend(facts(parts.said(Side::Device, second)));
    in_two.extend(facts(parts.ended()));
    assert_eq!(at_once, in_two, "where the bytes are cut must not matter");
    // what a till says must not be able to do harm either
    let _ = facts(listener(dialect).said(Side::Pos, bytes));
}

fn listener(dialect: &Dialect) -> Box<dyn Decoder> {
    let settings = TapSettings {
        lane: LaneId::new("lane").expect("a name"),
        store: StoreId::new("store").expect("a name"),
        register: RegisterId::new("r1").expect("a name"),
        currency: Currency::USD,
        line: TapLine::Tcp { listen: ([127, 0, 0, 1], 8081).into(), device: "127.0.0.1:8082".to_owned() },
        dialect: dialect.clone(),
    };
    decoder(&settings, &TapMemory::default())
}

fn facts(heard: Vec<Heard>) -> Vec<Fact> {
    for one in &heard {
        assert!(!pan::holds_card_number(&one.raw), "a card number was kept");
    }
    heard.into_iter().map(|one| one.fact).collect()
}
