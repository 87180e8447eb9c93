//! A made-up day's tickets as CSV (the vendor importer's columns), JSON lines and NAXML.

use std::fmt::Write as _;
use std::path::Path;

use jiff::civil::Date;

use crate::cents::decimal;
use crate::shop::{Event, How, Shop, Ticket, TicketLine, What};
use crate::till_sim::{Clock, telling};

/// What files are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Heartland Retail tickets, one a line.
    JsonLines,
    /// A row per item.
    Csv,
    /// A Conexxus POSJournal.
    Naxml,
}

impl Format {
    /// How their names end.
    #[must_use]
    pub const fn ending(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Naxml => "xml",
        }
    }
}

/// The `[[folder]]` table that reads them.
#[must_use]
pub fn needs(format: Format, folder: &Path) -> String {
    let (name, more) = match format {
        Format::JsonLines => ("json-lines", ""),
        Format::Naxml => ("naxml", ""),
        Format::Csv => (
            "csv",
            "[folder.csv]\ncolumns = { ticket = \"Ticket #\", completed_at = \"Completed At\", operator = \"Sales Rep\", \
             station = \"Station\", tax = \"Tax Total\", sku = \"Item #\", original_price = \"Item Original Price\", \
             unit_price = \"Item Adjusted Unit Price\", quantity = \"Qty\", tender = \"Tender\" }\n",
        ),
    };
    format!(
        "[[folder]]\nlane = \"files\"\npath = \"{}\"\nformat = \"{name}\"\nsettle_s = 1\n{more}",
        folder.display()
    )
}

/// One file of some tickets (and, as JSON lines, of what was taken back).
#[must_use]
pub fn file(format: Format, shop: &Shop, date: Date, events: &[&Event]) -> Vec<u8> {
    let text = match format {
        Format::JsonLines => {
            let lines = events
                .iter()
                .map(|event| telling(shop, date, Clock::default(), event).1 + "\n");
            lines.collect()
        }
        Format::Csv => csv(shop, date, events),
        Format::Naxml => naxml(shop, date, events),
    };
    text.into_bytes()
}

/// The event's ticket, where it can be told as rows of goods and one tender.
fn ticket<'a>(event: &&'a Event) -> Option<(&'a Event, &'a Ticket)> {
    match &event.what {
        What::Ticket(ticket) => Some((*event, ticket)),
        _ => None,
    }
}

fn time(event: &Event) -> String {
    let (hour, minute, second) = (event.second / 3600, event.second / 60 % 60, event.second % 60);
    format!("{hour:02}:{minute:02}:{second:02}")
}

/// What goods are called in files: a gift card has no item number.
fn sku<'a>(shop: &'a Shop, line: &TicketLine) -> &'a str {
    line.product
        .map_or("GIFT-CARD", |product| &shop.products[product].sku)
}

fn csv(shop: &Shop, date: Date, events: &[&Event]) -> String {
    let mut text = "Ticket #,Completed At,Sales Rep,Station,Tax Total,Item #,Item Original Price,Item Adjusted Unit Price,Qty,\
                    Tender\n"
        .to_owned();
    for (event, ticket) in events.iter().filter_map(ticket) {
        let station = shop.stores[event.store].registers[event.register].station_id;
        let tender = ticket
            .payments
            .first()
            .map_or("cash", |payment| word(&payment.how));
        for line in &ticket.lines {
            let _ = writeln!(
                text,
                "{},{date} {},Priya,{station},{},{},{},{},{},{tender}",
                ticket.number,
                time(event),
                decimal(ticket.tax()),
                sku(shop, line),
                decimal(line.unit),
                decimal(line.adjusted.unwrap_or(line.unit)),
                line.quantity,
            );
        }
    }
    text
}

fn word(how: &How) -> &'static str {
    match how {
        How::Cash => "cash",
        How::Card { .. } => "card",
        How::GiftCard => "gift-card",
        How::Other(name) => name,
    }
}

fn naxml(shop: &Shop, date: Date, events: &[&Event]) -> String {
    let location = events
        .first()
        .map_or(0, |event| shop.stores[event.store].location_id);
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<NAXML-POSJournal version=\"3.4\">\n\
         <TransmissionHeader><StoreLocationID>{location}</StoreLocationID></TransmissionHeader>\n<JournalReport>\n"
    );
    for (event, ticket) in events.iter().filter_map(ticket) {
        let station = shop.stores[event.store].registers[event.register].station_id;
        let clock = time(event);
        let name = if ticket.total() < 0 {
            "RefundEvent"
        } else {
            "SaleEvent"
        };
        let _ = write!(
            text,
            "<{name}><EventSequenceID>{}</EventSequenceID><CashierID>Priya</CashierID><RegisterID>{station}</RegisterID>\
             <TransactionID>{}</TransactionID><EventEndDate>{date}</EventEndDate><EventEndTime>{clock}</EventEndTime>\
             <BusinessDate>{date}</BusinessDate><ReceiptDate>{date}</ReceiptDate><ReceiptTime>{clock}</ReceiptTime>\
             <TrainingModeFlag value=\"no\"/><TransactionDetailGroup>",
            ticket.id, ticket.number
        );
        for line in &ticket.lines {
            let _ = write!(
                text,
                "<TransactionLine status=\"normal\"><ItemLine><ItemCode><POSCode>{}</POSCode></ItemCode>\
                 <SalesQuantity>{}</SalesQuantity><SalesAmount>{}</SalesAmount></ItemLine></TransactionLine>",
                sku(shop, line),
                line.quantity,
                decimal(line.value())
            );
        }
        for (nth, tax) in ticket.taxes.iter().enumerate() {
            let _ = write!(
                text,
                "<TransactionLine status=\"normal\"><TransactionTax><TaxLevelID>{}</TaxLevelID><TaxCollectedAmount>{}\
                 </TaxCollectedAmount></TransactionTax></TransactionLine>",
                101 + nth,
                decimal(tax.amount)
            );
        }
        let paid = ticket
            .payments
            .iter()
            .map(|payment| (word_of_naxml(&payment.how), payment.amount, "no"));
        let change = (ticket.change > 0).then_some(("cash", -ticket.change, "yes"));
        for (code, amount, is_change) in paid.chain(change) {
            let _ = write!(
                text,
                "<TransactionLine status=\"normal\"><TenderInfo><Tender><TenderCode>{code}</TenderCode></Tender><TenderAmount>{}\
                 </TenderAmount><ChangeFlag value=\"{is_change}\"/></TenderInfo></TransactionLine>",
                decimal(amount)
            );
        }
        let _ = writeln!(text, "</TransactionDetailGroup></{name}>");
    }
    text + "</JournalReport>\n</NAXML-POSJournal>\n"
}

fn word_of_naxml(how: &How) -> &'static str {
    match how {
        How::Card { .. } => "creditCards",
        other => word(other),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use tillwire_agent::config::Config;
    use tillwire_agent_core::capture::folder;
    use tillwire_agent_core::capture::settings::{HeartlandRetailSettings, TimeRules};
    use tillwire_proto::{Currency, RegisterId, StoreId};

    use super::*;
    use crate::shop::{Plan, business_day};

    /// Each file is read back by the agent, under the settings that the sim tells people to use.
    #[test]
    fn agent_reads_every_format_to_the_same_totals() {
        let shop = Shop::new(3, "acme", 1);
        let store = &shop.stores[0];
        let plan = Plan {
            tickets: 40,
            unknown_sku: true,
            close: true,
        };
        let events = shop.day(plan, 0);
        let tickets: Vec<&Event> = events.iter().filter(|event| ticket(event).is_some()).collect();
        let registers = store.registers.iter();
        let retail = HeartlandRetailSettings {
            store: StoreId::new(&store.id).unwrap(),
            currency: Currency::USD,
            registers: registers
                .map(|r| (r.station_id.to_string(), RegisterId::new(&r.id).unwrap()))
                .collect::<BTreeMap<_, _>>(),
            locations: BTreeSet::from([store.location_id.to_string()]),
            tenders: BTreeMap::new(),
            time: TimeRules::midnight(),
        };
        for format in [Format::JsonLines, Format::Csv, Format::Naxml] {
            let written = format!(
                "[store]\ntenant = \"acme\"\nstore = \"s\"\ncurrency = \"USD\"\n{}",
                needs(format, Path::new("/f"))
            );
            let config = Config::read(&written, "agent.toml", &|_| None).unwrap();
            let bytes = file(format, &shop, business_day(), &tickets);
            let told = folder::read(&config.settings.folders[0].format, &bytes, &retail).unwrap();
            assert_eq!(told.len(), tickets.len(), "{format:?}");
            for (told, (event, ticket)) in told.iter().zip(tickets.iter().filter_map(ticket)) {
                let trade = told.transaction.trade().unwrap();
                assert_eq!(trade.totals.total.minor(), ticket.total(), "{format:?} {event:?}");
                assert_eq!(told.transaction.key.ticket.as_str(), ticket.number.to_string());
            }
        }
    }
}
