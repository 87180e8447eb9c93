//! A ticket as a till prints it, in Heartland Retail's usual layout of 42 columns.

use jiff::civil::Date;

use crate::shop::{Event, How, Kind, Shop, Ticket};

const WIDTH: usize = 42;

/// The print job of one ticket; `copy` for one that is printed again.
#[must_use]
pub fn receipt(shop: &Shop, event: &Event, ticket: &Ticket, date: Date, copy: bool) -> Vec<u8> {
    let store = &shop.stores[event.store];
    let mut job = b"\x1B@\x1Bt\x00\x1Ba\x01".to_vec();
    let mut say = |text: &str| job.extend(text.bytes().chain(*b"\n"));
    if copy {
        say("** REPRINT **");
    }
    say(&format!("\x1BE\x01{}\x1BE\x00", store.name));
    let word = if ticket.kind == Kind::Return {
        "Return"
    } else {
        "Ticket"
    };
    let register = store.registers[event.register].station_id;
    say(&format!(
        "\x1Ba\x00{}",
        row(
            &format!("{word} #: {}", ticket.number),
            &format!("Register {register}")
        )
    ));
    say(&row(&time(date, event.second), "Rep: Priya"));
    say(&"-".repeat(WIDTH));
    for line in &ticket.lines {
        let name = line.product.map_or("Gift card ****0087".to_owned(), |product| {
            format!(
                "{} {}",
                shop.products[product].sku, shop.products[product].description
            )
        });
        say(&name);
        let off = if line.adjusted.is_some() {
            "  price adjusted"
        } else {
            ""
        };
        let each = format!(
            "  {} @ {}{off}",
            line.quantity,
            cents(line.adjusted.unwrap_or(line.unit))
        );
        say(&row(&each, &cents(line.value())));
    }
    say(&"-".repeat(WIDTH));
    say(&row("Subtotal", &cents(ticket.net())));
    for tax in &ticket.taxes {
        let percent = format!(
            "{} Tax {}.{:02}%",
            tax.name,
            tax.rate_millionths / 10_000,
            tax.rate_millionths / 100 % 100
        );
        say(&row(&percent, &cents(tax.amount)));
    }
    say(&format!(
        "\x1B!\x08{}\x1B!\x00",
        row("TOTAL", &cents(ticket.total()))
    ));
    for payment in &ticket.payments {
        let name = match &payment.how {
            How::Cash => "Cash".to_owned(),
            How::Card { brand, last4 } => format!("{brand} ************{last4}"),
            How::GiftCard => "Gift card ****0087".to_owned(),
            How::Other(name) => (*name).to_owned(),
        };
        say(&row(&name, &cents(payment.amount)));
    }
    if ticket.change > 0 {
        say(&row("Change", &cents(-ticket.change)));
    }
    job.extend(b"\x1Ba\x01\x1DhP\x1DkI");
    let code = format!("{{B{}", ticket.number);
    job.push(u8::try_from(code.len()).unwrap_or(0));
    job.extend(code.bytes());
    job.extend(b"\x1Bd\x04");
    if ticket.cash() != 0 {
        job.extend(b"\x1Bp\x00\x19\xFA");
    }
    job.extend(b"\x1DVB\x00");
    job
}

/// Left and right in one line.
fn row(left: &str, right: &str) -> String {
    let gap = WIDTH.saturating_sub(left.len() + right.len()).max(1);
    format!("{left}{}{right}", " ".repeat(gap))
}

fn cents(amount: i64) -> String {
    let sign = if amount < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", amount.abs() / 100, amount.abs() % 100)
}

fn time(date: Date, second: u32) -> String {
    let at = date.to_datetime(jiff::civil::Time::midnight());
    let at = at.checked_add(jiff::Span::new().seconds(i64::from(second)));
    at.map_or(String::new(), |at| at.strftime("%m/%d/%Y %I:%M %p").to_string())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tillwire_agent_core::capture::escpos::{CodePage, papers};
    use tillwire_agent_core::capture::receipt::{Place, Template};
    use tillwire_proto::{Currency, RegisterId, StoreId};

    use super::*;
    use crate::shop::{Plan, What, business_day};

    #[test]
    fn every_receipt_of_a_day_is_read_as_it_was_rung_up() {
        let shop = Shop::new(11, "acme", 3);
        let plan = Plan {
            tickets: 60,
            unknown_sku: true,
            close: true,
        };
        let (template, registers) = (Template::heartland_retail(), BTreeMap::new());
        let place = Place {
            store: &StoreId::new("s").unwrap(),
            register: &RegisterId::new("r").unwrap(),
            registers: &registers,
            currency: Currency::USD,
        };
        let mut read = 0;
        for event in shop.day(plan, 0) {
            let What::Ticket(ticket) = &event.what else {
                continue;
            };
            let job = receipt(&shop, &event, ticket, business_day(), false);
            let printed = template
                .read(&papers(&job, CodePage::default())[0], &place)
                .unwrap();
            assert_eq!(printed.total.unwrap().minor(), ticket.total());
            assert_eq!(printed.subtotal.unwrap().minor(), ticket.net());
            assert_eq!(printed.ticket.unwrap().as_str(), ticket.number.to_string());
            let goods: Vec<i64> = printed.lines.iter().map(|line| line.extended.minor()).collect();
            assert_eq!(
                goods,
                ticket.lines.iter().map(|line| line.value()).collect::<Vec<_>>()
            );
            let taxes: Vec<i64> = printed.taxes.iter().map(|tax| tax.amount.minor()).collect();
            assert_eq!(
                taxes,
                ticket.taxes.iter().map(|tax| tax.amount).collect::<Vec<_>>()
            );
            let paid: i64 = printed.tenders.iter().map(|tender| tender.amount.minor()).sum();
            assert_eq!(
                paid - printed.change.map_or(0, |change| change.minor()),
                ticket.paid()
            );
            read += 1;
        }
        assert!(read > 200, "{read}");
    }
}
