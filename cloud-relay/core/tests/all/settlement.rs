//! Settlement: reports read or refused whole, lines matched without a choice left, deposits booked to the cent, and
//! clearing that nets out or says what is open.

#![allow(clippy::disallowed_methods)] // fixtures are files

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tillwire_proto::{
    AuthCode, CardBrand, Fact, Last4, PaymentCommand, ProcessorReference, TicketNumber, Witness,
};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::matching::TenderRef;
use tillwire_relay_core::payments::DepositStatus;
use tillwire_relay_core::settings::{AccountCode, StoreSettings};
use tillwire_relay_core::settlement::{
    CardTender, Deposit, DepositHeld, DepositPosting, LineKind, LineSource, Matched, ProcessorId, Progress,
    Report, SettleRule, SettlementLine, deposit_posting, match_lines, read,
};

use crate::world::*;

fn fixtures(folder: &str) -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/settlement")
        .join(folder);
    let mut all: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    all.retain(|path| path.extension().is_some_and(|ending| ending != "error"));
    all.sort();
    all
}

fn valid(name: &str) -> Vec<u8> {
    let path = fixtures("valid").into_iter().find(|path| path.ends_with(name));
    fs::read(path.unwrap()).unwrap()
}

fn report(name: &str) -> Report {
    read(&valid(name)).unwrap().report
}

fn spell(line: &SettlementLine) -> String {
    let words = |word: Option<&str>| word.unwrap_or("-").to_owned();
    format!(
        "{} {} {} {} {:?} deposit {} invoice {} auth {} last4 {} {}",
        line.merchant,
        line.id,
        line.kind.name(),
        line.amount,
        line.progress,
        words(line.deposit.as_ref().map(ProcessorId::as_str)),
        words(line.invoice.as_ref().map(TicketNumber::as_str)),
        words(line.auth_code.as_ref().map(AuthCode::as_str)),
        words(line.last4.as_ref().map(Last4::as_str)),
        line.brand.name()
    )
}

#[test]
fn reports_of_every_form_are_read() {
    let lines = |name| report(name).lines.iter().map(spell).collect::<Vec<_>>();
    assert_eq!(
        lines("gp-transaction.json"),
        [
            "101023947262 TRN_SAMPLE_01 sale 80.00 USD Funded deposit DEP_2026111600017 invoice 10482 auth 05231A \
          last4 1111 visa"
        ]
    );
    assert_eq!(
        lines("portico.xml"),
        ["100418 200073811442 sale 80.00 USD Batched deposit - invoice 10482 auth 05231A last4 1111 visa"]
    );
    assert_eq!(
        lines("statement.csv"),
        [
            "101023947262 R1 refund 28.25 USD Funded deposit D17 invoice 10490 auth - last4 1111 visa",
            "101023947262 S1 sale 80.00 USD Funded deposit D17 invoice 10482 auth 05231A last4 1111 visa",
        ]
    );
    assert_eq!(lines("gp-page.json").len(), 3);
    let deposit = &report("gp-deposit.json").deposits[0];
    assert_eq!(
        (deposit.amount, deposit.fees, deposit.status),
        (usd(9981), usd(194), DepositStatus::Funded)
    );
    let taken = &report("gp-chargeback.json").deposits[0];
    assert_eq!(taken.amount, usd(-9500), "a debit takes");
}

#[test]
fn a_report_that_cannot_be_read_is_refused_with_what_and_where() {
    for path in fixtures("invalid") {
        let expected = fs::read_to_string(path.with_extension("error")).unwrap();
        let error = read(&fs::read(&path).unwrap()).unwrap_err().to_string();
        assert_eq!(error, expected.trim_end(), "{}", path.display());
    }
}

#[test]
fn of_a_card_nothing_but_its_last_digits_is_kept() {
    for path in fixtures("valid") {
        let read = read(&fs::read(&path).unwrap()).unwrap();
        let kept = String::from_utf8(read.bytes).unwrap();
        for secret in ["411111", "555555", "JANE", "DOE"] {
            assert!(!kept.contains(secret), "{secret} in {}", path.display());
        }
        assert!(
            kept.contains("MAPLE AND MAIN LLC") || !kept.contains("mid"),
            "other names stay"
        );
    }
    let xml = String::from_utf8(valid("portico.xml")).unwrap();
    let named = xml.replace("<Amt>", "<CardHolderLastName>DOE</CardHolderLastName><Amt>");
    let kept = String::from_utf8(read(named.as_bytes()).unwrap().bytes).unwrap();
    assert!(
        kept.contains("<CardHolderLastName>***</CardHolderLastName>"),
        "{kept}"
    );
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(
        file in 0..6_usize, changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..8),
        cut in any::<prop::sample::Index>()
    ) {
        let all = fixtures("valid");
        let mut bytes = fs::read(&all[file % all.len()]).unwrap();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        let end = cut.index(bytes.len() + 1);
        drop(read(&bytes));
        drop(read(&bytes[..end]));
    }
}

// matching

fn line(id: &str, kind: LineKind, minor: i64) -> SettlementLine {
    SettlementLine {
        id: ProcessorId::new(id).unwrap(),
        merchant: ProcessorId::new("101023947262").unwrap(),
        source: LineSource::Processor,
        kind,
        progress: Progress::Funded,
        amount: usd(minor),
        date: Some(day()),
        deposit: Some(ProcessorId::new("D1").unwrap()),
        batch: None,
        reference: None,
        network: None,
        invoice: None,
        auth_code: None,
        last4: None,
        brand: CardBrand::Visa,
    }
}

fn tender_of(ticket: &str, index: usize, minor: i64) -> CardTender {
    CardTender {
        tender: TenderRef {
            ticket: key(T1, ticket, tillwire_proto::TransactionKind::Sale),
            index,
        },
        amount: usd(minor),
        account: AccountCode::new("101711").unwrap(),
        brand: CardBrand::Visa,
        numbers: vec![TicketNumber::new(ticket).unwrap()],
        references: BTreeSet::new(),
        auth_codes: BTreeSet::new(),
        last4: None,
        records: BTreeSet::new(),
    }
}

fn reference(number: &str) -> Option<ProcessorReference> {
    Some(ProcessorReference::new(number).unwrap())
}

/// `line → ticket/index by rule`, in order of lines.
fn spoken(lines: &[SettlementLine], tenders: &[CardTender]) -> Vec<String> {
    let found = match_lines(lines, tenders, &[]);
    let tell = |(place, m): (usize, &Matched)| {
        format!(
            "{} -> {}/{} by {}",
            lines[place].id,
            m.tender.ticket.ticket,
            m.tender.index,
            m.rule.name()
        )
    };
    let mut all: Vec<String> = found.iter().map(|(place, m)| tell((*place, m))).collect();
    all.sort();
    all
}

#[test]
fn the_most_trusted_rule_joins_first() {
    let mut by_reference = line("a", LineKind::Sale, 1000);
    (by_reference.reference, by_reference.invoice) = (reference("442"), TicketNumber::cleaned("2"));
    let mut by_invoice = line("b", LineKind::Sale, 1000);
    by_invoice.invoice = TicketNumber::cleaned("2");
    let mut by_code = line("c", LineKind::Sale, 1000);
    by_code.auth_code = Some(AuthCode::new("05231A").unwrap());
    let mut by_amount = line("d", LineKind::Sale, 1000);
    by_amount.last4 = Last4::new("1111");
    let mut tenders: Vec<_> = ["1", "2", "3", "4"]
        .iter()
        .map(|ticket| tender_of(ticket, 0, 1000))
        .collect();
    tenders[0].references.extend(reference("442"));
    tenders[2].auth_codes.insert(AuthCode::new("05231A").unwrap());
    tenders[3].last4 = Last4::new("1111");
    assert_eq!(
        spoken(&[by_amount, by_code, by_invoice, by_reference], &tenders),
        [
            "a -> 1/0 by reference",
            "b -> 2/0 by invoice",
            "c -> 3/0 by auth-code",
            "d -> 4/0 by amount"
        ]
    );
}

#[test]
fn a_rule_that_leaves_a_choice_joins_nothing() {
    let mut sale = line("a", LineKind::Sale, 1000);
    sale.last4 = Last4::new("1111");
    let mut one = tender_of("1", 0, 1000);
    one.last4 = Last4::new("1111");
    let other = CardTender {
        tender: tender_of("2", 0, 1000).tender,
        ..one.clone()
    };
    assert_eq!(
        spoken(std::slice::from_ref(&sale), &[one.clone(), other]),
        Vec::<String>::new()
    );
    let rival = SettlementLine {
        id: ProcessorId::new("b").unwrap(),
        ..sale.clone()
    };
    assert_eq!(spoken(&[sale, rival], &[one]), Vec::<String>::new());
}

#[test]
fn two_equal_cards_on_one_ticket_are_joined_to_two_lines() {
    let mut one = line("a", LineKind::Sale, 500);
    one.invoice = TicketNumber::cleaned("7");
    let two = SettlementLine {
        id: ProcessorId::new("b").unwrap(),
        ..one.clone()
    };
    let tenders = [tender_of("7", 0, 500), tender_of("7", 1, 500)];
    assert_eq!(
        spoken(&[one, two], &tenders),
        ["a -> 7/0 by invoice", "b -> 7/1 by invoice"]
    );
}

#[test]
fn a_refund_joins_money_given_back_and_nothing_else() {
    let mut back = line("a", LineKind::Refund, 500);
    back.invoice = TicketNumber::cleaned("7");
    let taken = tender_of("7", 0, 500);
    let given = tender_of("7", 1, -500);
    assert_eq!(spoken(&[back], &[taken, given]), ["a -> 7/1 by invoice"]);
}

#[test]
fn an_approval_code_is_trusted_for_three_days_and_another_card_not_at_all() {
    let mut sale = line("a", LineKind::Sale, 1000);
    sale.auth_code = Some(AuthCode::new("05231A").unwrap());
    sale.last4 = Last4::new("1111");
    let mut tender = tender_of("1", 0, 1000);
    tender.auth_codes.insert(AuthCode::new("05231A").unwrap());
    let near = |days: i32| tillwire_proto::BusinessDay::from_days(day().days_since_epoch() + days);
    for (days, joined) in [(3, 1), (4, 0)] {
        sale.date = near(days);
        assert_eq!(
            spoken(std::slice::from_ref(&sale), std::slice::from_ref(&tender)).len(),
            joined
        );
    }
    sale.date = near(0);
    tender.last4 = Last4::new("4444");
    assert_eq!(spoken(&[sale], &[tender]).len(), 0);
}

#[test]
fn what_was_refused_or_taken_back_settles_nothing() {
    for progress in [
        Progress::Asked,
        Progress::Declined,
        Progress::Voided,
        Progress::Rejected,
    ] {
        let mut sale = line("a", LineKind::Sale, 500);
        (sale.invoice, sale.progress) = (TicketNumber::cleaned("7"), progress);
        assert_eq!(
            spoken(&[sale], &[tender_of("7", 0, 500)]).len(),
            0,
            "{progress:?}"
        );
    }
}

#[test]
fn a_dispute_follows_the_line_of_its_payment() {
    let mut sale = line("a", LineKind::Sale, 8000);
    (sale.invoice, sale.network) = (TicketNumber::cleaned("7"), reference("74000000000000000000001"));
    let mut dispute = line("z", LineKind::Chargeback, 8000);
    dispute.network = sale.network.clone();
    let tenders = [tender_of("7", 0, 8000)];
    assert_eq!(
        spoken(&[sale.clone(), dispute.clone()], &tenders),
        ["a -> 7/0 by invoice", "z -> 7/0 by earlier-line"]
    );
    let matched = Matched {
        tender: tenders[0].tender.clone(),
        rule: SettleRule::Invoice,
    };
    let later = match_lines(&[dispute], &tenders, &[(sale, matched)]);
    assert_eq!(later[&0].rule, SettleRule::EarlierLine);
}

proptest! {
    #[test]
    fn the_order_of_lines_and_tenders_changes_no_pair(
        lines in prop::collection::vec((0..4_u8, 1..4_i64, 0..3_u8, any::<bool>()), 1..8),
        tenders in prop::collection::vec((0..4_u8, 1..4_i64, 0..3_u8, any::<bool>()), 1..8),
    ) {
        let lines: Vec<SettlementLine> = lines.into_iter().enumerate().map(|(place, (ticket, minor, code, back))| {
            let mut line = line(&format!("l{place}"), if back { LineKind::Refund } else { LineKind::Sale }, minor);
            line.invoice = (ticket > 0).then(|| TicketNumber::new(&ticket.to_string()).unwrap());
            line.auth_code = (code > 0).then(|| AuthCode::new(&code.to_string()).unwrap());
            line
        }).collect();
        let mut of_ticket: BTreeMap<u8, usize> = BTreeMap::new();
        let tenders: Vec<CardTender> = tenders.into_iter().map(|(ticket, minor, code, back)| {
            let index = of_ticket.entry(ticket).or_default();
            *index += 1;
            let mut tender = tender_of(&ticket.to_string(), *index, if back { -minor } else { minor });
            tender.auth_codes.extend((code > 0).then(|| AuthCode::new(&code.to_string()).unwrap()));
            tender
        }).collect();
        let (mut backwards, mut turned) = (lines.clone(), tenders.clone());
        backwards.reverse();
        turned.reverse();
        let pairs = |spoken: Vec<String>| -> BTreeSet<(String, String)> {
            // equal tenders of one ticket are as good as each other: which of them is which is not compared
            spoken.iter().map(|words| {
                let (line, rest) = words.split_once(" -> ").unwrap();
                (line.to_owned(), rest.split_once('/').unwrap().0.to_owned())
            }).collect()
        };
        prop_assert_eq!(pairs(spoken(&lines, &tenders)), pairs(spoken(&backwards, &turned)));
        let found = match_lines(&lines, &tenders, &[]);
        let used: BTreeSet<&TenderRef> = found.values().map(|m| &m.tender).collect();
        prop_assert_eq!(used.len(), found.len(), "no tender is settled twice");
    }
}

#[test]
fn the_gateways_and_the_processors_line_of_one_payment_settle_one_tender() {
    let mut paid = line("a", LineKind::Sale, 500);
    paid.invoice = TicketNumber::cleaned("7");
    let batched = SettlementLine {
        id: ProcessorId::new("g").unwrap(),
        source: LineSource::Gateway,
        progress: Progress::Batched,
        deposit: None,
        ..paid.clone()
    };
    assert_eq!(
        spoken(&[paid, batched], &[tender_of("7", 0, 500)]),
        ["a -> 7/0 by invoice", "g -> 7/0 by invoice"]
    );
}

#[test]
fn a_later_report_goes_on_and_an_earlier_one_changes_nothing() {
    let paid = line("a", LineKind::Sale, 500);
    let captured = SettlementLine {
        progress: Progress::Captured,
        deposit: None,
        ..paid.clone()
    };
    assert_eq!(paid.follows(&captured), Ok(true));
    assert_eq!(captured.follows(&paid), Ok(false));
    assert_eq!(paid.follows(&paid), Ok(false));
    let other = SettlementLine {
        amount: usd(501),
        ..paid.clone()
    };
    assert_eq!(
        other.follows(&paid).unwrap_err().to_string(),
        "sale a was reported as 5.00 USD Funded in deposit D1 and is 5.01 USD Funded in deposit D1 now; ask the \
         processor which is right, nothing was taken"
    );
    let rejected = SettlementLine {
        progress: Progress::Rejected,
        deposit: None,
        ..paid.clone()
    };
    assert!(
        rejected.follows(&paid).is_err(),
        "what was paid out cannot have come to nothing"
    );
    assert_eq!(rejected.follows(&captured), Ok(true));
}

// books

fn settled_store() -> StoreSettings {
    let accounts = r#", "settlement": {"bank": "101403", "fee": "620001", "chargeback": "121500"}"#;
    draft_with("", accounts).check().unwrap()
}

fn book(
    settings: &StoreSettings,
    deposit: &Deposit,
    lines: &[SettlementLine],
    already: &[DepositPosting],
) -> Result<Option<DepositPosting>, DepositHeld> {
    let booked: Vec<_> = lines.iter().map(|line| (line, None)).collect();
    let place = (&settings.tenant, &settings.store);
    deposit_posting(place, deposit, &booked, settings.mapping_on(day()), already)
}

#[test]
fn a_deposit_is_one_balanced_entry_on_its_own_date() {
    let page = report("gp-page.json");
    let booked = book(&settled_store(), &page.deposits[0], &page.lines, &[])
        .unwrap()
        .unwrap();
    assert_eq!(booked.posting.day().to_string(), "2026-11-16");
    let entry = booked.entry();
    assert_eq!(entry.key.as_str(), "tillwire.d_acme_s01_DEP_2026111600017_r1");
    assert_eq!(entry.reference, "TW/s01/deposit DEP_2026111600017/r1");
    assert_eq!(
        spell_posting(&booked.posting),
        [
            "101403 Deposit DEP_2026111600017 99.81",
            "101710 Card mastercard settled -50.00",
            "101711 Card visa settled -51.75",
            "620001 Fees of DEP_2026111600017 1.94",
        ]
    );
    assert_eq!(
        book(&settled_store(), &page.deposits[0], &page.lines, &[booked]).unwrap(),
        None
    );
}

#[test]
fn a_tender_is_taken_out_of_the_account_it_was_booked_to() {
    let page = report("gp-page.json");
    let mut tender = tender_of("10482", 0, 8000);
    (tender.account, tender.brand) = (AccountCode::new("101799").unwrap(), CardBrand::Other);
    let booked: Vec<_> = page
        .lines
        .iter()
        .map(|line| (line, (line.id.as_str() == "TRN_SAMPLE_01").then_some(&tender)))
        .collect();
    let settings = settled_store();
    let place = (&settings.tenant, &settings.store);
    let posting = deposit_posting(place, &page.deposits[0], &booked, settings.mapping_on(day()), &[])
        .unwrap()
        .unwrap();
    let lines = spell_posting(&posting.posting);
    assert!(
        lines.contains(&"101799 Card other settled -80.00".to_owned()),
        "{lines:?}"
    );
}

#[test]
fn a_chargeback_goes_to_its_own_account_and_takes_money_from_the_bank() {
    let page = report("gp-chargeback.json");
    let booked = book(&settled_store(), &page.deposits[0], &page.lines, &[])
        .unwrap()
        .unwrap();
    assert_eq!(
        spell_posting(&booked.posting),
        [
            "101403 Deposit DEP_2026113000003 -95.00",
            "121500 Disputed card payments 80.00",
            "620001 Fees of DEP_2026113000003 15.00",
        ]
    );
}

#[test]
fn a_deposit_waits_for_its_lines_and_for_its_accounts() {
    let page = report("gp-page.json");
    let held = |settings: &StoreSettings, lines: &[SettlementLine]| {
        book(settings, &page.deposits[0], lines, &[])
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        held(&settled_store(), &page.lines[1..]),
        "its sales come to 50.00 USD, the deposit says 130.00 USD; import the report with its lines"
    );
    assert_eq!(
        held(&settings(), &page.lines),
        "no account for settlement.bank; add odoo.accounts.settlement.bank to the mapping"
    );
    let mut off = page.deposits[0].clone();
    off.amount = usd(9982);
    assert_eq!(
        book(&settled_store(), &off, &page.lines, &[])
            .unwrap_err()
            .to_string(),
        "its lines less fees come to 99.81 USD, the deposit says 99.82 USD; ask the processor"
    );
    for status in [DepositStatus::Irreg, DepositStatus::SplitFunding] {
        off.status = status;
        assert_eq!(
            book(&settled_store(), &off, &page.lines, &[]).unwrap_err(),
            DepositHeld::Status(status.word())
        );
    }
    off.status = DepositStatus::Delayed;
    assert_eq!(book(&settled_store(), &off, &page.lines, &[]), Ok(None));
}

#[test]
fn a_reserve_that_is_released_moves_to_the_bank_by_a_further_entry() {
    let accounts = r#", "settlement": {"bank": "101403", "fee": "620001", "reserve": "101404"}"#;
    let settings = draft_with("", accounts).check().unwrap();
    let page = report("gp-page.json");
    let mut deposit = page.deposits[0].clone();
    deposit.status = DepositStatus::Reserved;
    let kept = book(&settings, &deposit, &page.lines, &[]).unwrap().unwrap();
    deposit.status = DepositStatus::Released;
    let released = book(&settings, &deposit, &page.lines, std::slice::from_ref(&kept))
        .unwrap()
        .unwrap();
    assert_eq!((kept.posting.revision(), released.posting.revision()), (1, 2));
    assert_eq!(
        spell_posting(&released.posting),
        [
            "101403 Deposit DEP_2026111600017 99.81",
            "101404 Deposit DEP_2026111600017 -99.81"
        ]
    );
}

// days

/// A closed day with one card sale of 80.00, seen at the terminal, and what was settled of it.
fn day_with(settlement: &[SettlementLine]) -> (World, tillwire_relay_core::store_day::DayAssessment) {
    let mut world = World::new();
    world.tell(card_sale(T1, "7", 8000));
    let mut sold = answer(T1, PaymentCommand::Sale, 8000, Some("7"));
    sold.card.as_mut().unwrap().reference = reference("442");
    world.add(Fact::Terminal(Box::new(sold)), Witness::Terminal);
    world.close_all();
    let assessment = assess_with(&world, settlement);
    (world, assessment)
}

fn assess_with(
    world: &World,
    settlement: &[SettlementLine],
) -> tillwire_relay_core::store_day::DayAssessment {
    let before = world.assess();
    let found = match_lines(settlement, &before.card_tenders, &[]);
    let mut facts = world.facts();
    facts.settlement = found
        .into_iter()
        .map(|(place, m)| (settlement[place].clone(), m))
        .collect();
    tillwire_relay_core::store_day::assess(&facts, &world.settings, LATER, &[])
}

fn settled(minor: i64) -> SettlementLine {
    SettlementLine {
        reference: reference("442"),
        ..line("s", LineKind::Sale, minor)
    }
}

#[test]
fn a_day_is_settled_when_deposits_took_what_was_booked() {
    let (_, before) = day_with(&[]);
    assert!(!before.is_settled());
    assert_eq!(
        before.clearing.iter().map(|open| open.amount).collect::<Vec<_>>(),
        [usd(8000)]
    );
    assert_eq!(kinds(&before), [], "money on its way is no exception");
    let (_, after) = day_with(&[settled(8000)]);
    assert!(after.is_settled(), "{:?}", after.clearing);
    assert_eq!(kinds(&after), []);
}

#[test]
fn a_chargeback_opens_exactly_its_amount_again_and_its_return_closes_it() {
    let dispute = |id, kind, minor| SettlementLine {
        reference: reference("442"),
        ..line(id, kind, minor)
    };
    let taken = dispute("c", LineKind::Chargeback, 3000);
    let (_, disputed) = day_with(&[settled(8000), taken.clone()]);
    assert!(!disputed.is_settled());
    let open: Vec<_> = disputed
        .clearing
        .iter()
        .map(|open| (open.amount, open.cause.name()))
        .collect();
    assert_eq!(open, [(usd(3000), "disputed")]);
    assert_eq!(kinds(&disputed), [ExceptionKind::Disputed]);
    assert_eq!(disputed.exceptions[0].at_risk, Some(usd(3000)));
    let back = dispute("r", LineKind::Reversal, 3000);
    let (_, returned) = day_with(&[settled(8000), taken, back]);
    assert!(returned.is_settled());
}

#[test]
fn another_amount_than_the_tickets_is_open_and_named() {
    let (_, assessment) = day_with(&[settled(7900)]);
    assert!(!assessment.is_settled());
    assert_eq!(kinds(&assessment), [ExceptionKind::SettlementDiffers]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(100)));
    assert_eq!(
        assessment.exceptions[0].detail,
        "sale 7 at till-1: 1.00 USD of its visa payment is settled with another amount"
    );
}

#[test]
fn more_settled_than_was_taken_contradicts_the_terminal() {
    let (_, assessment) = day_with(&[settled(9200)]);
    assert_eq!(
        kinds(&assessment),
        [ExceptionKind::PaymentConflict, ExceptionKind::SettlementDiffers]
    );
    assert_eq!(
        assessment.exceptions[0].detail,
        "processor's sale s: it is said to be settled 92.00 USD, which makes 92.00 USD, but no more than 80.00 USD \
         is possible while it is captured"
    );
}

#[test]
fn a_batch_line_confirms_a_payment_and_settles_nothing() {
    let mut batched = settled(8000);
    (batched.progress, batched.deposit) = (Progress::Batched, None);
    let (_, assessment) = day_with(&[batched]);
    assert!(!assessment.is_settled());
    assert_eq!(kinds(&assessment), []);
}
