//! One answer, with its request where that was seen, becomes a payment.

use tillwire_proto::{
    Amount, AuthCode, CardBrand, CardFacts, Code, Currency, EmvReceipt, EntryMode, Last4, LocalTime, Note,
    Operator, Outcome, PaymentCommand, ProcessorReference, TerminalPayment, TicketNumber,
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
    operator: Option<Operator>,
    original: Option<ProcessorReference>,
}

/// Transaction types as PAX numbers them. `None` for what moves no card money.
fn command(of: &str, kind: &str) -> Option<PaymentCommand> {
    use PaymentCommand as C;
    // a gift card that is sold or loaded is goods of the ticket, not a payment by card
    let is_gift = matches!(of, "T06" | "T07");
    Some(match kind {
        "01" | "05" | "07" => C::Sale,
        "02" => C::Refund,
        "03" if !is_gift => C::PreAuth,
        "04" if !is_gift => C::AuthCompletion,
        "06" => C::TipAdjust,
        "16" | "17" | "18" | "19" | "20" | "21" | "22" => C::Void,
        "99" => C::Reversal,
        _ => return None,
    })
}

impl Question {
    /// Reads T00, T02, T04 or T06. `None` when it moves no card money; an error in words where a figure is none.
    pub(super) fn read(request: &Message, currency: Currency) -> Result<Option<Self>, String> {
        let kind = request.member(0, 0).unwrap_or_default();
        let Some(command) = command(&request.command, kind) else {
            return Ok(None);
        };
        let figure = |member| amount(request.member(1, member), currency);
        let (asked, tip) = (figure(0)?, figure(1)?);
        let rest = [tip, figure(2)?, figure(3)?];
        let adjusted = command == PaymentCommand::TipAdjust;
        let requested = rest.into_iter().flatten().try_fold(asked, |sum, part| match sum {
            Some(sum) => sum.checked_add(part).map(Some),
            None => Ok(Some(part)),
        });
        Ok(Some(Self {
            command,
            requested: requested.map_err(|error| error.to_string())?,
            // a tip adjustment names the tip where a sale names its amount
            tip: if adjusted {
                asked
            } else {
                tip.filter(|tip| !tip.is_zero())
            },
            invoice: request.member(3, 1).and_then(|text| TicketNumber::new(text).ok()),
            // credit has an address group before the cashier's, the others have none
            operator: request
                .member(if request.command == "T00" { 5 } else { 4 }, 0)
                .and_then(Operator::cleaned),
            original: request
                .extra("HREF")
                .and_then(|text| ProcessorReference::new(text).ok()),
        }))
    }
}

/// Builds the payment; an error in words where a figure is none or money moved and nobody said how much.
pub(super) fn read(
    answer: &Message,
    question: Option<&Question>,
    tap: &Exchange,
) -> Result<Option<TerminalPayment>, String> {
    let currency = tap.settings.currency;
    let told = answer
        .member(1, 0)
        .and_then(|kind| command(&answer.command, kind));
    let Some(command) = told.or(question.map(|question| question.command)) else {
        return Ok(None);
    };
    let question = question.filter(|question| question.command == command);
    let figure = |member| amount(answer.member(2, member), currency);
    let requested = question.and_then(|question| question.requested);
    let approved = figure(0)?;
    let outcome = outcome(answer, command, requested, approved);
    let got = matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored);
    let taken_back = matches!(command, PaymentCommand::Void | PaymentCommand::Reversal);
    let approved = match (got, approved.filter(|amount| !amount.is_zero())) {
        (false, _) => Amount::zero(currency),
        (true, Some(amount)) => amount,
        (true, None) => match requested {
            Some(requested) => requested,
            None if taken_back => Amount::zero(currency),
            None => return Err("a success that names no amount, and no request that does".to_owned()),
        },
    };
    let part = |member| figure(member).map(|found| found.filter(|amount| got && !amount.is_zero()));
    let code = |text: Option<&str>| text.and_then(Code::cleaned);
    Ok(Some(TerminalPayment {
        store: tap.settings.store.clone(),
        register: tap.settings.register.clone(),
        terminal: tap.terminal.clone(),
        command,
        outcome,
        requested,
        approved,
        tip: part(2)?.or_else(|| question.and_then(|q| q.tip).filter(|_| got)),
        tax: part(5)?,
        cash_back: part(3)?,
        surcharge: part(4)?,
        card: card(answer, question),
        invoice: question.and_then(|q| q.invoice.clone()),
        request: code(answer.member(4, 1)),
        terminal_number: code(answer.member(4, 0)),
        batch: code(answer.member(0, 5)),
        offline_number: None,
        operator: question.and_then(|q| q.operator.clone()),
        at: answer.member(4, 2).and_then(local_time),
        message: message(answer, outcome),
        emv: emv(answer),
    }))
}

/// Cents without a point.
pub(super) fn amount(text: Option<&str>, currency: Currency) -> Result<Option<Amount>, String> {
    let Some(text) = text else { return Ok(None) };
    let minor: i64 = text
        .parse()
        .map_err(|_| format!("found amount {text:?}, wanted a whole number of cents"))?;
    Ok(Some(Amount::new(minor, currency)))
}

/// Device code `000000` and host code `00`, `0` or `85` approve, `10` approves in part; `000100` is the issuer's no.
fn outcome(
    answer: &Message,
    command: PaymentCommand,
    requested: Option<Amount>,
    approved: Option<Amount>,
) -> Outcome {
    let (code, words) = answer.device.as_ref().map_or(("", ""), |(c, w)| (c, w));
    let host = answer.member(0, 0).unwrap_or_default();
    match code {
        "000000" => {}
        "000100" => return Outcome::Declined,
        _ if ["ABORT", "CANCEL"]
            .iter()
            .any(|word| words.to_ascii_uppercase().contains(word)) =>
        {
            return Outcome::Cancelled;
        }
        _ => return Outcome::Error,
    }
    // the host was not asked: the terminal took it upon itself
    let offline = answer.member(0, 1).unwrap_or_default().to_ascii_uppercase();
    if offline.contains("OFFLINE") && answer.member(0, 3).is_none() {
        return Outcome::Stored;
    }
    let takes = matches!(command, PaymentCommand::Sale | PaymentCommand::PreAuth);
    let less = requested.zip(approved).is_some_and(|(asked, got)| got < asked);
    match host {
        "" | "0" | "00" | "85" if takes && less => Outcome::Partial,
        "" | "0" | "00" | "85" => Outcome::Approved,
        "10" => Outcome::Partial,
        _ => Outcome::Declined,
    }
}

fn card(answer: &Message, question: Option<&Question>) -> Option<CardFacts> {
    let last4 = answer.member(3, 0).and_then(Last4::of_masked);
    let reference = [answer.extra("HREF"), answer.member(0, 3)]
        .into_iter()
        .flatten()
        .find_map(|text| ProcessorReference::new(text).ok())
        .or_else(|| question.and_then(|q| q.original.clone()));
    let auth_code = answer.member(0, 2).and_then(|text| AuthCode::new(text).ok());
    if last4.is_none() && reference.is_none() && auth_code.is_none() {
        return None;
    }
    let brand = match answer.member(3, 6) {
        Some("01" | "09") => CardBrand::Visa,
        Some("02" | "10") => CardBrand::Mastercard,
        Some("03") => CardBrand::Amex,
        Some("04") => CardBrand::Discover,
        Some("05") => CardBrand::Diners,
        Some("07") => CardBrand::Jcb,
        _ if matches!(answer.command.as_str(), "T05") => CardBrand::Ebt,
        _ => CardBrand::Other,
    };
    let entry_mode = match answer.member(3, 1) {
        Some("0") => EntryMode::Manual,
        Some("1") => EntryMode::Swipe,
        Some("2") => EntryMode::Contactless,
        Some("4") => EntryMode::Chip,
        Some("5") => EntryMode::Fallback,
        _ => EntryMode::Unknown,
    };
    Some(CardFacts {
        brand,
        last4,
        entry_mode,
        auth_code,
        reference,
        token: None,
    })
}

/// `20261114110215`. A note, not an order.
pub(super) fn local_time(text: &str) -> Option<LocalTime> {
    if text.len() != 14 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at = |from: usize, to: usize| &text[from..to];
    let iso = format!(
        "{}-{}-{}T{}:{}:{}",
        at(0, 4),
        at(4, 6),
        at(6, 8),
        at(8, 10),
        at(10, 12),
        at(12, 14)
    );
    iso.parse().ok()
}

pub(super) fn message(answer: &Message, outcome: Outcome) -> Option<Note> {
    if matches!(outcome, Outcome::Approved | Outcome::Partial | Outcome::Stored) {
        return None;
    }
    let (code, words) = answer.device.as_ref()?;
    let host = [answer.member(0, 0), answer.member(0, 1)];
    let parts = [Some(code.as_str()), Some(words.as_str())]
        .into_iter()
        .chain(host);
    let words: Vec<&str> = parts.flatten().filter(|part| !part.is_empty()).collect();
    Note::cleaned(&words.join(" "))
}

fn emv(answer: &Message) -> Option<EmvReceipt> {
    let code = |key| answer.extra(key).and_then(Code::cleaned);
    let receipt = EmvReceipt {
        application: code("AID"),
        label: code("APPLAB"),
        tvr: code("TVR"),
        tsi: code("TSI"),
        cryptogram: code("TC"),
        verification: code("CVM"),
    };
    receipt.application.is_some().then_some(receipt)
}
