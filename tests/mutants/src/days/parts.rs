//! The parts that tickets and terminals' answers are made of.

use tillwire_proto::{
    Amount, Body, BusinessDay, BusinessKey, CardBrand, CardFacts, Change, Code, Currency, Description,
    Discount, EntryMode, Jurisdiction, Line, LineKind, LocalTime, Outcome, PaymentCommand, Prices, Quantity,
    Rate, RegisterId, Sku, StoreId, TaxLine, Tender, TenderKind, TenderState, TerminalId, TerminalPayment,
    TicketNumber, Tip, Totals, Trade, Transaction, TransactionKind, Unit,
};

use super::{Pay, Wanted};

pub(super) fn today() -> BusinessDay {
    "2026-11-20".parse().expect("a date")
}

pub(super) fn usd(cents: i64) -> Amount {
    Amount::new(cents, Currency::USD)
}

pub(super) fn register(second: bool) -> RegisterId {
    RegisterId::new(if second { "till-2" } else { "till-1" }).expect("a name")
}

pub(super) fn key(second: bool, day: i32, ticket: &str, kind: TransactionKind) -> BusinessKey {
    BusinessKey {
        store: StoreId::new("s01").expect("a name"),
        register: register(second),
        day: BusinessDay::from_days(today().days_since_epoch() + day).expect("a date"),
        ticket: TicketNumber::new(ticket).expect("a number"),
        kind,
        revision: 0,
    }
}

pub(super) fn transaction(key: BusinessKey, body: Body) -> Transaction {
    let minutes: i64 = key.ticket.as_str().parse().unwrap_or(0);
    Transaction {
        at: LocalTime(i64::from(key.day.days_since_epoch()) * 86_400 + 36_000 + minutes * 60),
        key,
        pos_id: None,
        operator: None,
        currency: Currency::USD,
        body,
    }
}

pub(super) fn kind(lines: &[Line]) -> TransactionKind {
    let back = lines.iter().filter(|line| line.quantity.is_negative()).count();
    if back == 0 {
        TransactionKind::Sale
    } else if back == lines.len() {
        TransactionKind::Return
    } else {
        TransactionKind::Exchange
    }
}

pub(super) fn line(wanted: &Wanted) -> Line {
    let kind = match wanted.what {
        6 => LineKind::GiftCard,
        7 => LineKind::Shipping,
        8 => LineKind::Fee,
        _ => LineKind::Item,
    };
    // the last of the goods is sold by weight
    let unit = if wanted.what == 5 {
        Unit::Kilogram
    } else {
        Unit::Each
    };
    let off = if kind == LineKind::Item { wanted.off } else { 0 };
    let quantity = Quantity::from_millionths(i64::from(wanted.count) * 1_000_000, unit);
    Line {
        kind,
        sku: (kind == LineKind::Item && wanted.what != 4)
            .then(|| Sku::new(&format!("S{}", wanted.what)).expect("a number")),
        description: None,
        department: [None, Some("shoes"), Some("hats"), Some("toys")][usize::from(wanted.what % 4)]
            .map(|name| Code::new(name).expect("a code")),
        serial: None,
        quantity,
        unit_price: usd(wanted.unit),
        discounts: (off != 0)
            .then_some(Discount {
                amount: usd(off),
                reason: (off % 2 == 0).then(|| Description::new("staff").expect("a reason")),
            })
            .into_iter()
            .collect(),
        extended: usd(wanted.unit * i64::from(wanted.count) - off),
    }
}

pub(super) fn tax(which: u8, cents: i64, goods: i64) -> TaxLine {
    let (name, rate) = [
        ("State", None),
        ("State", Some(10_000)),
        ("City", Some(10_000)),
        ("Moon", None),
    ][usize::from(which)];
    let amount = if goods < 0 { -cents } else { cents };
    TaxLine {
        jurisdiction: Jurisdiction::new(name).expect("a name"),
        rate: rate.map(Rate::from_millionths),
        base: (cents % 2 == 0).then_some(usd(goods)),
        amount: usd(amount),
    }
}

/// What a till computes that has 20 % inside its prices.
pub(super) fn tax_of_a_fifth(goods: i64) -> TaxLine {
    TaxLine {
        jurisdiction: Jurisdiction::new("City").expect("a name"),
        rate: Some(Rate::from_millionths(200_000)),
        base: None,
        amount: usd(goods / 6),
    }
}

pub(super) fn cad() -> Currency {
    Currency::from_code("CAD").expect("a currency")
}

/// The first pays a third, the last the rest.
pub(super) fn tenders(pay: &[Pay], owed: i64) -> Vec<Tender> {
    let first = if pay.len() > 1 { owed / 3 } else { 0 };
    let mut cents = vec![first; pay.len() - 1];
    cents.push(owed - first * i64::try_from(pay.len() - 1).expect("few tenders"));
    pay.iter()
        .zip(cents)
        .map(|(pay, cents)| tender(*pay, cents))
        .collect()
}

pub(super) fn tender(pay: Pay, cents: i64) -> Tender {
    let kind = match pay {
        Pay::Cash => TenderKind::Cash,
        Pay::Visa | Pay::Card => TenderKind::Card,
        Pay::GiftCard => TenderKind::GiftCard,
        Pay::Check => TenderKind::Check,
        Pay::Unknown => TenderKind::Other(Code::new("EBAY").expect("a code")),
    };
    Tender {
        kind,
        amount: usd(cents),
        state: TenderState::Complete,
        card: (pay == Pay::Visa).then(|| card(CardBrand::Visa)),
        label: None,
        foreign: None,
    }
}

pub(super) fn card(brand: CardBrand) -> CardFacts {
    CardFacts {
        brand,
        last4: None,
        entry_mode: EntryMode::Chip,
        auth_code: None,
        reference: None,
        token: None,
    }
}

pub(super) fn whole(
    lines: Vec<Line>,
    taxes: Vec<TaxLine>,
    tip: i64,
    tenders: Vec<Tender>,
    change: i64,
) -> Trade {
    let net: i64 = lines.iter().map(|line| line.extended.minor()).sum();
    let off: i64 = lines
        .iter()
        .flat_map(|line| &line.discounts)
        .map(|d| d.amount.minor())
        .sum();
    let tax: i64 = taxes.iter().map(|tax| tax.amount.minor()).sum();
    let complete = tenders
        .iter()
        .filter(|tender| tender.state == TenderState::Complete);
    let paid = complete.map(|tender| tender.amount.minor()).sum::<i64>() - change;
    Trade {
        lines,
        taxes,
        tips: (tip != 0)
            .then_some(Tip { amount: usd(tip) })
            .into_iter()
            .collect(),
        tenders,
        change: (change != 0).then_some(Change {
            kind: TenderKind::Cash,
            amount: usd(change),
        }),
        totals: Totals {
            net: usd(net),
            discount: usd(off),
            tax: usd(tax),
            tip: usd(tip),
            rounding: usd(0),
            total: usd(net + tax + tip),
            paid: usd(paid),
        },
        prices: Prices::BeforeTax,
        customer: None,
        original: None,
    }
}

/// One item for cash, given exactly.
pub(super) fn cash_trade(kind: TransactionKind, cents: i64) -> Body {
    let count = if kind == TransactionKind::Return { -1 } else { 1 };
    let item = line(&Wanted {
        what: 1,
        count,
        unit: cents,
        off: 0,
    });
    let tenders = vec![tender(Pay::Cash, cents * i64::from(count))];
    Body::Trade(whole(vec![item], Vec::new(), 0, tenders, 0))
}

pub(super) fn answer(
    register: RegisterId,
    day: BusinessDay,
    command: PaymentCommand,
    cents: i64,
) -> TerminalPayment {
    // an American Express card says so itself; the ticket may not know
    let brand = if cents % 3 == 0 {
        CardBrand::Amex
    } else {
        CardBrand::Visa
    };
    TerminalPayment {
        store: StoreId::new("s01").expect("a name"),
        register,
        terminal: TerminalId::new("pin-1").expect("a name"),
        command,
        outcome: Outcome::Approved,
        requested: None,
        approved: usd(cents),
        tip: None,
        tax: None,
        cash_back: None,
        surcharge: None,
        card: Some(card(brand)),
        invoice: None,
        request: None,
        terminal_number: None,
        batch: None,
        offline_number: None,
        operator: None,
        at: Some(LocalTime(i64::from(day.days_since_epoch()) * 86_400 + 50_000)),
        message: None,
        emv: None,
    }
}
