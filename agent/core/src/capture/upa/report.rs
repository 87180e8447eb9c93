//! What a terminal reports of payments that are over: its offline store, its batch, its end of day. A long report comes
//! in several answers; each is a report of what it names.

use serde::Deserialize;
use serde_json::value::RawValue;
use tillwire_capture::scalar::{Object, Scalar};
use tillwire_proto::{
    Amount, AuthCode, CardBrand, CardFacts, Code, Currency, EntryMode, MoneyError, Note, ProcessorReference,
    ReportEntry, ReportKind, ReportState, TerminalReport, TicketNumber,
};

use super::exchange::Exchange;
use super::message::Answer;
use super::payment::{self, amount, last4, local_time};

/// The commands whose answers are reports. `None` for every other command.
pub(super) fn kind(command: &str) -> Option<ReportKind> {
    Some(match command {
        "GetSAFReport" | "DeleteSAF" => ReportKind::Stored,
        "SendSAF" => ReportKind::Forwarded,
        "GetBatchReport" | "GetBatchDetails" => ReportKind::Batch,
        "EODProcessing" | "GetLastEOD" => ReportKind::EndOfDay,
        _ => return None,
    })
}

#[derive(Debug, Default, Deserialize)]
struct Data<'a> {
    #[serde(borrow, default, rename = "SafDetails", alias = "safDetails")]
    groups: Vec<Object<Group<'a>>>,
    #[serde(borrow, default, rename = "batchRecord")]
    batch: Option<Object<Batch<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
struct Group<'a> {
    #[serde(borrow, default, rename = "SafType", alias = "safType")]
    kind: Scalar<'a>,
    #[serde(borrow, default, rename = "SafCount", alias = "safCount")]
    count: Scalar<'a>,
    #[serde(borrow, default, rename = "SafTotal", alias = "safTotal")]
    total: Scalar<'a>,
    #[serde(borrow, default, rename = "SafRecords", alias = "safRecords")]
    records: Vec<Object<Entry<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Batch<'a> {
    #[serde(borrow, default)]
    batch_id: Scalar<'a>,
    #[serde(borrow, default)]
    batch_seq_nbr: Scalar<'a>,
    #[serde(borrow, default)]
    total_amount: Scalar<'a>,
    #[serde(borrow, default)]
    total_cnt: Scalar<'a>,
    #[serde(borrow, default)]
    batch_detail_records: Vec<Object<Entry<'a>>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    #[serde(borrow, default)]
    transaction_type: Scalar<'a>,
    #[serde(borrow, default)]
    transaction_status: Scalar<'a>,
    #[serde(borrow, default)]
    tran_no: Scalar<'a>,
    #[serde(borrow, default)]
    trans_id: Scalar<'a>,
    #[serde(borrow, default)]
    reference_number: Scalar<'a>,
    #[serde(borrow, default)]
    gateway_txn_id: Scalar<'a>,
    #[serde(borrow, default)]
    saf_reference_number: Scalar<'a>,
    #[serde(borrow, default)]
    settle_amount: Scalar<'a>,
    #[serde(borrow, default)]
    total_amount: Scalar<'a>,
    #[serde(borrow, default)]
    authorized_amount: Scalar<'a>,
    #[serde(borrow, default)]
    request_amount: Scalar<'a>,
    #[serde(borrow, default)]
    tip_amount: Scalar<'a>,
    #[serde(borrow, default)]
    card_type: Scalar<'a>,
    #[serde(borrow, default, alias = "maskedPAN")]
    masked_pan: Scalar<'a>,
    #[serde(borrow, default)]
    card_acquisition: Scalar<'a>,
    #[serde(borrow, default)]
    approval_code: Scalar<'a>,
    #[serde(borrow, default)]
    transaction_time: Scalar<'a>,
    #[serde(borrow, default)]
    host_time_out: Scalar<'a>,
    #[serde(borrow, default)]
    invoice_nbr: Scalar<'a>,
}

/// Builds the report. `asked` is what the POS named when it had a stored payment deleted.
pub(super) fn read(
    kind: ReportKind,
    answer: &Answer<'_>,
    asked: Option<&Named>,
    tap: &Exchange,
) -> Result<TerminalReport, MoneyError> {
    let currency = tap.settings.currency;
    let data: Data<'_> = answer
        .raw
        .and_then(|raw| serde_json::from_str::<Object<Data<'_>>>(raw.get()).ok())
        .map(|object| object.0)
        .unwrap_or_default();
    let result = &answer.result;
    let succeeded = result
        .result
        .text()
        .is_some_and(|result| result.eq_ignore_ascii_case("success"));
    let host = answer.data.host.as_deref();
    let mut report = TerminalReport {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        kind,
        succeeded,
        batch: host.and_then(|host| code(host.batch_id)),
        at: host
            .and_then(|host| host.resp_date_time.text())
            .and_then(|text| local_time(&text)),
        count: None,
        total: None,
        entries: Vec::new(),
        message: None,
    };
    if !succeeded {
        let words: Vec<_> = [result.code, result.message]
            .iter()
            .filter_map(Scalar::text)
            .collect();
        report.message = Note::cleaned(&words.join(" "));
        return Ok(report);
    }
    for group in &data.groups {
        let state = state_of_group(&group.kind);
        report.count = Some(report.count.unwrap_or(0).saturating_add(count(group.count)));
        if let Some(total) = amount(group.total, currency)? {
            let sum = report.total.unwrap_or(Amount::zero(currency));
            report.total = Some(sum.checked_add(total)?);
        }
        for record in &group.records {
            report.entries.push(entry(record, state, currency)?);
        }
    }
    if let Some(batch) = &data.batch {
        report.batch = code(batch.batch_id)
            .or_else(|| code(batch.batch_seq_nbr))
            .or(report.batch);
        report.count = Some(count(batch.total_cnt));
        report.total = amount(batch.total_amount, currency)?;
        for record in &batch.batch_detail_records {
            let voided = record.transaction_status.text().as_deref() == Some("V");
            let state = if voided {
                ReportState::Voided
            } else {
                ReportState::InBatch
            };
            report.entries.push(entry(record, state, currency)?);
        }
    }
    report.entries.extend(asked.map(Named::deleted));
    Ok(report)
}

/// A stored payment that the POS asked to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) terminal_number: Option<Code>,
    pub(super) offline_number: Option<Code>,
}

impl Named {
    fn deleted(&self) -> ReportEntry {
        ReportEntry {
            state: ReportState::Voided,
            command: None,
            amount: None,
            tip: None,
            card: None,
            invoice: None,
            terminal_number: self.terminal_number.clone(),
            offline_number: self.offline_number.clone(),
            at: None,
        }
    }
}

/// `AUTHORIZED`, `PENDING` or `FAILED TRANSACTIONS`.
fn state_of_group(kind: &Scalar<'_>) -> ReportState {
    match kind.text().as_deref().and_then(|text| text.split(' ').next()) {
        Some("AUTHORIZED") => ReportState::Approved,
        Some("FAILED") => ReportState::Declined,
        _ => ReportState::Pending,
    }
}

fn entry(record: &Entry<'_>, state: ReportState, currency: Currency) -> Result<ReportEntry, MoneyError> {
    let timed_out = record.host_time_out.flag().unwrap_or(false);
    let state = match state {
        ReportState::Declined if timed_out => ReportState::Failed,
        state => state,
    };
    // what is still pending or was refused has been authorised for nothing: there the total counts
    let mut sum = None;
    for value in [
        record.settle_amount,
        record.total_amount,
        record.authorized_amount,
        record.request_amount,
    ] {
        sum = sum.or(amount(value, currency)?.filter(|amount| !amount.is_zero()));
    }
    Ok(ReportEntry {
        state,
        command: record.transaction_type.text().and_then(|text| command(&text)),
        amount: sum,
        tip: amount(record.tip_amount, currency)?.filter(|tip| !tip.is_zero()),
        card: card(record),
        invoice: record
            .invoice_nbr
            .text()
            .and_then(|text| TicketNumber::new(&text).ok()),
        terminal_number: code(record.tran_no).or_else(|| code(record.trans_id)),
        offline_number: code(record.saf_reference_number),
        at: record.transaction_time.text().and_then(|text| local_time(&text)),
    })
}

/// Reports write `SALE` where commands write `Sale`.
fn command(text: &str) -> Option<tillwire_proto::PaymentCommand> {
    let bare: String = text.chars().filter(char::is_ascii_alphabetic).collect();
    const NAMES: [&str; 7] = [
        "Sale",
        "Refund",
        "Void",
        "Reversal",
        "TipAdjust",
        "PreAuth",
        "AuthCompletion",
    ];
    let name = match bare.to_ascii_uppercase().as_str() {
        "RETURN" => Some("Refund"),
        upper => NAMES.into_iter().find(|name| name.eq_ignore_ascii_case(upper)),
    };
    name.and_then(payment::command)
}

fn card(record: &Entry<'_>) -> Option<CardFacts> {
    let last4 = record.masked_pan.text().and_then(|text| last4(&text));
    let auth_code = record
        .approval_code
        .text()
        .and_then(|text| AuthCode::new(text.trim()).ok());
    let reference = record
        .gateway_txn_id
        .text()
        .or_else(|| record.reference_number.text())
        .and_then(|text| ProcessorReference::new(text.trim()).ok());
    let brand = record.card_type.text();
    if brand.is_none() && last4.is_none() && auth_code.is_none() && reference.is_none() {
        return None;
    }
    Some(CardFacts {
        brand: brand.map_or(CardBrand::Other, |text| CardBrand::read(&text)),
        last4,
        entry_mode: record
            .card_acquisition
            .text()
            .map_or(EntryMode::Unknown, |text| EntryMode::read(&text)),
        auth_code,
        reference,
        token: None,
    })
}

fn code(value: Scalar<'_>) -> Option<Code> {
    value.text().and_then(|text| Code::cleaned(&text))
}

fn count(value: Scalar<'_>) -> u32 {
    value.text().and_then(|text| text.parse().ok()).unwrap_or(0)
}

/// The part of an answer that reports are read from.
pub(super) type Raw<'a> = Option<&'a RawValue>;
