//! Several witnesses of one sale: how they are joined, and what is said where they do not agree.

use proptest::prelude::*;
use tillwire_proto::{
    AuthCode, CardFacts, Code, Currency, Fact, Last4, LocalTime, PaymentCommand, PosId, Printed,
    PrintedTender, ProcessorReference, RegisterId, ReportEntry, ReportKind, ReportState, Screen, ScreenState,
    StoreId, TenderKind, TerminalId, TerminalReport, TicketNumber, Transaction, TransactionKind, Witness,
};
use tillwire_relay_core::exception::ExceptionKind;
use tillwire_relay_core::matching::MatchRule;
use tillwire_relay_core::store_day::assess;
use tillwire_relay_core::tickets::Tickets;
use tillwire_relay_core::witness::{What, WitnessTable};

use crate::world::*;

fn noon() -> LocalTime {
    LocalTime(i64::from(day().days_since_epoch()) * 86_400 + 50_000)
}

fn paper(register: &str, ticket: &str, kind: TenderKind, minor: i64, card: Option<CardFacts>) -> Printed {
    Printed {
        store: StoreId::new("s01").unwrap(),
        register: RegisterId::new(register).unwrap(),
        currency: Currency::USD,
        template: Code::new("default").unwrap(),
        kind: Some(TransactionKind::Sale),
        ticket: TicketNumber::new(ticket).ok(),
        at: Some(noon()),
        operator: None,
        copy: false,
        lines: Vec::new(),
        subtotal: None,
        discounts: Vec::new(),
        taxes: Vec::new(),
        total: Some(usd(minor)),
        tenders: vec![PrintedTender {
            kind,
            label: None,
            amount: usd(minor),
            card,
        }],
        change: None,
        codes: Vec::new(),
        drawer_kicks: 0,
    }
}

fn prints(world: &mut World, paper: Printed) {
    world.add(Fact::Printed(Box::new(paper)), Witness::Printer);
}

fn with(auth: Option<&str>, last4: Option<&str>) -> CardFacts {
    CardFacts {
        auth_code: auth.and_then(|code| AuthCode::new(code).ok()),
        last4: last4.and_then(Last4::new),
        ..card(tillwire_proto::CardBrand::Visa)
    }
}

fn joined(world: &World) -> Vec<(String, MatchRule)> {
    let facts = world.facts();
    let tickets = Tickets::settle(&facts, &world.settings, &[]);
    let all = tickets.matching.joined.iter();
    all.map(|(tender, joined)| (tender.ticket.ticket.to_string(), joined.rule))
        .collect()
}

fn table(world: &World) -> WitnessTable {
    world.assess().witnesses
}

fn said(table: &WitnessTable) -> Vec<String> {
    let say = |one: &tillwire_relay_core::witness::Disagreement| {
        let ticket = one.ticket.as_ref().map_or("-", |ticket| ticket.as_str());
        format!("{ticket} {}: {}", one.amount, one.what.words())
    };
    table.disagreements.iter().map(say).collect()
}

#[test]
fn the_pos_id_of_a_ticket_is_as_good_an_invoice_number_as_its_own() {
    let mut world = World::new();
    let mut sold = card_sale(T1, "7", 1000);
    sold.pos_id = PosId::new("100231").ok();
    world.tell(sold);
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("100231")));
    assert_eq!(joined(&world), [("7".to_owned(), MatchRule::Invoice)]);
}

#[test]
fn a_receipt_that_shows_ticket_and_approval_joins_them_where_amounts_alone_could_not() {
    let mut world = World::new();
    world.tell(card_sale(T1, "7", 1000));
    world.tell(card_sale(T1, "8", 1000));
    let mut second = answer(T1, PaymentCommand::Sale, 1000, None);
    second.card = Some(with(Some("05231A"), Some("1111")));
    let of_seven = world.pay(second);
    let mut first = answer(T1, PaymentCommand::Sale, 1000, None);
    first.card = Some(with(Some("77100B"), Some("4444")));
    world.pay(first);
    prints(
        &mut world,
        paper(T1, "7", TenderKind::Card, 1000, Some(with(Some("05231A"), None))),
    );
    prints(
        &mut world,
        paper(T1, "8", TenderKind::Card, 1000, Some(with(None, Some("4444")))),
    );
    let rules = joined(&world);
    assert!(
        rules.iter().all(|(_, rule)| *rule == MatchRule::Receipt),
        "{rules:?}"
    );
    let facts = world.facts();
    let tickets = Tickets::settle(&facts, &world.settings, &[]);
    let seven = tickets
        .matching
        .joined
        .iter()
        .find(|(tender, _)| tender.ticket.ticket.as_str() == "7");
    assert_eq!(seven.unwrap().1.payment, of_seven);
}

#[test]
fn another_approval_on_the_paper_is_another_payment() {
    let mut world = World::new();
    world.tell(card_sale(T1, "7", 1000));
    let mut other = answer(T1, PaymentCommand::Sale, 1000, None);
    other.card = Some(with(Some("77100B"), Some("1111")));
    world.pay(other);
    prints(
        &mut world,
        paper(
            T1,
            "7",
            TenderKind::Card,
            1000,
            Some(with(Some("05231A"), Some("1111"))),
        ),
    );
    assert_eq!(
        joined(&world),
        [("7".to_owned(), MatchRule::Nearest)],
        "only time and amount speak for it"
    );
}

#[test]
fn the_ticket_on_the_screen_is_the_one_that_is_paid() {
    let mut world = World::new();
    world.tell(card_sale(T1, "7", 1000));
    world.tell(card_sale(T1, "8", 1000));
    let screen = Screen {
        store: StoreId::new("s01").unwrap(),
        register: RegisterId::new(T1).unwrap(),
        pos_id: None,
        ticket: TicketNumber::new("8").ok(),
        state: ScreenState::Open,
        total: Some(usd(1000)),
        at: Some(noon()),
    };
    world.add(Fact::Screen(Box::new(screen)), Witness::PosPush);
    world.pay(answer(T1, PaymentCommand::Sale, 1000, None));
    assert_eq!(joined(&world), [("8".to_owned(), MatchRule::Screen)]);
}

#[test]
fn among_several_of_one_amount_which_is_which_is_only_probable() {
    let mut world = World::new();
    world.tell(card_sale(T1, "7", 1000));
    world.tell(card_sale(T1, "8", 1000));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, None));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, None));
    let rules = joined(&world);
    assert_eq!(rules.len(), 2);
    assert!(rules.iter().all(|(_, rule)| !rule.is_certain()), "{rules:?}");
}

#[test]
fn a_void_that_names_no_amount_takes_back_all_of_its_payment() {
    let mut world = World::new();
    let reference = ProcessorReference::new("1483920177").ok();
    let mut paid = answer(T1, PaymentCommand::Sale, 1000, Some("1"));
    paid.card.as_mut().unwrap().reference.clone_from(&reference);
    world.pay(paid);
    let mut void = answer(T1, PaymentCommand::Void, 0, None);
    void.card.as_mut().unwrap().reference = reference;
    void.requested = None;
    world.pay(void);
    assert!(kinds(&world.assess()).is_empty(), "{:?}", kinds(&world.assess()));
}

#[test]
fn an_orphan_is_told_after_a_quarter_of_an_hour_not_only_at_night() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 500));
    world.pay(answer(T1, PaymentCommand::Sale, 4200, None));
    let mut facts = world.facts();
    let received_ms = world.settings.day_ends_ms(day()) - 3_600_000;
    facts.payments[0].received_ms = received_ms;
    let at = |minutes: i64| assess(&facts, &world.settings, received_ms + minutes * 60_000, &[]);
    let early = at(14);
    assert!(kinds(&early).is_empty(), "{:?}", kinds(&early));
    assert_eq!(early.again_ms, Some(received_ms + 15 * 60_000));
    assert_eq!(kinds(&at(15)), [ExceptionKind::OrphanApproval]);
}

#[test]
fn a_receipt_whose_sale_nobody_told_is_named_with_its_total_and_copies_are_not() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 500));
    prints(&mut world, paper(T1, "1", TenderKind::Cash, 500, None));
    prints(&mut world, paper(T1, "2", TenderKind::Cash, 700, None));
    let mut copy = paper(T1, "3", TenderKind::Cash, 900, None);
    copy.copy = true;
    prints(&mut world, copy);
    world.close_all();
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::PrintedNotTold]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(700)));
    assert_eq!(
        said(&assessment.witnesses),
        ["2 7.00 USD: printed, but told by nobody"]
    );
    assert!(assessment.blockers.is_empty());
}

#[test]
fn a_paper_with_another_total_is_a_disagreement_with_the_difference_at_risk() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 500));
    prints(&mut world, paper(T1, "1", TenderKind::Cash, 650, None));
    world.close_all();
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::WitnessesDiffer]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(150)));
    assert_eq!(
        said(&assessment.witnesses),
        ["1 5.00 USD: the printer tells 6.50 USD"]
    );
}

#[test]
fn an_offline_approval_that_was_refused_later_is_told_with_its_money_and_one_that_was_taken_is_not() {
    let mut world = World::new();
    let stored = |minor, invoice, number: &str| {
        let mut stored = answer(T1, PaymentCommand::Sale, minor, Some(invoice));
        stored.outcome = tillwire_proto::Outcome::Stored;
        stored.offline_number = Code::new(number).ok();
        stored
    };
    world.tell(card_sale(T1, "1", 1000));
    world.tell(card_sale(T1, "2", 2000));
    world.pay(stored(1000, "1", "P1"));
    world.pay(stored(2000, "2", "P2"));
    let entry = |state, number: &str, amount, auth| ReportEntry {
        state,
        command: Some(PaymentCommand::Sale),
        amount,
        tip: None,
        card: Some(with(auth, Some("1111"))),
        invoice: None,
        terminal_number: None,
        offline_number: Code::new(number).ok(),
        at: None,
    };
    let report = TerminalReport {
        store: StoreId::new("s01").unwrap(),
        register: RegisterId::new(T1).unwrap(),
        terminal: TerminalId::new("pin-1").unwrap(),
        kind: ReportKind::Forwarded,
        succeeded: true,
        batch: None,
        at: Some(noon()),
        count: Some(2),
        total: Some(usd(3000)),
        entries: vec![
            entry(ReportState::Approved, "P1", Some(usd(1000)), Some("05231A")),
            // the report does not say how much: the payment does
            entry(ReportState::Declined, "P2", None, None),
        ],
        message: None,
    };
    world.add(Fact::Report(Box::new(report)), Witness::Terminal);
    world.close_all();
    let assessment = world.assess();
    assert_eq!(kinds(&assessment), [ExceptionKind::OfflineRefused]);
    assert_eq!(assessment.exceptions[0].at_risk, Some(usd(2000)));
    let facts = world.facts();
    let first = &facts.payments[0].payment;
    assert_eq!(
        first.outcome,
        tillwire_proto::Outcome::Approved,
        "it is what the report says it became"
    );
    assert_eq!(
        first.card.as_ref().unwrap().auth_code,
        AuthCode::new("05231A").ok()
    );
}

/// What a day is told like by everyone: till, cloud and paper, and card payments by the terminal.
fn told_by_all(world: &mut World, sales: &[(bool, i64)], leave_out: Option<(usize, Witness)>) {
    for (place, (by_card, minor)) in sales.iter().enumerate() {
        let number = (place + 1).to_string();
        let sold: Transaction = if *by_card {
            card_sale(T1, &number, *minor)
        } else {
            cash_sale(T1, &number, *minor)
        };
        let silent = |witness| leave_out == Some((place, witness));
        for witness in [Witness::PosPush, Witness::CloudPoll] {
            if !silent(witness) {
                world.add(Fact::Transaction(Box::new(sold.clone())), witness);
            }
        }
        if !silent(Witness::Printer) {
            let kind = if *by_card {
                TenderKind::Card
            } else {
                TenderKind::Cash
            };
            let card = by_card.then(|| with(None, Some("1111")));
            prints(world, paper(T1, &number, kind, *minor, card));
        }
        if *by_card && !silent(Witness::Terminal) {
            world.pay(answer(T1, PaymentCommand::Sale, *minor, Some(&number)));
        }
    }
    world.close_all();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn witnesses_that_tell_one_day_agree_and_each_omission_is_named_exactly(
        sales in proptest::collection::vec((any::<bool>(), 1..100_000_i64), 2..12),
        place in 0..12_usize,
        who in 0..4_usize,
    ) {
        let mut whole = World::new();
        told_by_all(&mut whole, &sales, None);
        let all = table(&whole);
        prop_assert!(all.disagreements.is_empty(), "{:?}", said(&all));
        let total: i64 = sales.iter().map(|(_, minor)| minor).sum();
        let card: i64 = sales.iter().filter(|(by_card, _)| *by_card).map(|(_, minor)| minor).sum();
        for column in &all.columns {
            prop_assert_eq!(column.card, Some(usd(card)), "{:?}", column.witness);
            prop_assert!(column.witness == Witness::Terminal || column.total == Some(usd(total)));
        }
        let place = place % sales.len();
        let witness = [Witness::PosPush, Witness::CloudPoll, Witness::Printer, Witness::Terminal][who];
        // a terminal is missed where it told something else of that register
        let others = sales.iter().enumerate().any(|(other, (by_card, _))| *by_card && other != place);
        let is_missed = witness != Witness::Terminal || (sales[place].0 && others);
        let mut lacking = World::new();
        told_by_all(&mut lacking, &sales, Some((place, witness)));
        let found = table(&lacking).disagreements;
        prop_assert_eq!(found.len(), usize::from(is_missed), "{:?}", found);
        if let Some(one) = found.first() {
            let number = (place + 1).to_string();
            prop_assert_eq!(one.ticket.as_ref().map(|ticket| ticket.as_str()), Some(number.as_str()));
            prop_assert_eq!(one.amount, usd(sales[place].1));
            let expected = match witness {
                Witness::Terminal => What::NotCharged,
                witness => What::MissingAt { witness },
            };
            prop_assert_eq!(&one.what, &expected);
        }
    }
}
