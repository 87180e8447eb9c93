use tillwire_proto::{Amount, CardBrand, Code, LineKind, PaymentCommand, TenderKind, TransactionKind};
use tillwire_relay_core::books::{BooksError, Contribution, Ledger, Posting, Unbalanced};
use tillwire_relay_core::exception::ExceptionKind;

use crate::world::*;

#[test]
fn cash_with_change_books_what_was_kept() {
    let mut world = World::new();
    let rung_up = trade(
        vec![item("A1", 2, 1000)],
        vec![tax("CA State", None, 165)],
        &[],
        vec![tender(TenderKind::Cash, 2500)],
        335,
    );
    world.tell(sale(T1, "1", rung_up));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101501 Cash 21.65",
            "220101 CA State -1.65",
            "400001 Sales -20.00"
        ]
    );
}

#[test]
fn the_terminal_names_the_brand_that_the_ticket_does_not() {
    let mut world = World::new();
    world.tell(card_sale(T1, "1", 1000));
    world.tell(card_sale(T1, "2", 500));
    world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101710 Card other 5.00",
            "101711 Card visa 10.00",
            "400001 Sales -15.00"
        ]
    );
}

#[test]
fn a_brand_written_on_the_ticket_serves_without_a_terminal() {
    let mut world = World::new();
    let mut sold = card_sale(T1, "1", 1000);
    if let tillwire_proto::Body::Trade(trade) = &mut sold.body {
        trade.tenders[0].card = Some(card(CardBrand::Visa));
    }
    world.tell(sold);
    assert_eq!(spell(&world.ledger())[0], "101711 Card visa 10.00");
}

#[test]
fn gift_cards_are_a_liability_sold_and_redeemed() {
    let mut world = World::new();
    let sold = trade(
        vec![gift_card(5000)],
        vec![],
        &[],
        vec![tender(TenderKind::Cash, 5000)],
        0,
    );
    let spent = trade(
        vec![item("A1", 1, 1200)],
        vec![],
        &[],
        vec![tender(TenderKind::GiftCard, 1200)],
        0,
    );
    world.tell(sale(T1, "1", sold));
    world.tell(sale(T1, "2", spent));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101501 Cash 50.00",
            "230001 Gift cards redeemed 12.00",
            "230001 Gift cards sold -50.00",
            "400001 Sales -12.00"
        ]
    );
}

#[test]
fn tips_and_split_tenders_each_find_their_account() {
    let mut world = World::new();
    let tenders = vec![tender(TenderKind::Card, 1000), tender(TenderKind::Check, 300)];
    world.tell(sale(
        T1,
        "1",
        trade(vec![item("A1", 1, 1000)], vec![], &[300], tenders, 0),
    ));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101710 Card other 10.00",
            "101720 Checks 3.00",
            "230002 Tips -3.00",
            "400001 Sales -10.00"
        ]
    );
}

#[test]
fn discounts_reduce_revenue_unless_they_have_an_account() {
    let sold = || {
        let lines = vec![off(item("A1", 1, 1000), 150)];
        sale(
            T1,
            "1",
            trade(lines, vec![], &[], vec![tender(TenderKind::Cash, 850)], 0),
        )
    };
    let mut net = World::new();
    net.tell(sold());
    assert_eq!(spell(&net.ledger()), ["101501 Cash 8.50", "400001 Sales -8.50"]);
    let mut gross = World::with(draft_with("", r#", "discount": "400900""#).check().unwrap());
    gross.tell(sold());
    assert_eq!(
        spell(&gross.ledger()),
        ["101501 Cash 8.50", "400001 Sales -10.00", "400900 Discounts 1.50"]
    );
}

#[test]
fn taxes_stay_apart_by_jurisdiction_and_rate() {
    let mut world = World::new();
    let taxes = vec![
        tax("CA State", Some(72_500), 73),
        tax("CA State", Some(10_000), 10),
        tax("City", None, 9),
    ];
    let tenders = vec![tender(TenderKind::Cash, 1092)];
    world.tell(sale(
        T1,
        "1",
        trade(vec![item("A1", 1, 1000)], taxes, &[], tenders, 0),
    ));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101501 Cash 10.92",
            "220101 CA State 7.25% -0.73",
            "220102 CA State 1% -0.10",
            "220110 City -0.09",
            "400001 Sales -10.00"
        ]
    );
}

#[test]
fn a_tax_that_does_not_fit_its_rate_is_carried_as_told() {
    let mut world = World::new();
    let odd = vec![tax("CA State", Some(82_500), 99)];
    world.tell(sale(
        T1,
        "1",
        trade(
            vec![item("A1", 1, 1000)],
            odd,
            &[],
            vec![tender(TenderKind::Cash, 1099)],
            0,
        ),
    ));
    assert!(spell(&world.ledger()).contains(&"220101 CA State 8.25% -0.99".to_owned()));
}

#[test]
fn a_return_shows_apart_from_the_sales() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    world.tell(cash_return(T1, "2", "A1", 400));
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash 6.00", "400001 Returns 4.00", "400001 Sales -10.00"]
    );
}

#[test]
fn an_exchange_books_both_ways_on_one_ticket() {
    let mut world = World::new();
    let lines = vec![item("A1", -1, 1000), item("B2", 1, 1500)];
    let swapped = trade(lines, vec![], &[], vec![tender(TenderKind::Cash, 500)], 0);
    world.tell(transaction(
        key(T1, "1", TransactionKind::Exchange),
        tillwire_proto::Body::Trade(swapped),
    ));
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash 5.00", "400001 Returns 10.00", "400001 Sales -15.00"]
    );
}

#[test]
fn a_day_of_returns_alone_turns_every_sign() {
    let mut world = World::new();
    world.tell(cash_return(T1, "1", "A1", 400));
    let posting = world.posting(&[]).unwrap();
    assert_eq!(
        spell_posting(&posting),
        ["101501 Cash -4.00", "400001 Returns 4.00"]
    );
    assert_eq!(posting.total(), usd(400));
}

#[test]
fn shipping_and_fees_fall_back_to_revenue() {
    let mut world = World::new();
    let line = |kind, minor| tillwire_proto::Line {
        kind,
        sku: None,
        ..item("x", 1, minor)
    };
    let lines = vec![line(LineKind::Shipping, 700), line(LineKind::Fee, 50)];
    world.tell(sale(
        T1,
        "1",
        trade(lines, vec![], &[], vec![tender(TenderKind::Cash, 750)], 0),
    ));
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash 7.50", "400001 Fees -0.50", "400001 Shipping -7.00"]
    );
}

#[test]
fn cash_in_and_out_of_the_drawer_meets_its_account() {
    let mut world = World::new();
    world.tell(drawer(T1, "1", TransactionKind::PaidIn, 1000, None));
    world.tell(drawer(T1, "2", TransactionKind::PaidOut, 300, Some("supplies")));
    world.tell(drawer(T1, "3", TransactionKind::Pickup, 5000, None));
    world.tell(drawer(T1, "4", TransactionKind::Loan, 2000, None));
    world.tell(drawer(T1, "5", TransactionKind::NoSale, 0, None));
    assert_eq!(
        spell(&world.ledger()),
        [
            "101501 Cash -23.00",
            "101510 Loan from safe -20.00",
            "101510 Pickup to safe 50.00",
            "480001 Paid in -10.00",
            "600001 Paid out supplies 3.00"
        ]
    );
}

#[test]
fn a_reason_without_account_holds_only_its_movement() {
    let mut world = World::new();
    world.tell(drawer(T1, "1", TransactionKind::PaidOut, 300, Some("pizza")));
    world.tell(cash_sale(T1, "2", 1000));
    let ledger = world.ledger();
    assert_eq!(spell(&ledger), ["101501 Cash 10.00", "400001 Sales -10.00"]);
    assert_eq!(ledger.held[0].kind, ExceptionKind::MissingAccount);
    assert_eq!(ledger.held[0].cause.as_str(), "missing-account:paid_out.pizza");
}

fn unknown_tender_sale(ticket: &str) -> tillwire_proto::Transaction {
    let kind = TenderKind::Other(Code::new("EBAY").unwrap());
    sale(
        T1,
        ticket,
        trade(vec![item("A1", 1, 700)], vec![], &[], vec![tender(kind, 700)], 0),
    )
}

#[test]
fn an_unknown_tender_holds_its_tickets_under_one_cause() {
    let mut world = World::new();
    world.tell(unknown_tender_sale("1"));
    world.tell(unknown_tender_sale("2"));
    world.tell(cash_sale(T1, "3", 1000));
    let ledger = world.ledger();
    assert_eq!(spell(&ledger), ["101501 Cash 10.00", "400001 Sales -10.00"]);
    assert_eq!(ledger.held.len(), 1);
    let exception = &ledger.held[0];
    assert_eq!(exception.kind, ExceptionKind::UnknownTender);
    assert_eq!(exception.at_risk, Some(usd(1400)));
    assert_eq!(exception.records.len(), 2);
    assert!(
        exception.detail.contains("add tender.EBAY to the mapping"),
        "{}",
        exception.detail
    );
    assert_eq!(ledger.held_tickets().len(), 2);
}

#[test]
fn mapping_the_tender_lets_its_tickets_follow_as_a_revision() {
    let mut world = World::new();
    world.tell(unknown_tender_sale("1"));
    world.tell(cash_sale(T1, "2", 1000));
    let first = world.posting(&[]).unwrap();
    let mut draft = draft_with("", "");
    draft
        .odoo
        .accounts
        .tender
        .insert("EBAY".to_owned(), "101790".into());
    world.settings = draft.check().unwrap();
    let second = world.posting(std::slice::from_ref(&first)).unwrap();
    assert_eq!(second.revision(), 2);
    assert_eq!(
        spell_posting(&second),
        ["101790 Tender EBAY 7.00", "400001 Sales -7.00"]
    );
    assert!(world.posting(&[first, second]).is_none());
}

#[test]
fn a_suspense_account_takes_what_the_mapping_lacks_and_says_so() {
    let mut world = World::with(draft_with("", r#", "suspense": "999999""#).check().unwrap());
    world.tell(unknown_tender_sale("1"));
    let ledger = world.ledger();
    assert_eq!(spell(&ledger), ["400001 Sales -7.00", "999999 Tender EBAY 7.00"]);
    assert_eq!(ledger.held[0].kind, ExceptionKind::UnknownTender);
    assert!(ledger.held_tickets().is_empty());
}

#[test]
fn an_unknown_tax_holds_the_ticket_whole() {
    let mut world = World::new();
    let taxes = vec![tax("Narnia", None, 100)];
    world.tell(sale(
        T1,
        "1",
        trade(
            vec![item("A1", 1, 1000)],
            taxes,
            &[],
            vec![tender(TenderKind::Cash, 1100)],
            0,
        ),
    ));
    let ledger = world.ledger();
    assert_eq!(ledger.lines().count(), 0);
    assert_eq!(ledger.held[0].kind, ExceptionKind::UnknownTax);
}

#[test]
fn a_ticket_that_does_not_add_up_is_held_alone() {
    let mut world = World::new();
    let mut wrong = trade(
        vec![item("A1", 1, 1000)],
        vec![],
        &[],
        vec![tender(TenderKind::Cash, 1000)],
        0,
    );
    wrong.totals.net = usd(999);
    world.tell(sale(T1, "1", wrong));
    world.tell(cash_sale(T1, "2", 500));
    let ledger = world.ledger();
    assert_eq!(spell(&ledger), ["101501 Cash 5.00", "400001 Sales -5.00"]);
    assert_eq!(ledger.held[0].kind, ExceptionKind::DoesNotAddUp);
    assert_eq!(ledger.held[0].at_risk, Some(usd(1000)));
}

#[test]
fn a_ticket_in_another_currency_is_held_alone() {
    let mut world = World::new();
    let mut foreign = cash_sale(T1, "1", 1000);
    foreign.currency = tillwire_proto::Currency::from_code("EUR").unwrap();
    world.tell(foreign);
    assert_eq!(world.ledger().held[0].kind, ExceptionKind::WrongCurrency);
}

#[test]
fn a_counted_drawer_books_over_and_short_by_register() {
    let mut world = World::new();
    world.tell(opening(T1, 10_000));
    world.tell(cash_sale(T1, "1", 2000));
    world.tell(drawer(T1, "2", TransactionKind::Pickup, 1500, None));
    world.tell(count(T1, 10_450));
    world.tell(cash_sale(T2, "1", 1000));
    world.tell(count(T2, 21_100));
    let lines = spell(&world.ledger());
    assert!(
        lines.contains(&"640001 Cash short till-1 0.50".to_owned()),
        "{lines:?}"
    );
    assert!(
        lines.contains(&"101501 Cash short till-1 -0.50".to_owned()),
        "{lines:?}"
    );
    // the second till opened with the float of the settings
    assert!(
        lines.contains(&"440001 Cash over till-2 -1.00".to_owned()),
        "{lines:?}"
    );
    let over: Vec<_> = world.assess().exceptions;
    assert_eq!(
        over.iter().filter(|e| e.kind == ExceptionKind::OverShort).count(),
        2
    );
}

#[test]
fn an_exact_count_books_nothing_and_raises_nothing() {
    let mut world = World::new();
    world.tell(opening(T1, 10_000));
    world.tell(cash_sale(T1, "1", 2000));
    world.tell(count(T1, 12_000));
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash 20.00", "400001 Sales -20.00"]
    );
    assert!(kinds(&world.assess()).is_empty());
}

#[test]
fn a_small_difference_is_booked_without_an_exception() {
    let limit = r#", "over_short_limit": "1.00""#;
    let mut world = World::with(draft_with(limit, "").check().unwrap());
    world.tell(opening(T1, 10_000));
    world.tell(count(T1, 9_900));
    assert_eq!(world.ledger().lines().count(), 2);
    assert!(world.ledger().held.is_empty());
}

#[test]
fn the_cash_of_a_held_ticket_is_in_the_drawer() {
    let mut world = World::new();
    world.tell(opening(T1, 0));
    let taxes = vec![tax("Narnia", None, 100)];
    world.tell(sale(
        T1,
        "1",
        trade(
            vec![item("A1", 1, 1000)],
            taxes,
            &[],
            vec![tender(TenderKind::Cash, 1100)],
            0,
        ),
    ));
    world.tell(count(T1, 1100));
    let ledger = world.ledger();
    assert_eq!(
        ledger.lines().count(),
        0,
        "no over and short for cash that is explained"
    );
}

#[test]
fn a_count_without_a_float_is_an_exception_and_no_guess() {
    let mut draft = draft_with("", "");
    draft.opening_float = None;
    let mut world = World::with(draft.check().unwrap());
    world.tell(count(T1, 5000));
    let ledger = world.ledger();
    assert_eq!(ledger.lines().count(), 0);
    assert_eq!(ledger.held[0].kind, ExceptionKind::OverShort);
}

#[test]
fn every_cent_leads_to_its_records_and_back() {
    let mut world = World::new();
    let first = world.tell(cash_sale(T1, "1", 1000));
    let second = world.tell(cash_sale(T1, "2", 500));
    let ledger = world.ledger();
    for (line, sum) in ledger.lines() {
        let parts: i64 = ledger.of_line(line).map(|part| part.amount.minor()).sum();
        assert_eq!(parts, sum.amount.minor());
        assert_eq!(sum.records.iter().copied().collect::<Vec<_>>(), [first, second]);
    }
    let ticket = key(T1, "2", TransactionKind::Sale);
    let parts: Vec<&Contribution> = ledger.of_ticket(&ticket).collect();
    assert_eq!(parts.len(), 2);
    assert!(parts.iter().all(|part| part.records == [second]));
}

#[test]
fn a_joined_payment_is_among_the_records_of_its_tender() {
    let mut world = World::new();
    let ticket = world.tell(card_sale(T1, "1", 1000));
    let payment = world.pay(answer(T1, PaymentCommand::Sale, 1000, Some("1")));
    let ledger = world.ledger();
    let (_, visa) = ledger.lines().find(|(key, _)| key.label == "Card visa").unwrap();
    assert!(visa.records.contains(&ticket) && visa.records.contains(&payment));
}

#[test]
fn a_late_sale_makes_a_revision_with_only_the_difference() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let first = world.posting(&[]).unwrap();
    let late = world.tell(cash_sale(T1, "2", 250));
    let second = world.posting(std::slice::from_ref(&first)).unwrap();
    assert_eq!((first.revision(), second.revision()), (1, 2));
    assert_eq!(spell_posting(&second), ["101501 Cash 2.50", "400001 Sales -2.50"]);
    assert_eq!(second.records().into_iter().collect::<Vec<_>>(), [late]);
}

#[test]
fn a_void_after_posting_nets_the_sale_away() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let first = world.posting(&[]).unwrap();
    world.tell(void(T1, "2", "1", None));
    let second = world.posting(std::slice::from_ref(&first)).unwrap();
    assert_eq!(
        spell_posting(&second),
        ["101501 Cash -10.00", "400001 Sales 10.00"]
    );
    assert!(!second.records().is_empty());
}

#[test]
fn an_unbalanced_posting_cannot_be_made_or_read() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let good = world.posting(&[]).unwrap();
    let one: std::collections::BTreeMap<_, _> = good
        .lines()
        .take(1)
        .map(|(key, line)| (key.clone(), line.clone()))
        .collect();
    let made = Posting::new(good.tenant().clone(), good.store().clone(), day(), 1, one);
    assert_eq!(made, Err(Unbalanced::Rest(usd(1000))));
    let text = serde_json::to_string(&good).unwrap();
    assert_eq!(serde_json::from_str::<Posting>(&text).unwrap(), good);
    let cooked = text.replacen("1000", "1001", 1);
    assert!(serde_json::from_str::<Posting>(&cooked).is_err());
}

#[test]
fn a_ledger_refuses_a_ticket_that_leaves_a_rest() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", 1000));
    let parts = world.ledger().contributions()[..1].to_vec();
    let mut ledger = Ledger::new(tillwire_proto::Currency::USD);
    assert!(matches!(ledger.take(parts), Err(BooksError::Unbalanced { rest, .. }) if rest == usd(1000)));
    assert_eq!(ledger.lines().count(), 0);
}

#[test]
fn sums_beyond_64_bits_leave_the_ledger_as_it_was() {
    let mut world = World::new();
    world.tell(cash_sale(T1, "1", i64::MAX));
    world.tell(cash_sale(T1, "2", i64::MAX));
    let ledger = world.ledger();
    assert_eq!(
        ledger.lines().next().unwrap().1.amount,
        Amount::new(i64::MAX, ledger.currency())
    );
    assert!(
        ledger
            .held
            .iter()
            .any(|held| held.kind == ExceptionKind::DoesNotAddUp)
    );
}
