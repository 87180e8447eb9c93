//! What the patterns find on one paper, line by line.

use regex_lite::Captures;
use tillwire_proto::{
    Amount, AuthCode, CardBrand, CardFacts, Currency, Description, EntryMode, Last4, LocalTime, Operator,
    PrintedAmount, PrintedLine, PrintedTax, PrintedTender, ProcessorReference, Quantity, Sku, TenderKind,
    TicketNumber, TransactionKind, Unit,
};

use super::amount::{amount, percent, plain};
use super::template::{Compiled, What};

/// Characters of one line that are looked at. The widest paper has 64 columns.
const LINE_LEN_MAX: usize = 256;

/// Lines that are looked at. The longest receipt seen has 200.
const LINES_MAX: usize = 2_000;

/// What one paper says.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) kind: Option<TransactionKind>,
    pub(super) ticket: Option<TicketNumber>,
    pub(super) register: Option<String>,
    pub(super) operator: Option<Operator>,
    pub(super) date: Option<String>,
    pub(super) time: Option<String>,
    pub(super) is_copy: bool,
    pub(super) lines: Vec<PrintedLine>,
    pub(super) subtotal: Option<Amount>,
    pub(super) discounts: Vec<PrintedAmount>,
    pub(super) taxes: Vec<PrintedTax>,
    pub(super) total: Option<Amount>,
    pub(super) tenders: Vec<PrintedTender>,
    pub(super) change: Option<Amount>,
    /// How many lines were looked at.
    pub(super) looked_at: usize,
    /// What a pattern found and could not be read.
    pub(super) wrong: Vec<String>,
}

impl Found {
    /// Goes through the lines once. A line counts for the first pattern that matches it.
    pub(super) fn on(lines: &[&str], template: &Compiled, currency: Currency) -> Self {
        Self::told(lines, template, currency, &mut |_, _| {})
    }

    /// As [`Self::on`], and tells for each line, or lines that belong together, what they were taken for.
    pub(super) fn told(
        lines: &[&str],
        template: &Compiled,
        currency: Currency,
        told: &mut dyn FnMut(Option<&What>, &[&str]),
    ) -> Self {
        let lines: Vec<&str> = lines
            .iter()
            .map(|line| cut(line))
            .filter(|line| !line.is_empty())
            .take(LINES_MAX)
            .collect();
        let mut found = Self {
            looked_at: lines.len(),
            ..Self::default()
        };
        let mut at = 0;
        while at < lines.len() {
            let (span, what) = found.line(&lines[at..], template, currency);
            told(what, &lines[at..at + span]);
            at += span;
        }
        found
    }

    /// Takes the first of these lines, or as many as its pattern spans: how many those are, and what for.
    fn line<'p>(
        &mut self,
        lines: &[&str],
        template: &'p Compiled,
        currency: Currency,
    ) -> (usize, Option<&'p What>) {
        for pattern in &template.lines {
            let Some(span) = lines.get(..pattern.span) else {
                continue;
            };
            let joined;
            let text = if let [line] = span {
                line
            } else {
                joined = span.join("\n");
                joined.as_str()
            };
            if let Some(groups) = pattern.regex.captures(text) {
                let groups = Groups {
                    groups,
                    decimal: template.decimal,
                    currency,
                };
                if let Err(why) = self.take(&pattern.what, &groups) {
                    self.wrong.push(why);
                }
                if pattern.what == What::Head {
                    self.words(lines[0], template);
                }
                return (pattern.span, Some(&pattern.what));
            }
        }
        (1, self.words(lines[0], template))
    }

    /// Words are looked for where goods and amounts are not: an item may be called "Return address labels".
    fn words<'p>(&mut self, line: &str, template: &'p Compiled) -> Option<&'p What> {
        let mut what = None;
        for pattern in template
            .words
            .iter()
            .filter(|pattern| pattern.regex.is_match(line))
        {
            match pattern.what {
                What::Kind(kind) => self.kind = self.kind.or(Some(kind)),
                _ => self.is_copy = true,
            }
            what = Some(&pattern.what);
        }
        what
    }

    fn take(&mut self, what: &What, groups: &Groups<'_>) -> Result<(), String> {
        match what {
            What::Item => self.lines.push(groups.item()?),
            What::Subtotal => self.subtotal = Some(groups.amount("amount")?),
            What::Total => self.total = Some(groups.amount("amount")?),
            What::Change => self.change = Some(absolute(groups.amount("amount")?)),
            What::Tax => self.taxes.push(PrintedTax {
                label: groups.label(),
                rate: groups
                    .get("rate")
                    .and_then(|rate| percent(rate, groups.decimal).ok()),
                amount: groups.amount("amount")?,
            }),
            What::Discount => self.discounts.push(PrintedAmount {
                label: groups.label(),
                amount: absolute(groups.amount("amount")?),
            }),
            What::Tender(kind) => self.tenders.push(PrintedTender {
                kind: kind.clone(),
                label: groups.label(),
                amount: groups.amount("amount")?,
                card: (*kind == TenderKind::Card).then(|| groups.card(None)),
            }),
            What::Card => {
                if let Some(card) = self
                    .tenders
                    .iter_mut()
                    .rev()
                    .find_map(|tender| tender.card.as_mut())
                {
                    *card = groups.card(Some(card));
                }
            }
            What::Head => self.head(groups)?,
            What::Copy | What::Kind(_) => {}
        }
        Ok(())
    }

    /// The first of each counts: a stub below may repeat it.
    fn head(&mut self, groups: &Groups<'_>) -> Result<(), String> {
        let text = |name| groups.get(name).map(str::to_owned);
        if let Some(ticket) = groups.get("ticket").filter(|_| self.ticket.is_none()) {
            self.ticket = Some(TicketNumber::new(ticket).map_err(|error| error.to_string())?);
        }
        self.register = self.register.take().or_else(|| text("register"));
        self.operator = self
            .operator
            .take()
            .or_else(|| groups.get("cashier").and_then(Operator::cleaned));
        self.date = self.date.take().or_else(|| text("date"));
        self.time = self.time.take().or_else(|| text("time"));
        Ok(())
    }

    /// Date and time in any of the template's formats.
    pub(super) fn at(&self, template: &Compiled) -> Option<LocalTime> {
        let parts = [self.date.as_deref(), self.time.as_deref()];
        let text = parts.into_iter().flatten().collect::<Vec<_>>().join(" ");
        let read = |format: &String| jiff::civil::DateTime::strptime(format, &text).ok();
        template.times.iter().find_map(read).map(LocalTime::from_civil)
    }
}

/// The named groups of one line.
struct Groups<'t> {
    groups: Captures<'t>,
    decimal: char,
    currency: Currency,
}

impl Groups<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        let found = self.groups.name(name)?.as_str().trim();
        (!found.is_empty()).then_some(found)
    }

    fn label(&self) -> Option<Description> {
        self.get("label").and_then(Description::cleaned)
    }

    fn amount(&self, name: &str) -> Result<Amount, String> {
        let text = self.get(name).unwrap_or_default();
        amount(text, self.decimal, self.currency).map_err(|error| error.to_string())
    }

    fn item(&self) -> Result<PrintedLine, String> {
        let price = self.get("price").map(|_| self.amount("price")).transpose()?;
        let quantity = self.get("quantity").map(|text| {
            let sign = if text.contains('-') { "-" } else { "" };
            Quantity::parse(&format!("{sign}{}", plain(text, self.decimal)), Unit::Each)
        });
        Ok(PrintedLine {
            sku: self.get("sku").and_then(|sku| Sku::new(sku).ok()),
            description: self.get("description").and_then(Description::cleaned),
            quantity: quantity.transpose().map_err(|error| error.to_string())?,
            unit_price: price,
            extended: self.amount("extended")?,
        })
    }

    /// The card facts of this line, over those that an earlier line gave.
    fn card(&self, earlier: Option<&CardFacts>) -> CardFacts {
        let of = |read: fn(&CardFacts) -> Option<Last4>| earlier.and_then(read);
        let entry = self.get("entry").map(EntryMode::read);
        CardFacts {
            brand: earlier.map_or_else(
                || CardBrand::read(self.get("label").unwrap_or_default()),
                |card| card.brand,
            ),
            last4: self
                .get("last4")
                .and_then(Last4::new)
                .or_else(|| of(|card| card.last4)),
            entry_mode: entry
                .or(earlier.map(|card| card.entry_mode))
                .unwrap_or(EntryMode::Unknown),
            auth_code: self
                .get("auth")
                .and_then(|auth| AuthCode::new(auth).ok())
                .or_else(|| earlier.and_then(|card| card.auth_code.clone())),
            reference: self
                .get("reference")
                .and_then(|reference| ProcessorReference::new(reference).ok())
                .or_else(|| earlier.and_then(|card| card.reference.clone())),
            token: None,
        }
    }
}

fn absolute(amount: Amount) -> Amount {
    if amount.is_negative() {
        amount.checked_neg().unwrap_or(amount)
    } else {
        amount
    }
}

/// The line without the spaces around it, at most [`LINE_LEN_MAX`] characters of it.
fn cut(line: &str) -> &str {
    let line = line.trim();
    line.char_indices()
        .nth(LINE_LEN_MAX)
        .map_or(line, |(end, _)| &line[..end])
}
