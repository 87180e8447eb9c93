//! A body that a till pushes: swept, then read as a ticket and as a till event. What is read must add up.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::heartland_retail::{read_order, read_ticket, read_till_event};
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_agent_core::capture::tripwire::sweep;
use tillwire_proto::{Currency, RegisterId, StoreId, pan};

fuzz_target!(|bytes: &[u8]| {
    let mut swept = bytes.to_vec();
    let _ = sweep(&mut swept);
    assert!(!pan::holds_card_number(&swept), "the tripwire left a card number");
    let settings = HeartlandRetailSettings {
        store: StoreId::new("store").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("100011".to_owned(), RegisterId::new("r1").expect("a name"))]),
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    };
    for read in [read_ticket(&swept, &settings), read_till_event(&swept, &settings), read_order(&swept, &settings)].into_iter().flatten() {
        assert_eq!(read.verify(), Ok(()), "what the dialect takes adds up");
    }
});
