//! What a record tells, set out for people: names with values, and tables. The page of a record and `record show` draw the
//! same reading, so that nobody has to know how we keep it.

mod card;
mod ticket;

use std::fmt;

use tillwire_proto::{Amount, CloseRecord, Fact, NoticeKind, Tally};

/// A value as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// The record does not say.
    Unsaid,
    /// In words.
    Words(String),
    /// Money.
    Money(Amount),
}

/// A heading of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// What stands below.
    pub name: &'static str,
    /// True for money and counts, which stand at the right.
    pub is_figure: bool,
}

/// A table; every row has as many values as there are columns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What the rows are.
    pub title: &'static str,
    /// The headings.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Vec<Value>>,
}

/// What a record tells.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reading {
    /// Names with their values; what the record does not say is left out.
    pub facts: Vec<(&'static str, Value)>,
    /// Lines, taxes, tenders ...; none is empty.
    pub tables: Vec<Table>,
}

impl Reading {
    /// Sets a fact out.
    #[must_use]
    pub fn of(fact: &Fact) -> Self {
        let mut reading = Self::default();
        match fact {
            Fact::Transaction(transaction) => ticket::transaction(transaction, &mut reading),
            Fact::Printed(printed) => ticket::printed(printed, &mut reading),
            Fact::Terminal(payment) => card::payment(payment, &mut reading),
            Fact::Report(report) => card::report(report, &mut reading),
            Fact::Screen(screen) => ticket::screen(screen, &mut reading),
            Fact::Close(close) => reading.close(close),
            Fact::Unreadable(bytes) => {
                reading.say("What", "bytes that did not become a transaction");
                reading.say("Cause", &bytes.reason);
                reading.say("Found", &bytes.detail);
                reading.say_if("Register", bytes.register.as_ref());
            }
            Fact::Notice(notice) => {
                reading.say(
                    "What",
                    format_args!("a notice of the box: {}", about(notice.kind)),
                );
                reading.say("In its words", &notice.text);
            }
        }
        reading
    }

    fn close(&mut self, close: &CloseRecord) {
        self.say("What", "the box's own account of a register's day");
        self.say("Store", &close.store);
        self.say("Register", &close.register);
        self.say("Business day", close.day);
        self.tally(&close.tally);
        let spans = close.spans.iter().map(|span| {
            [
                words(span.segment),
                words(span.first),
                words(span.last),
                words(span.head),
            ]
        });
        self.table(
            "Records that it counts",
            [
                name("Segment"),
                figure("First"),
                figure("Last"),
                name("Chain hash"),
            ],
            spans,
        );
    }

    fn tally(&mut self, tally: &Tally) {
        self.say("Sales, returns and exchanges", tally.trades);
        self.say("Voids", tally.voids);
        self.say("Other events", tally.others);
        self.amount("Net", Some(tally.net));
        self.amount("Tax", Some(tally.tax));
        self.amount("Tips", said(tally.tip));
        self.amount("Rounding", said(tally.rounding));
        let tenders = tally
            .tenders
            .iter()
            .map(|tender| [words(tender.kind.name()), Value::Money(tender.amount)]);
        self.table("Tenders", [name("Tender"), figure("Amount")], tenders);
    }

    fn say(&mut self, name: &'static str, value: impl ToString) {
        self.facts.push((name, words(value)));
    }

    fn say_if(&mut self, name: &'static str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.say(name, value);
        }
    }

    fn amount(&mut self, name: &'static str, amount: Option<Amount>) {
        self.facts
            .extend(amount.map(|amount| (name, Value::Money(amount))));
    }

    /// Adds a table without the columns of which no row says anything; none without rows.
    fn table<const N: usize>(
        &mut self,
        title: &'static str,
        columns: [Column; N],
        rows: impl Iterator<Item = [Value; N]>,
    ) {
        let rows: Vec<[Value; N]> = rows.collect();
        let kept: Vec<usize> = (0..N)
            .filter(|&at| rows.iter().any(|row| row[at] != Value::Unsaid))
            .collect();
        if kept.is_empty() {
            return;
        }
        self.tables.push(Table {
            title,
            columns: kept.iter().map(|&at| columns[at]).collect(),
            rows: rows
                .into_iter()
                .map(|row| kept.iter().map(|&at| row[at].clone()).collect())
                .collect(),
        });
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsaid => Ok(()),
            Self::Words(text) => f.write_str(text),
            Self::Money(amount) => write!(f, "{amount}"),
        }
    }
}

/// As lines of text: a fact a line, then the tables with their figures at the right.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.facts {
            writeln!(f, "{name}: {value}")?;
        }
        self.tables.iter().try_for_each(|table| table.fmt(f))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = self.columns.iter().map(|column| column.name.to_owned()).collect();
        let body = self
            .rows
            .iter()
            .map(|row| row.iter().map(Value::to_string).collect());
        let rows: Vec<Vec<String>> = std::iter::once(head).chain(body).collect();
        let width = |at: usize| rows.iter().map(|row| row[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        writeln!(f, "{}:", self.title)?;
        for row in &rows {
            let mut line = String::new();
            for ((cell, column), &width) in row.iter().zip(&self.columns).zip(&widths) {
                line.push_str("  ");
                line.push_str(&if column.is_figure {
                    format!("{cell:>width$}")
                } else {
                    format!("{cell:<width$}")
                });
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

const fn name(name: &'static str) -> Column {
    Column {
        name,
        is_figure: false,
    }
}

const fn figure(name: &'static str) -> Column {
    Column {
        name,
        is_figure: true,
    }
}

fn words(value: impl ToString) -> Value {
    Value::Words(value.to_string())
}

fn words_if(value: Option<impl ToString>) -> Value {
    value.map_or(Value::Unsaid, words)
}

fn money_if(amount: Option<Amount>) -> Value {
    amount.map_or(Value::Unsaid, Value::Money)
}

/// An amount that is worth a row: not nothing.
fn said(amount: Amount) -> Option<Amount> {
    (!amount.is_zero()).then_some(amount)
}

const fn about(kind: NoticeKind) -> &'static str {
    match kind {
        NoticeKind::CardData => "card data was replaced in captured bytes",
        NoticeKind::DiskFull => "the disk is too full, sources were told busy",
        NoticeKind::DiskFreed => "capture goes on after a full disk",
        NoticeKind::Clock => "the wall clock is far off or jumped",
        NoticeKind::Source => "a source went silent or came back",
        NoticeKind::RolledBack => "the journal was rolled back to an older state",
        NoticeKind::Rotten => "captured bytes on the disk are not what their digest says",
    }
}
