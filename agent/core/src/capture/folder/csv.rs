//! A row per item. Ticket-level values stand on each of a ticket's rows and must be the same on all of them; a ticket's
//! rows stand together; the last row ends with a line break, or the file is taken for cut off.

use std::collections::BTreeSet;

use csv::{ByteRecord, ReaderBuilder};
use tillwire_proto::{
    Amount, Body, BusinessKey, Code, Description, Discount, Jurisdiction, Line, LineKind, LocalTime,
    Operator, Quantity, RegisterId, Rounding, Sku, TaxLine, Tender, TenderKind, TenderState, TicketNumber,
    Transaction, Unit,
};

use super::{Column, CsvSettings, FileError, Told, trade};
use crate::capture::settings::HeartlandRetailSettings;

/// The tax of a file that does not say whose it is.
const TAX: &str = "Sales tax";

/// A row with its place.
struct Row {
    line: u64,
    record: ByteRecord,
}

struct Reader<'a> {
    settings: &'a CsvSettings,
    retail: &'a HeartlandRetailSettings,
    /// Where each field's column stands.
    places: Vec<(Column, usize)>,
}

pub(super) fn read(
    bytes: &[u8],
    settings: &CsvSettings,
    retail: &HeartlandRetailSettings,
) -> Result<Vec<Told>, FileError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // a cut inside the last row could make another figure of it
    if !bytes.is_empty() && !bytes.ends_with(b"\n") {
        let words = "found no line break at its end, wanted one: the file may be cut off";
        return Err(FileError::at("the file", words));
    }
    let mut file = ReaderBuilder::new()
        .delimiter(settings.delimiter)
        .from_reader(bytes);
    let head = file
        .byte_headers()
        .map_err(|error| FileError::at("the file", error.to_string()))?
        .clone();
    let reader = Reader {
        settings,
        retail,
        places: places(&head, settings)?,
    };
    let mut tickets: Vec<Vec<Row>> = Vec::new();
    let mut seen: BTreeSet<(Vec<u8>, Vec<u8>)> = BTreeSet::new();
    for record in file.into_byte_records() {
        let record = record.map_err(|error| FileError::at("the file", error.to_string()))?;
        let line = record.position().map_or(0, csv::Position::line);
        let row = Row { line, record };
        let key = |row: &Row| {
            (
                reader.bytes(row, Column::Station),
                reader.bytes(row, Column::Ticket),
            )
        };
        match tickets
            .last_mut()
            .filter(|rows| rows.last().is_some_and(|last| key(last) == key(&row)))
        {
            Some(rows) => rows.push(row),
            None if seen.insert(key(&row)) => tickets.push(vec![row]),
            None => {
                let words = "found a ticket again whose other rows stand further up, wanted them together";
                return Err(FileError::at(format!("line {line}"), words));
            }
        }
    }
    tickets.iter().map(|rows| reader.ticket(&head, rows)).collect()
}

fn places(head: &ByteRecord, settings: &CsvSettings) -> Result<Vec<(Column, usize)>, FileError> {
    let find = |name: &String| {
        head.iter()
            .position(|found| found.trim_ascii() == name.as_bytes())
    };
    settings
        .columns
        .iter()
        .map(|(column, name)| match find(name) {
            Some(place) => Ok((*column, place)),
            None => {
                let found: Vec<_> = head.iter().map(|name| String::from_utf8_lossy(name)).collect();
                let words = format!(
                    "found columns {}, wanted {name:?} for {}",
                    found.join(", "),
                    column.name()
                );
                Err(FileError::at("line 1", words))
            }
        })
        .collect()
}

impl Reader<'_> {
    fn bytes(&self, row: &Row, column: Column) -> Vec<u8> {
        let place = self.places.iter().find(|(other, _)| *other == column);
        let found = place.and_then(|(_, place)| row.record.get(*place));
        found.map(|bytes| bytes.trim_ascii().to_vec()).unwrap_or_default()
    }

    /// A field's text; nothing for an empty one.
    fn text(&self, row: &Row, column: Column) -> Result<Option<String>, FileError> {
        let text = String::from_utf8(self.bytes(row, column));
        let text = text.map_err(|_| wrong(row, column, "found bytes that are no UTF-8 text"))?;
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    fn needed(&self, row: &Row, column: Column) -> Result<String, FileError> {
        self.text(row, column)?
            .ok_or_else(|| wrong(row, column, "found nothing, wanted a value"))
    }

    fn amount(&self, row: &Row, column: Column) -> Result<Option<Amount>, FileError> {
        let text = self.text(row, column)?;
        text.map(|text| {
            let bare = text.trim_start_matches('$');
            Amount::parse(bare, self.retail.currency).map_err(|error| wrong(row, column, error))
        })
        .transpose()
    }

    fn ticket(&self, head: &ByteRecord, rows: &[Row]) -> Result<Told, FileError> {
        let first = &rows[0];
        for column in [Column::CompletedAt, Column::Tax, Column::Tender, Column::Operator] {
            let other = rows
                .iter()
                .find(|row| self.bytes(row, column) != self.bytes(first, column));
            if let Some(row) = other {
                let words = "found another value than on the ticket's first row, wanted the same";
                return Err(wrong(row, column, words));
            }
        }
        let register = self.register(first)?;
        let at: LocalTime = self
            .needed(first, Column::CompletedAt)?
            .replacen(' ', "T", 1)
            .parse()
            .map_err(|error| wrong(first, Column::CompletedAt, error))?;
        let lines = rows
            .iter()
            .map(|row| self.line(row))
            .collect::<Result<Vec<_>, _>>()?;
        let fail =
            |error: &dyn std::fmt::Display| FileError::at(format!("line {}", first.line), error.to_string());
        let currency = self.retail.currency;
        let taxes = self
            .amount(first, Column::Tax)?
            .filter(|tax| !tax.is_zero())
            .map(|amount| TaxLine {
                jurisdiction: Jurisdiction::new(TAX).expect("a fixed name"),
                rate: None,
                base: None,
                amount,
            });
        let taxes: Vec<TaxLine> = taxes.into_iter().collect();
        let owed = lines.iter().map(|line| line.extended);
        let owed = Amount::sum(owed.chain(taxes.iter().map(|tax| tax.amount)), currency);
        let tender = Tender {
            kind: self.tender(first)?,
            amount: owed.map_err(|error| fail(&error))?,
            state: TenderState::Complete,
            card: None,
            label: self
                .text(first, Column::Tender)?
                .and_then(|text| Description::cleaned(&text)),
            foreign: None,
        };
        let kind = trade::kind(&lines);
        let trade = trade::of_parts(currency, lines, taxes, vec![tender], None, None);
        let trade = trade.map_err(|error| fail(&error))?;
        let transaction = Transaction {
            key: BusinessKey {
                store: self.retail.store.clone(),
                register,
                day: self.retail.time.day(at),
                ticket: TicketNumber::new(&self.needed(first, Column::Ticket)?)
                    .map_err(|error| wrong(first, Column::Ticket, error))?,
                kind,
                revision: 0,
            },
            at,
            pos_id: None,
            operator: self
                .text(first, Column::Operator)?
                .and_then(|text| Operator::cleaned(&text)),
            currency,
            body: Body::Trade(trade),
        };
        transaction.verify().map_err(|error| fail(&error))?;
        let mut raw = as_text(head, self.settings.delimiter);
        for row in rows {
            raw.extend(as_text(&row.record, self.settings.delimiter));
        }
        Ok(Told { transaction, raw })
    }

    fn register(&self, row: &Row) -> Result<RegisterId, FileError> {
        let Some(station) = self.text(row, Column::Station)? else {
            return self.settings.register.clone().ok_or_else(|| {
                wrong(
                    row,
                    Column::Station,
                    "found nothing, wanted a station, or `register` in the folder's settings",
                )
            });
        };
        self.retail.registers.get(&station).cloned().ok_or_else(|| {
            let known: Vec<&str> = self.retail.registers.keys().map(String::as_str).collect();
            let words = format!("found {station:?}, wanted one of: {}", known.join(", "));
            wrong(row, Column::Station, words)
        })
    }

    fn tender(&self, row: &Row) -> Result<TenderKind, FileError> {
        let Some(text) = self.text(row, Column::Tender)? else {
            return Ok(self.settings.tender.clone());
        };
        if let Some(kind) = self.retail.tenders.get(&text) {
            return Ok(kind.clone());
        }
        let lower = text.to_ascii_lowercase();
        Ok(match lower.as_str() {
            "cash" => TenderKind::Cash,
            "card" | "credit" | "credit card" | "debit" | "debit card" => TenderKind::Card,
            "gift card" => TenderKind::GiftCard,
            "store credit" => TenderKind::StoreCredit,
            "check" => TenderKind::Check,
            _ => TenderKind::Other(
                Code::cleaned(&lower)
                    .ok_or_else(|| wrong(row, Column::Tender, "found no word, wanted one"))?,
            ),
        })
    }

    fn line(&self, row: &Row) -> Result<Line, FileError> {
        let quantity = Quantity::parse(&self.needed(row, Column::Quantity)?, Unit::Each)
            .map_err(|error| wrong(row, Column::Quantity, error))?;
        let price = self
            .amount(row, Column::UnitPrice)?
            .ok_or_else(|| wrong(row, Column::UnitPrice, "found nothing, wanted a price"))?;
        let original = self.amount(row, Column::OriginalPrice)?.unwrap_or(price);
        let times = |amount: Amount| {
            amount
                .mul_ratio(quantity.millionths(), 1_000_000, Rounding::HalfUp)
                .map_err(|error| wrong(row, Column::Quantity, error))
        };
        let (extended, before) = (times(price)?, times(original)?);
        let off = before
            .checked_sub(extended)
            .map_err(|error| wrong(row, Column::OriginalPrice, error))?;
        let discount = (!off.is_zero()).then_some(Discount {
            amount: off,
            reason: None,
        });
        let sku = self.needed(row, Column::Sku)?;
        let code = |column| -> Result<Option<Code>, FileError> {
            Ok(self.text(row, column)?.and_then(|text| Code::cleaned(&text)))
        };
        Ok(Line {
            kind: LineKind::Item,
            sku: Some(Sku::new(&sku).map_err(|error| wrong(row, Column::Sku, error))?),
            description: self
                .text(row, Column::Description)?
                .and_then(|text| Description::cleaned(&text)),
            department: code(Column::Department)?,
            serial: code(Column::Serial)?,
            quantity,
            unit_price: original,
            discounts: discount.into_iter().collect(),
            extended,
        })
    }
}

fn wrong(row: &Row, column: Column, words: impl std::fmt::Display) -> FileError {
    FileError::at(format!("line {}, {}", row.line, column.name()), words.to_string())
}

/// A row as it would stand in a file of its own.
fn as_text(record: &ByteRecord, delimiter: u8) -> Vec<u8> {
    let mut text = Vec::new();
    for (place, field) in record.iter().enumerate() {
        if place > 0 {
            text.push(delimiter);
        }
        if field
            .iter()
            .any(|byte| matches!(byte, b'"' | b'\n' | b'\r') || *byte == delimiter)
        {
            text.push(b'"');
            for byte in field {
                text.extend(std::iter::repeat_n(*byte, if *byte == b'"' { 2 } else { 1 }));
            }
            text.push(b'"');
        } else {
            text.extend(field);
        }
    }
    text.push(b'\n');
    text
}
