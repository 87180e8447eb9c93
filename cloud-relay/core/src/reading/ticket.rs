//! What happened at a register: as the POS tells it, as the paper says, as the screen shows.

use tillwire_proto::{
    Body, BusinessKey, CardFacts, Line, LineKind, OriginalTicket, Prices, Printed, Quantity, Rate, Screen,
    ScreenState, Tender, TenderState, Trade, Transaction, TransactionKind,
};

use super::card::card;
use super::{Reading, Value, figure, money_if, name, said, words, words_if};

pub(super) fn transaction(told: &Transaction, reading: &mut Reading) {
    key(&told.key, reading);
    reading.say("Till's clock", told.at);
    reading.say_if("POS's own id", told.pos_id.as_ref());
    reading.say_if("Operator", told.operator.as_ref());
    reading.say("Currency", told.currency);
    match told.verify() {
        Ok(()) => reading.say("Adds up", "yes, every total is the sum of its parts"),
        Err(error) => reading.say("Adds up", format_args!("no: {error}")),
    }
    match &told.body {
        Body::Trade(told) => trade(told, reading),
        Body::Void(void) => {
            original("Takes back", &void.of, reading);
            let before = if void.was_completed {
                "yes"
            } else {
                "no, nothing had been counted"
            };
            reading.say("Had been completed", before);
        }
        Body::Drawer(movement) => {
            if told.key.kind != TransactionKind::NoSale {
                reading.amount("Amount", Some(movement.amount));
            }
            reading.say_if("Reason", movement.reason.as_ref());
        }
        Body::Count(count) => {
            let rows = count
                .counted
                .iter()
                .map(|one| [words(one.kind.name()), Value::Money(one.amount)]);
            reading.table("Counted", [name("Tender"), figure("Amount")], rows);
        }
        Body::Open { float } => reading.amount("Opening float", Some(*float)),
        Body::Close { stated: Some(tally) } => reading.tally(tally),
        Body::Close { stated: None } => reading.say("The register's own totals", "the POS tells none"),
    }
}

fn key(key: &BusinessKey, reading: &mut Reading) {
    reading.say("What", key.kind.name());
    reading.say("Ticket", &key.ticket);
    if key.revision > 0 {
        reading.say("Revision", key.revision);
    }
    reading.say("Store", &key.store);
    reading.say("Register", &key.register);
    reading.say("Business day", key.day);
}

fn trade(trade: &Trade, reading: &mut Reading) {
    if let Some(customer) = &trade.customer {
        let name = customer
            .name
            .as_ref()
            .map(|name| format!("{name}, "))
            .unwrap_or_default();
        reading.say("Customer", format_args!("{name}id {}", customer.id));
    }
    if let Some(of) = &trade.original {
        original("Goods come back from", of, reading);
    }
    if trade.prices == Prices::TaxIncluded {
        reading.say("Prices", "with the taxes inside");
    }
    let totals = &trade.totals;
    reading.amount("Net", Some(totals.net));
    reading.amount("Discounts inside net", said(totals.discount));
    reading.amount("Tax", Some(totals.tax));
    reading.amount("Tips", said(totals.tip));
    reading.amount("Rounding", said(totals.rounding));
    reading.amount("Total", Some(totals.total));
    reading.amount("Paid, less change", Some(totals.paid));
    if let Some(change) = &trade.change {
        reading.amount("Change", Some(change.amount));
    }
    lines(&trade.lines, reading);
    let taxes = trade.taxes.iter().map(|tax| {
        [
            words(&tax.jurisdiction),
            words_if(tax.rate.map(Rate::percent)),
            money_if(tax.base),
            Value::Money(tax.amount),
        ]
    });
    reading.table(
        "Taxes",
        [name("Jurisdiction"), figure("Rate"), figure("On"), figure("Tax")],
        taxes,
    );
    tenders(&trade.tenders, reading);
}

fn lines(lines: &[Line], reading: &mut Reading) {
    let rows = lines.iter().map(|line| {
        [
            what(line),
            words_if(line.sku.as_ref()),
            words_if(line.department.as_ref()),
            words_if(line.serial.as_ref()),
            count(line.quantity),
            Value::Money(line.unit_price),
            discounts(line),
            Value::Money(line.extended),
        ]
    });
    let columns = [
        name("Line"),
        name("SKU"),
        name("Department"),
        name("Lot or serial"),
        figure("Quantity"),
        figure("Price"),
        name("Discounts"),
        figure("Comes to"),
    ];
    reading.table("Lines", columns, rows);
}

fn what(line: &Line) -> Value {
    let kind = match line.kind {
        LineKind::Item => None,
        LineKind::GiftCard => Some("gift card"),
        LineKind::Shipping => Some("shipping"),
        LineKind::Fee => Some("fee"),
    };
    match (&line.description, kind) {
        (Some(text), Some(kind)) => words(format_args!("{text} ({kind})")),
        (Some(text), None) => words(text),
        (None, kind) => words(kind.unwrap_or("item")),
    }
}

fn count(quantity: Quantity) -> Value {
    let text = format!("{quantity} {}", quantity.unit().sign());
    words(text.trim_end())
}

fn discounts(line: &Line) -> Value {
    let each = line.discounts.iter().map(|discount| match &discount.reason {
        Some(reason) => format!("{} ({reason})", discount.amount),
        None => discount.amount.to_string(),
    });
    let all: Vec<String> = each.collect();
    if all.is_empty() {
        Value::Unsaid
    } else {
        words(all.join(", "))
    }
}

fn tenders(tenders: &[Tender], reading: &mut Reading) {
    let rows = tenders.iter().map(|tender| {
        let state = match tender.state {
            TenderState::Complete => Value::Unsaid,
            TenderState::Pending => words("not paid yet"),
            TenderState::Voided => words("taken back"),
        };
        [
            words(tender.kind.name()),
            words_if(tender.label.as_ref()),
            card_if(tender.card.as_ref()),
            state,
            money_if(tender.foreign),
            Value::Money(tender.amount),
        ]
    });
    let columns = [
        name("Tender"),
        name("Called"),
        name("Card"),
        name("State"),
        figure("Handed over"),
        figure("Amount"),
    ];
    reading.table("Tenders", columns, rows);
}

fn card_if(facts: Option<&CardFacts>) -> Value {
    words_if(facts.map(card))
}

fn original(what: &'static str, of: &OriginalTicket, reading: &mut Reading) {
    let parts = [
        of.ticket.as_ref().map(|ticket| format!("ticket {ticket}")),
        of.pos_id.as_ref().map(|id| format!("POS id {id}")),
        of.day.map(|day| format!("of {day}")),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() {
        reading.say(what, "an earlier ticket that is not named");
    } else {
        reading.say(what, parts.join(", "));
    }
}

pub(super) fn printed(paper: &Printed, reading: &mut Reading) {
    reading.say(
        "What",
        if paper.copy {
            "a copy of a receipt on paper"
        } else {
            "a receipt on paper"
        },
    );
    reading.say_if("Of a", paper.kind.map(TransactionKind::name));
    reading.say_if("Ticket", paper.ticket.as_ref());
    reading.say("Store", &paper.store);
    reading.say("Register", &paper.register);
    reading.say_if("Printed time", paper.at);
    reading.say_if("Operator", paper.operator.as_ref());
    reading.say("Read by template", &paper.template);
    reading.say("Currency", paper.currency);
    reading.amount("Subtotal", paper.subtotal);
    reading.amount("Total", paper.total);
    reading.amount("Change", paper.change);
    if paper.drawer_kicks > 0 {
        reading.say("Drawer opened", format_args!("{} times", paper.drawer_kicks));
    }
    for code in &paper.codes {
        reading.say("Bar or QR code", code);
    }
    let lines = paper.lines.iter().map(|line| {
        [
            words_if(line.description.as_ref()),
            words_if(line.sku.as_ref()),
            line.quantity.map_or(Value::Unsaid, count),
            money_if(line.unit_price),
            Value::Money(line.extended),
        ]
    });
    let columns = [
        name("Line"),
        name("SKU"),
        figure("Quantity"),
        figure("Price"),
        figure("Comes to"),
    ];
    reading.table("Lines", columns, lines);
    let labelled = paper
        .discounts
        .iter()
        .map(|one| [words_if(one.label.as_ref()), Value::Money(one.amount)]);
    reading.table("Discounts", [name("Called"), figure("Amount")], labelled);
    let taxes = paper.taxes.iter().map(|tax| {
        [
            words_if(tax.label.as_ref()),
            words_if(tax.rate.map(Rate::percent)),
            Value::Money(tax.amount),
        ]
    });
    reading.table("Taxes", [name("Called"), figure("Rate"), figure("Tax")], taxes);
    let tenders = paper.tenders.iter().map(|tender| {
        [
            words(tender.kind.name()),
            words_if(tender.label.as_ref()),
            card_if(tender.card.as_ref()),
            Value::Money(tender.amount),
        ]
    });
    reading.table(
        "Tenders",
        [name("Tender"), name("Called"), name("Card"), figure("Amount")],
        tenders,
    );
}

pub(super) fn screen(screen: &Screen, reading: &mut Reading) {
    let state = match screen.state {
        ScreenState::Open => "being rung up or paid",
        ScreenState::Completed => "paid",
        ScreenState::Left => "the page was left",
    };
    reading.say("What", "a till's screen; a hint, never a sale");
    reading.say("Its ticket", state);
    reading.say_if("Ticket", screen.ticket.as_ref());
    reading.say_if("POS's own id", screen.pos_id.as_ref());
    reading.say("Store", &screen.store);
    reading.say("Register", &screen.register);
    reading.say_if("Till's clock", screen.at);
    reading.amount("Total at this moment", screen.total);
}
