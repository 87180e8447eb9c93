//! A file of a watched folder, in each of the formats: read or refused, never a panic, and what is read adds up.
#![no_main]

use std::collections::{BTreeMap, BTreeSet};

use libfuzzer_sys::fuzz_target;
use tillwire_agent_core::capture::folder::{Column, CsvSettings, Format, read};
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_proto::{Currency, RegisterId, StoreId, TenderKind};

fuzz_target!(|bytes: &[u8]| {
    let retail = HeartlandRetailSettings {
        store: StoreId::new("store").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("2".to_owned(), RegisterId::new("r1").expect("a name"))]),
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    };
    let columns = Column::ALL.map(|(column, name)| (column, name.to_owned()));
    let csv = CsvSettings { columns: columns.into(), delimiter: b',', register: None, tender: TenderKind::Cash };
    for format in [Format::Csv(Box::new(csv)), Format::Naxml, Format::JsonLines] {
        for told in read(&format, bytes, &retail).unwrap_or_default() {
            assert_eq!(told.transaction.verify(), Ok(()), "what was read does not add up");
        }
    }
});
