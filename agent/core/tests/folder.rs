//! Files of a watched folder, against the file beside each that says what was read. With `TILLWIRE_BLESS=1` the files are
//! written anew; read the difference before keeping it.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillwire_agent_core::capture::folder::{Column, CsvSettings, Format, read};
use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_proto::{Currency, RegisterId, StoreId, TenderKind};

fn retail() -> HeartlandRetailSettings {
    let register = RegisterId::new("till-1").expect("a name");
    let stations = ["2", "100011"].map(|station| (station.to_owned(), register.clone()));
    HeartlandRetailSettings {
        store: StoreId::new("main").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from(stations),
        locations: BTreeSet::new(),
        tenders: BTreeMap::new(),
        time: TimeRules::midnight(),
    }
}

fn csv() -> Format {
    let columns = [
        (Column::Ticket, "Ticket #"),
        (Column::CompletedAt, "Completed At"),
        (Column::Operator, "Sales Rep"),
        (Column::Station, "Station"),
        (Column::Tax, "Tax Total"),
        (Column::Sku, "Item #"),
        (Column::OriginalPrice, "Item Original Price"),
        (Column::UnitPrice, "Item Adjusted Unit Price"),
        (Column::Quantity, "Qty"),
        (Column::Tender, "Tender"),
    ];
    Format::Csv(Box::new(CsvSettings {
        columns: columns.map(|(column, name)| (column, name.to_owned())).into(),
        delimiter: b',',
        register: None,
        tender: TenderKind::Cash,
    }))
}

fn format(path: &Path) -> Format {
    match path.extension().and_then(|ending| ending.to_str()) {
        Some("csv") => csv(),
        Some("xml") => Format::Naxml,
        _ => Format::JsonLines,
    }
}

fn settings(path: &Path) -> HeartlandRetailSettings {
    let mut settings = retail();
    if path.extension().is_some_and(|ending| ending == "xml") {
        settings.locations.insert("4471".to_owned());
    }
    settings
}

fn fixtures(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/folder")
        .join(dir);
    let files = fs::read_dir(dir).expect("the fixtures");
    let files = files.map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e != "told"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "fixtures are missing");
    files
}

fn compare(path: &Path, found: &str) {
    let beside = path.with_extension(format!(
        "{}.told",
        path.extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default()
    ));
    if std::env::var_os("TILLWIRE_BLESS").is_some() {
        fs::write(&beside, found).expect("a writable file");
    }
    assert_eq!(
        found,
        fs::read_to_string(&beside).unwrap_or_default(),
        "{}",
        path.display()
    );
}

#[test]
fn valid_files_tell_what_is_written_beside_them() {
    for path in fixtures("valid") {
        let bytes = fs::read(&path).expect("a fixture");
        let mut found = String::new();
        for told in read(&format(&path), &bytes, &settings(&path)).expect("a valid file") {
            let raw = String::from_utf8_lossy(&told.raw);
            writeln!(found, "{:#?}\n{raw}\n", told.transaction).unwrap();
        }
        compare(&path, &found);
    }
}

#[test]
fn invalid_files_are_refused_whole_with_the_place_of_the_first_trouble() {
    for path in fixtures("invalid") {
        let bytes = fs::read(&path).expect("a fixture");
        let error = read(&format(&path), &bytes, &settings(&path)).expect_err("an invalid file");
        compare(&path, &format!("{error}\n"));
    }
}

#[test]
fn a_file_cut_anywhere_before_its_last_ticket_ends_is_never_taken_for_another_day() {
    for path in fixtures("valid") {
        let bytes = fs::read(&path).expect("a fixture");
        let (format, settings) = (format(&path), settings(&path));
        let whole = read(&format, &bytes, &settings).expect("a valid file");
        for end in (0..bytes.len()).step_by(7) {
            // a cut CSV may read as fewer tickets; what it reads is a beginning of the whole, but for its last ticket
            if let Ok(told) = read(&format, &bytes[..end], &settings) {
                let sure = told.len().saturating_sub(1);
                assert_eq!(told[..sure], whole[..sure], "{} cut at {end}", path.display());
            }
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        for format in [csv(), Format::Naxml, Format::JsonLines] {
            let _ = read(&format, &bytes, &retail());
        }
    }

    #[test]
    fn a_csv_ticket_comes_to_its_rows(
        rows in proptest::collection::vec((1..100_000_i64, -5..6_i64), 1..20), tax in -500..500_i64
    ) {
        let rows: Vec<_> = rows.into_iter().filter(|(_, count)| *count != 0).collect();
        prop_assume!(!rows.is_empty());
        let money = |minor: i64| {
            let sign = if minor < 0 { "-" } else { "" };
            format!("{sign}{}.{:02}", minor.abs() / 100, minor.abs() % 100)
        };
        let mut file = "Ticket #,Completed At,Sales Rep,Station,Tax Total,Item #,Item Original Price,Item Adjusted Unit Price,Qty,Tender\n".to_owned();
        for (price, count) in &rows {
            writeln!(file, "7,2026-11-14 10:00:00,,2,{},A,,{},{count},cash", money(tax), money(*price)).unwrap();
        }
        let told = read(&csv(), file.as_bytes(), &retail()).unwrap();
        let trade = told[0].transaction.trade().unwrap();
        let net: i64 = rows.iter().map(|(price, count)| price * count).sum();
        prop_assert_eq!(told.len(), 1);
        prop_assert_eq!(trade.totals.net.minor(), net);
        prop_assert_eq!(trade.totals.total.minor(), net + tax);
        prop_assert_eq!(trade.totals.paid, trade.totals.total);
    }
}
