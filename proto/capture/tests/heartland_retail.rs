//! Every fixture of a ticket or till event, against the file beside it that says what becomes of it. With
//! `TILLWIRE_BLESS=1` the files are written anew; read the difference before keeping it.

#![expect(clippy::disallowed_methods, reason = "the fixtures are files")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use jiff::tz::{Offset, TimeZone};
use tillwire_capture::heartland_retail::{Refused, read_order, read_ticket, read_till_event};
use tillwire_capture::settings::{HeartlandRetailSettings, TimeRules};
use tillwire_capture::tripwire;
use tillwire_proto::{
    Amount, Body, CardBrand, Currency, RegisterId, StoreId, TenderKind, Transaction, TransactionKind,
};

fn settings() -> HeartlandRetailSettings {
    let zone = TimeZone::fixed(Offset::constant(-6));
    HeartlandRetailSettings {
        store: StoreId::new("main").expect("a name"),
        currency: Currency::USD,
        registers: BTreeMap::from([("100011".to_owned(), RegisterId::new("front").expect("a name"))]),
        locations: BTreeSet::from(["100004".to_owned()]),
        tenders: BTreeMap::from([("9".to_owned(), TenderKind::OnAccount)]),
        time: TimeRules::new(jiff::civil::time(4, 0, 0, 0), Some(zone)).expect("a cut-off in the night"),
    }
}

type Read = fn(&[u8], &HeartlandRetailSettings) -> Result<Transaction, Refused>;

fn fixtures(dir: &str) -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/retail")
        .join(dir);
    let files = fs::read_dir(dir)
        .expect("the fixtures")
        .map(|entry| entry.expect("a file").path());
    let mut files: Vec<_> = files
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    assert!(files.len() >= 6, "fixtures are missing");
    files
}

fn compare(path: &Path, found: &str) {
    if std::env::var_os("TILLWIRE_BLESS").is_some() {
        fs::write(path, found).expect("a writable file");
    }
    let wanted = fs::read_to_string(path).unwrap_or_default();
    assert_eq!(found, wanted, "{}", path.display());
}

fn check_valid(dir: &str, read: Read) {
    for path in fixtures(dir) {
        let mut body = fs::read(&path).expect("a file");
        assert_eq!(tripwire::sweep(&mut body).total(), 0, "{}", path.display());
        let transaction = read(&body, &settings()).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        compare(
            &path.with_extension("transaction"),
            &format!("{transaction:#?}\n"),
        );
    }
}

fn check_invalid(dir: &str, read: Read) {
    for path in fixtures(dir) {
        let refused =
            read(&fs::read(&path).expect("a file"), &settings()).expect_err(&path.display().to_string());
        compare(
            &path.with_extension("error"),
            &format!("{}: {refused}\n", refused.error.reason()),
        );
    }
}

#[test]
fn valid_tickets_become_the_transactions_beside_them() {
    check_valid("valid", read_ticket);
}

#[test]
fn invalid_tickets_give_the_errors_beside_them() {
    check_invalid("invalid", read_ticket);
}

#[test]
fn valid_till_events_become_the_transactions_beside_them() {
    check_valid("events-valid", read_till_event);
}

#[test]
fn invalid_till_events_give_the_errors_beside_them() {
    check_invalid("events-invalid", read_till_event);
}

#[test]
fn valid_orders_become_the_transactions_beside_them() {
    check_valid("orders-valid", read_order);
}

#[test]
fn invalid_orders_give_the_errors_beside_them() {
    check_invalid("orders-invalid", read_order);
}

fn read_fixture(name: &str) -> Transaction {
    let path = format!(
        "{}/tests/fixtures/retail/valid/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    read_ticket(&fs::read(path).expect("a valid fixture"), &settings()).expect("a valid fixture")
}

#[test]
fn a_split_payment_keeps_its_change_apart() {
    let ticket = read_fixture("retail-ticket");
    let trade = ticket.trade().unwrap();
    let usd = |minor| Amount::new(minor, Currency::USD);
    assert_eq!(
        trade.tenders.iter().map(|t| t.amount).collect::<Vec<_>>(),
        [usd(2000), usd(8000)]
    );
    assert_eq!(trade.change.as_ref().map(|c| c.amount), Some(usd(496)));
    assert_eq!(trade.lines[0].discounts[0].amount, usd(580));
    assert_eq!(trade.totals.total, usd(9504));
    let card = trade.tenders[1].card.as_ref().unwrap();
    assert_eq!(
        (card.brand, card.last4.unwrap().as_str()),
        (CardBrand::Visa, "1111")
    );
}

#[test]
fn a_voided_ticket_is_a_void_of_itself() {
    let void = read_fixture("voided-after-completion");
    assert_eq!(void.key.kind, TransactionKind::Void);
    assert!(matches!(void.body, Body::Void(void) if void.was_completed));
    let void = read_fixture("voided-before-completion");
    assert_eq!(void.at.to_string(), "2026-11-15T02:00:00");
    assert!(matches!(void.body, Body::Void(void) if !void.was_completed));
}

#[test]
fn what_is_refused_still_names_its_register() {
    let path = format!(
        "{}/tests/fixtures/retail/invalid/pending-card.json",
        env!("CARGO_MANIFEST_DIR")
    );
    let refused = read_ticket(&fs::read(path).unwrap(), &settings()).unwrap_err();
    assert_eq!(refused.register, RegisterId::new("front").ok());
    assert!(refused.error.is_early());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..400)) {
        let _ = read_ticket(&bytes, &settings());
        let _ = read_till_event(&bytes, &settings());
        let _ = read_order(&bytes, &settings());
    }

    #[test]
    fn a_damaged_ticket_never_passes_with_other_money(at in 0..3000_usize, byte in 0x20..0x7f_u8) {
        let path = format!("{}/tests/fixtures/retail/valid/retail-ticket.json", env!("CARGO_MANIFEST_DIR"));
        let mut body = fs::read(path).unwrap();
        let at = at % body.len();
        body[at] = byte;
        if let Ok(ticket) = read_ticket(&body, &settings()) {
            let before = read_fixture("retail-ticket");
            if let (Some(was), Some(is)) = (before.trade(), ticket.trade()) {
                proptest::prop_assert_eq!(was.totals.total, is.totals.total);
                proptest::prop_assert_eq!(was.totals.net, is.totals.net);
            }
        }
    }
}
