//! One answer, with its request where that was seen, becomes a payment.

use tillwire_proto::{
    Amount, AuthCode, CardBrand, CardFacts, Code, Currency, EmvReceipt, EntryMode, Last4, Note, Outcome,
    PaymentCommand, ProcessorReference, ReportKind, TerminalPayment, TerminalReport, TicketNumber,
};

use super::exchange::Exchange;
use super::message::Message;

/// What of a request its answer needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) command: PaymentCommand,
    requested: Option<Amount>,
    tip: Option<Amount>,
    invoice: Option<TicketNumber>,
    original: Option<ProcessorReference>,
}

/// The commands that move money, or promise to. `None` for every other command.
pub(super) fn command(name: &str) -> Option<PaymentCommand> {
    use PaymentCommand as C;
    Some(match name {
        "Sale" => C::Sale,
        "Refund" => C::Refund,
        "Void" => C::Void,
        "Reversal" => C::Reversal,
        "TipAdjust" => C::TipAdjust,
        "CreditAuth" => C::PreAuth,
        "CreditAuthComplete" => C::AuthCompletion,
        _ => return None,
    })
}

/// The commands whose answers are reports.
pub(super) fn report_kind(name: &str) -> Option<ReportKind> {
    Some(match name {
        "EOD" | "BatchClose" => ReportKind::EndOfDay,
        "SendSAF" => ReportKind::Forwarded,
        "GetSAFReport" => ReportKind::Stored,
        "GetBatchReport" => ReportKind::Batch,
        _ => return None,
    })
}

impl Question {
    pub(super) fn read(
        command: PaymentCommand,
        request: &Message,
        currency: Currency,
    ) -> Result<Self, String> {
        let tip = amount(request, "TipAmount", currency)?.filter(|tip| !tip.is_zero());
        let requested = match amount(request, "TotalAmount", currency)? {
            Some(total) => Some(total),
            None => amount(request, "BaseAmount", currency)?,
        };
        Ok(Self {
            command,
            requested: if command == PaymentCommand::TipAdjust {
                tip
            } else {
                requested
            },
            tip,
            invoice: ["InvoiceNbr", "InvoiceNumber"]
                .iter()
                .find_map(|name| TicketNumber::new(request.text(name)?).ok()),
            original: request
                .text("TransactionId")
                .and_then(|text| ProcessorReference::new(text).ok()),
        })
    }
}

/// Builds the payment; an error in words where a figure is none or money moved and nobody said how much.
pub(super) fn read(
    command: PaymentCommand,
    answer: &Message,
    question: Option<&Question>,
    tap: &Exchange,
) -> Result<TerminalPayment, String> {
    let currency = tap.settings.currency;
    let requested = question.and_then(|question| question.requested);
    let authorized = amount(answer, "AuthorizedAmount", currency)?;
    let outcome = outcome(answer, command, requested, authorized);
    let got = matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored);
    let taken_back = matches!(command, PaymentCommand::Void | PaymentCommand::Reversal);
    let approved = match (got, authorized.filter(|amount| !amount.is_zero())) {
        (false, _) => Amount::zero(currency),
        (true, Some(amount)) => amount,
        (true, None) => match requested {
            Some(requested) => requested,
            None if taken_back => Amount::zero(currency),
            None => return Err("a success that names no amount, and no request that does".to_owned()),
        },
    };
    let part = |name| amount(answer, name, currency).map(|found| found.filter(|a| got && !a.is_zero()));
    let code = |name| answer.text(name).and_then(Code::cleaned);
    Ok(TerminalPayment {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        command,
        outcome,
        requested,
        approved,
        tip: part("TipAmount")?.or_else(|| question.and_then(|q| q.tip).filter(|_| got)),
        tax: part("TaxAmount")?,
        cash_back: part("CashbackAmount")?,
        surcharge: None,
        card: card(answer, question),
        invoice: question.and_then(|q| q.invoice.clone()),
        request: code("RequestId"),
        terminal_number: code("ResponseId"),
        batch: code("BatchId").or_else(|| code("BatchSeqNbr")),
        offline_number: None,
        operator: None,
        at: None,
        message: message(answer, outcome),
        emv: answer.text("EMV_AID").map(|_| EmvReceipt {
            application: code("EMV_AID"),
            label: code("EMV_ApplicationName"),
            tvr: code("EMV_TVR"),
            tsi: code("EMV_TSI"),
            cryptogram: code("EMV_Cryptogram"),
            verification: None,
        }),
    })
}

/// Builds the report of a command that reports.
pub(super) fn report(kind: ReportKind, answer: &Message, tap: &Exchange) -> TerminalReport {
    let succeeded = went_on(answer);
    TerminalReport {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        kind,
        succeeded,
        batch: answer
            .text("BatchId")
            .or_else(|| answer.text("BatchSeqNbr"))
            .and_then(Code::cleaned),
        at: None,
        count: None,
        total: None,
        entries: Vec::new(),
        message: (!succeeded).then(|| message(answer, Outcome::Error)).flatten(),
    }
}

/// Cents.
fn amount(message: &Message, name: &str, currency: Currency) -> Result<Option<Amount>, String> {
    let Some(text) = message.text(name) else {
        return Ok(None);
    };
    let minor: i64 = text
        .parse()
        .map_err(|_| format!("found {name} {text:?}, wanted a whole number of cents"))?;
    Ok(Some(Amount::new(minor, currency)))
}

/// Result `0`, and `2501`, with which the SDKs go on as well.
fn went_on(answer: &Message) -> bool {
    answer
        .text("Result")
        .is_some_and(|result| result == "2501" || result.bytes().all(|byte| byte == b'0'))
}

fn outcome(
    answer: &Message,
    command: PaymentCommand,
    requested: Option<Amount>,
    authorized: Option<Amount>,
) -> Outcome {
    let issuer = answer.text("ResponseCode");
    let said_yes = issuer.is_none_or(|code| matches!(code, "0" | "00" | "10" | "85"));
    if !went_on(answer) {
        let words = answer.text("ResultText").unwrap_or_default().to_ascii_uppercase();
        return match words {
            words if words.contains("CANCEL") || words.contains("ABORT") => Outcome::Cancelled,
            _ if !said_yes => Outcome::Declined,
            _ => Outcome::Error,
        };
    }
    if !said_yes {
        return Outcome::Declined;
    }
    if answer.flag("StoreAndForward") {
        return Outcome::Stored;
    }
    let takes = matches!(command, PaymentCommand::Sale | PaymentCommand::PreAuth);
    let less = requested.zip(authorized).is_some_and(|(asked, got)| got < asked);
    if issuer == Some("10") || (takes && less) {
        Outcome::Partial
    } else {
        Outcome::Approved
    }
}

fn card(answer: &Message, question: Option<&Question>) -> Option<CardFacts> {
    let last4 = answer.text("MaskedPAN").and_then(Last4::of_masked);
    let reference = ["TransactionId", "ReferenceNumber"]
        .iter()
        .find_map(|name| ProcessorReference::new(answer.text(name)?).ok())
        .or_else(|| question.and_then(|q| q.original.clone()));
    let auth_code = answer
        .text("ApprovalCode")
        .and_then(|text| AuthCode::new(text).ok());
    let brand = answer.text("CardType");
    if last4.is_none() && reference.is_none() && auth_code.is_none() && brand.is_none() {
        return None;
    }
    Some(CardFacts {
        brand: brand.map_or(CardBrand::Other, CardBrand::read),
        last4,
        entry_mode: answer
            .text("CardAcquisition")
            .map_or(EntryMode::Unknown, EntryMode::read),
        auth_code,
        reference,
        token: None,
    })
}

fn message(answer: &Message, outcome: Outcome) -> Option<Note> {
    if matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored) {
        return None;
    }
    let names = ["Result", "ResultText", "ResponseCode", "ResponseText"];
    let words: Vec<&str> = names.iter().filter_map(|name| answer.text(name)).collect();
    Note::cleaned(&words.join(" "))
}
