//! What tills tell beside plain sales: tax inside prices, rounding, other currencies, departments, exempt goods.

use proptest::prelude::*;
use tillwire_proto::{
    Amount, Body, Code, Currency, Description, Line, LineKind, Prices, Quantity, TaxLine, TenderKind, Trade,
    Transaction, TransactionKind,
};
use tillwire_relay_core::books::Ledger;
use tillwire_relay_core::settings::{RowDraft, StoreSettings, Target};

use crate::world::*;

/// Accounts for everything, with departments, reasons, rounding and other currencies.
fn everything() -> StoreSettings {
    let more = r#", "rounding": "490001", "discount": "400900", "discount_reason": {"Staff": "400901"},
        "category": {"shoes": {"account": "400100", "analytic": "Shoes"}, "hats": "400200"},
        "analytic": "Main Street", "tax_exempt": "Exempt", "store_credit": "230003",
        "product": {"A9": {"category": "shoes"}, "0012345678905": {"code": "A9", "factor": "12"}}"#;
    let mut draft = draft_with("", more);
    let tenders = &mut draft.odoo.accounts.tender;
    tenders.insert("cash.CAD".to_owned(), "101502".into());
    draft.check().unwrap()
}

fn in_department(mut line: Line, department: &str) -> Line {
    line.department = Some(Code::new(department).unwrap());
    line
}

/// Turns a trade's prices into ones that include its taxes.
fn including(mut trade: Trade) -> Trade {
    let tax = trade.totals.tax;
    trade.prices = Prices::TaxIncluded;
    trade.totals.net = trade.totals.net.checked_sub(tax).unwrap();
    trade.totals.total = trade.totals.total.checked_sub(tax).unwrap();
    trade
}

fn based(mut tax: TaxLine, base: i64) -> TaxLine {
    tax.base = Some(usd(base));
    tax
}

fn books_of(settings: StoreSettings, trades: Vec<Trade>) -> Ledger {
    let mut world = World::with(settings);
    for (number, trade) in trades.into_iter().enumerate() {
        let sold = sale(T1, &(number + 1).to_string(), trade);
        assert_eq!(sold.verify(), Ok(()), "the test's own ticket");
        world.tell(sold);
    }
    let ledger = world.ledger();
    assert_eq!(ledger.held, [], "nothing is held");
    ledger
}

#[test]
fn tax_inside_prices_leaves_revenue_net_of_it() {
    let rung_up = including(trade(
        vec![item("A1", 1, 1100), item("B1", 1, 550)],
        vec![tax("City", Some(100_000), 150)],
        &[],
        vec![tender(TenderKind::Cash, 1650)],
        0,
    ));
    assert_eq!(
        spell(&books_of(settings(), vec![rung_up])),
        [
            "101501 Cash 16.50",
            "220110 City 10% -1.50",
            "400001 Sales -15.00"
        ]
    );
}

#[test]
fn the_left_over_cent_goes_to_the_largest_line_and_of_equals_to_the_first() {
    // 10 % inside 3.33 is 0.30 (0.3027), three times 0.90; the till computed 0.91 on the whole
    let lines = || {
        vec![
            in_department(item("A1", 1, 333), "shoes"),
            in_department(item("B1", 1, 333), "hats"),
            item("C1", 1, 333),
        ]
    };
    let taxes = vec![tax("City", Some(100_000), 91)];
    let equal = including(trade(
        lines(),
        taxes.clone(),
        &[],
        vec![tender(TenderKind::Cash, 999)],
        0,
    ));
    assert_eq!(
        spell(&books_of(everything(), vec![equal])),
        [
            "101501 Cash 9.99",
            "220110 City 10% -0.91",
            "400001 Sales -3.03",
            "400100 Sales -3.02",
            "400200 Sales -3.03"
        ]
    );
    let mut larger = lines();
    larger[1] = in_department(item("B1", 1, 334), "hats");
    let larger = including(trade(larger, taxes, &[], vec![tender(TenderKind::Cash, 1000)], 0));
    assert_eq!(
        spell(&books_of(everything(), vec![larger]))[4],
        "400200 Sales -3.03",
        "3.34 less 0.30 less the left-over cent"
    );
}

#[test]
fn goods_that_come_back_on_the_same_ticket_take_their_own_tax_with_them() {
    let mut back = in_department(item("A1", -1, 1100), "shoes");
    back.extended = usd(-1100);
    let lines = vec![back, in_department(item("B1", 1, 1100), "hats")];
    let taxes = vec![tax("City", Some(100_000), 0)];
    let exchange = including(trade(lines, taxes, &[], vec![], 0));
    let mut world = World::with(everything());
    world.tell(transaction(
        key(T1, "1", TransactionKind::Exchange),
        Body::Trade(exchange),
    ));
    // in proportion to a sum of nothing no tax would be inside either line
    assert_eq!(
        spell(&world.ledger()),
        ["400100 Returns 10.00", "400200 Sales -10.00"]
    );
}

#[test]
fn rates_that_do_not_explain_the_tax_give_way_to_proportion() {
    // a jurisdiction's cap: 10 % is told, half of it was taken
    let lines = vec![
        in_department(item("A1", 1, 3000), "shoes"),
        in_department(item("B1", 1, 1000), "hats"),
    ];
    let taxes = vec![tax("City", Some(100_000), 200)];
    let capped = including(trade(lines, taxes, &[], vec![tender(TenderKind::Cash, 4000)], 0));
    let spelt = spell(&books_of(everything(), vec![capped]));
    assert_eq!(spelt[2..], ["400100 Sales -28.50", "400200 Sales -9.50"]);
}

#[test]
fn a_discount_of_a_price_with_tax_is_booked_without_the_tax_inside_it() {
    let mut line = off(item("A1", 1, 2200), 1100);
    line.discounts[0].reason = Description::new("Staff").ok();
    let taxes = vec![tax("City", Some(100_000), 100)];
    let sold = including(trade(
        vec![line],
        taxes,
        &[],
        vec![tender(TenderKind::Cash, 1100)],
        0,
    ));
    assert_eq!(
        spell(&books_of(everything(), vec![sold])),
        [
            "101501 Cash 11.00",
            "220110 City 10% -1.00",
            "400001 Sales -20.00",
            "400901 Discounts 10.00"
        ]
    );
}

#[test]
fn rounding_to_the_smallest_coin_has_its_account_or_holds_the_ticket() {
    let rounded = |by: i64| {
        let mut sold = trade(
            vec![item("A1", 1, 1002)],
            vec![],
            &[],
            vec![tender(TenderKind::Cash, 1002 + by)],
            0,
        );
        sold.totals.rounding = usd(by);
        sold.totals.total = usd(1002 + by);
        sold
    };
    assert_eq!(
        spell(&books_of(everything(), vec![rounded(-2), rounded(3)])),
        [
            "101501 Cash 20.05",
            "400001 Sales taxed Exempt -20.04",
            "490001 Rounding -0.01"
        ]
    );
    let mut world = World::new();
    world.tell(sale(T1, "1", rounded(-2)));
    let ledger = world.ledger();
    assert_eq!(spell(&ledger), Vec::<String>::new());
    assert_eq!(ledger.held[0].cause.as_str(), "missing-account:rounding");
}

fn in_cad(minor: i64, cad: i64) -> tillwire_proto::Tender {
    let mut handed = tender(TenderKind::Cash, minor);
    handed.foreign = Some(Amount::new(cad, Currency::from_code("CAD").unwrap()));
    handed
}

#[test]
fn notes_of_another_currency_have_their_account_and_both_amounts() {
    let paid = |change| {
        trade(
            vec![item("A1", 1, 700)],
            vec![],
            &[],
            vec![in_cad(700 + change, 1000)],
            change,
        )
    };
    let ledger = books_of(everything(), vec![paid(0), paid(100)]);
    assert_eq!(
        spell(&ledger),
        [
            "101501 Cash -1.00",
            "101502 Cash CAD 15.00",
            "400001 Sales taxed Exempt -14.00"
        ]
    );
    let (_, line) = ledger.lines().find(|(key, _)| key.currency.is_some()).unwrap();
    assert_eq!(line.foreign.unwrap().to_string(), "20.00 CAD");
}

#[test]
fn foreign_notes_are_in_no_count_of_the_drawer() {
    let mut world = World::with(everything());
    let paid = trade(
        vec![item("A1", 1, 700)],
        vec![],
        &[],
        vec![in_cad(800, 1000)],
        100,
    );
    world.tell(sale(T1, "1", paid));
    world.tell(count(T1, 19_900));
    let drawer = &world.assess().registers[0].drawer.clone().unwrap();
    assert_eq!(drawer.over_short, Some(usd(0)), "200.00 less the change of 1.00");
}

#[test]
fn goods_find_their_income_by_product_then_department_then_revenue() {
    let lines = vec![
        in_department(item("A9", 1, 100), "hats"),
        in_department(item("B1", 1, 200), "hats"),
        in_department(item("B2", 1, 400), "no such"),
    ];
    let sold = trade(lines, vec![], &[], vec![tender(TenderKind::Cash, 700)], 0);
    let ledger = books_of(everything(), vec![sold]);
    let found: Vec<(String, Option<&str>)> = ledger
        .lines()
        .map(|(key, line)| {
            (
                format!("{} {}", key.account, line.amount.decimal()),
                key.analytic.as_deref(),
            )
        })
        .collect();
    let of = |text: &str, analytic| (text.to_owned(), analytic);
    assert_eq!(
        found,
        [
            of("101501 7.00", None),
            of("400001 -4.00", Some("Main Street")),
            of("400100 -1.00", Some("Shoes")),
            of("400200 -2.00", Some("Main Street")),
        ]
    );
}

#[test]
fn returned_goods_have_an_account_of_their_own_where_the_retailer_wants_one() {
    let mut draft = draft_with("", r#", "category": {"shoes": "400100"}"#);
    draft.odoo.accounts.returns = Some(RowDraft::from("400800"));
    let mut world = World::with(draft.check().unwrap());
    let mut back = cash_return(T1, "1", "A1", 500);
    if let Body::Trade(trade) = &mut back.body {
        trade.lines[0] = in_department(trade.lines[0].clone(), "shoes");
    }
    world.tell(back);
    assert_eq!(
        spell(&world.ledger()),
        ["101501 Cash -5.00", "400800 Returns 5.00"]
    );
}

#[test]
fn store_credit_is_issued_and_redeemed_against_one_liability() {
    let issued = {
        let back = trade(
            vec![item("A1", -1, 900)],
            vec![],
            &[],
            vec![tender(TenderKind::StoreCredit, -900)],
            0,
        );
        transaction(key(T1, "1", TransactionKind::Return), Body::Trade(back))
    };
    let spent = trade(
        vec![item("A1", 1, 400)],
        vec![],
        &[],
        vec![tender(TenderKind::StoreCredit, 400)],
        0,
    );
    let mut world = World::with(everything());
    world.tell(issued);
    world.tell(sale(T1, "2", spent));
    assert_eq!(spell(&world.ledger())[0], "230003 Store credit -5.00");
}

#[test]
fn goods_without_tax_are_told_under_the_tax_for_them_and_taxed_ones_are_not() {
    let plain = trade(
        vec![item("A1", 1, 500)],
        vec![],
        &[],
        vec![tender(TenderKind::Cash, 500)],
        0,
    );
    let taxed = trade(
        vec![item("A1", 1, 1000)],
        vec![based(tax("City", None, 10), 1000)],
        &[],
        vec![tender(TenderKind::Cash, 1010)],
        0,
    );
    let ledger = books_of(everything(), vec![plain, taxed]);
    let told: Vec<(String, &[String])> = ledger
        .lines()
        .filter(|(key, _)| !key.taxed_by.is_empty())
        .map(|(key, line)| (line.amount.decimal(), key.taxed_by.as_slice()))
        .collect();
    assert_eq!(
        told,
        [
            ("-10.00".to_owned(), ["City 1%".to_owned()].as_slice()),
            ("-5.00".to_owned(), ["Exempt".to_owned()].as_slice())
        ]
    );
}

/// One line of a ticket: kind, department, quantity, price, discount in per cent.
type LineSeed = (u8, u8, i32, i64, i64);

fn mixed(
    lines: &[LineSeed],
    rates: &[(i64, i64)],
    included: bool,
    tip: i64,
    coin: i64,
    pay: u8,
) -> Transaction {
    let lines: Vec<Line> = lines
        .iter()
        .map(|(kind, department, count, unit, percent)| {
            let kind = match kind {
                0 => LineKind::GiftCard,
                1 => LineKind::Shipping,
                2 => LineKind::Fee,
                _ => LineKind::Item,
            };
            let count = if kind == LineKind::Item { *count } else { 1 };
            let mut line = Line {
                kind,
                quantity: Quantity::each(if count == 0 { 1 } else { count }),
                ..item("A1", if count == 0 { 1 } else { count }, *unit)
            };
            if *percent > 0 && kind == LineKind::Item && count > 0 {
                line = off(line, unit * i64::from(count) * percent / 100);
                line.discounts[0].reason = (percent % 2 == 0).then(|| Description::new("Staff").unwrap());
            }
            match department {
                0 => in_department(line, "shoes"),
                1 => in_department(line, "hats"),
                _ => line,
            }
        })
        .collect();
    let taxes: Vec<TaxLine> = rates
        .iter()
        .map(|(rate, minor)| tax("City", Some(*rate), *minor))
        .collect();
    let mut rung_up = trade(lines, taxes, &[tip], vec![], 0);
    if included {
        rung_up = including(rung_up);
    }
    let coin = if rung_up.totals.total.minor() >= 0 {
        coin
    } else {
        0
    };
    rung_up.totals.rounding = usd(coin);
    rung_up.totals.total = rung_up.totals.total.checked_add(usd(coin)).unwrap();
    let owed = rung_up.totals.total.minor();
    let half = owed / 2;
    rung_up.tenders = match pay {
        0 => vec![tender(TenderKind::Cash, owed)],
        1 => vec![
            tender(TenderKind::Card, half),
            tender(TenderKind::StoreCredit, owed - half),
        ],
        2 => vec![in_cad(owed, owed * 4 / 3)],
        _ => vec![tender(TenderKind::Other(Code::new("EBAY").unwrap()), owed)],
    };
    rung_up.totals.paid = usd(owed);
    transaction(key(T1, "x", TransactionKind::Exchange), Body::Trade(rung_up))
}

fn any_ticket() -> impl Strategy<Value = Transaction> {
    let line = (0..8_u8, 0..3_u8, -3..4_i32, 0..30_000_i64, 0..60_i64);
    let rate = (0..250_000_i64, 0..2_000_i64);
    (
        prop::collection::vec(line, 1..5),
        prop::collection::vec(rate, 0..3),
        any::<bool>(),
        0..500_i64,
        -4..5_i64,
        0..4_u8,
    )
        .prop_map(|(lines, rates, included, tip, coin, pay)| mixed(&lines, &rates, included, tip, coin, pay))
}

fn told(tickets: &[Transaction]) -> World {
    let mut world = World::with(everything());
    for (number, ticket) in tickets.iter().enumerate() {
        let mut ticket = ticket.clone();
        ticket.key.ticket = tillwire_proto::TicketNumber::new(&number.to_string()).unwrap();
        world.tell(ticket);
    }
    world
}

proptest! {
    #[test]
    fn every_ledger_balances_and_every_cent_has_a_row_with_its_account(
        tickets in prop::collection::vec(any_ticket(), 1..6),
    ) {
        let world = told(&tickets);
        let ledger = world.ledger();
        let sum: i64 = ledger.lines().map(|(_, line)| line.amount.minor()).sum();
        prop_assert_eq!(sum, 0);
        let mapping = world.settings.mapping_on(day());
        for part in ledger.contributions() {
            let row = mapping.row(&part.row.key).expect("the row that a cent names is in the mapping");
            prop_assert_eq!(&row.id, &part.row);
            let Target::Account(to) = &row.target else {
                return Err(TestCaseError::fail("a cent names a row without an account"));
            };
            prop_assert_eq!(&to.account, &part.line.account);
            prop_assert_eq!(part.foreign.map(Amount::currency), part.line.currency);
        }
        // only a tender without an account holds anything, and each ticket is either held or booked
        for ticket in ledger.held_tickets().values().flatten() {
            prop_assert_eq!(ticket.as_str(), "unknown-tender:tender.EBAY");
        }
    }

    #[test]
    fn the_order_in_which_records_come_changes_no_cent(
        tickets in prop::collection::vec(any_ticket(), 2..6),
        turn in 1..5_usize,
    ) {
        let world = told(&tickets);
        let mut other = told(&tickets);
        let turn = turn % other.records.len();
        other.records.rotate_left(turn);
        prop_assert_eq!(world.ledger(), other.ledger());
    }
}
