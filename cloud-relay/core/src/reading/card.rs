//! What a terminal says: an answer to a payment, and its reports.

use tillwire_proto::{
    CardFacts, EmvReceipt, EntryMode, Outcome, PaymentCommand, ReportKind, ReportState, TerminalPayment,
    TerminalReport,
};

use super::{Reading, figure, money_if, name, words, words_if};

pub(super) fn payment(told: &TerminalPayment, reading: &mut Reading) {
    reading.say(
        "What",
        format_args!("a terminal's answer to a {}", command(told.command)),
    );
    reading.say("Outcome", outcome(told.outcome));
    reading.say("Store", &told.store);
    reading.say("Register", &told.register);
    reading.say("Terminal", &told.terminal);
    reading.say_if("Terminal's clock", told.at);
    reading.amount("Asked for", told.requested);
    reading.amount("Approved", Some(told.approved));
    reading.amount("Of which tip", told.tip);
    reading.amount("Of which tax", told.tax);
    reading.amount("Of which cash back", told.cash_back);
    reading.amount("Of which surcharge", told.surcharge);
    reading.say_if("Card", told.card.as_ref().map(card));
    reading.say_if("Invoice", told.invoice.as_ref());
    reading.say_if("POS's request", told.request.as_ref());
    reading.say_if("Terminal's number", told.terminal_number.as_ref());
    reading.say_if("Batch", told.batch.as_ref());
    reading.say_if("Number of the offline approval", told.offline_number.as_ref());
    reading.say_if("Operator", told.operator.as_ref());
    reading.say_if("Terminal's words", told.message.as_ref());
    if let Some(emv) = &told.emv {
        chip(emv, reading);
    }
}

fn chip(emv: &EmvReceipt, reading: &mut Reading) {
    reading.say_if("Application id (4F)", emv.application.as_ref());
    reading.say_if("Application label (50)", emv.label.as_ref());
    reading.say_if("Terminal verification results (95)", emv.tvr.as_ref());
    reading.say_if("Transaction status (9B)", emv.tsi.as_ref());
    reading.say_if("Cryptogram (9F26)", emv.cryptogram.as_ref());
    reading.say_if("Cardholder verification (9F34)", emv.verification.as_ref());
}

pub(super) fn report(told: &TerminalReport, reading: &mut Reading) {
    let kind = match told.kind {
        ReportKind::Stored => "what stands in the terminal's offline store",
        ReportKind::Forwarded => "what was sent on from the offline store",
        ReportKind::Batch => "what a batch holds",
        ReportKind::EndOfDay => "a batch that was closed",
    };
    reading.say("What", format_args!("a terminal's report: {kind}"));
    if !told.succeeded {
        reading.say("Outcome", "the terminal could not do it");
    }
    reading.say("Store", &told.store);
    reading.say("Register", &told.register);
    reading.say("Terminal", &told.terminal);
    reading.say_if("Batch", told.batch.as_ref());
    reading.say_if("Terminal's clock", told.at);
    reading.say_if("Payments that it counts", told.count);
    reading.amount("What they come to", told.total);
    reading.say_if("Terminal's words", told.message.as_ref());
    let entries = told.entries.iter().map(|entry| {
        [
            words(state(entry.state)),
            words_if(entry.command.map(command)),
            words_if(entry.card.as_ref().map(card)),
            words_if(entry.invoice.as_ref()),
            words_if(entry.terminal_number.as_ref()),
            words_if(entry.offline_number.as_ref()),
            words_if(entry.at),
            money_if(entry.tip),
            money_if(entry.amount),
        ]
    });
    let columns = [
        name("What became of it"),
        name("Asked"),
        name("Card"),
        name("Invoice"),
        name("Terminal's number"),
        name("Offline number"),
        name("Paid at"),
        figure("Tip"),
        figure("Amount"),
    ];
    reading.table("Payments", columns, entries);
}

/// A card in words: `visa •••• 1234, chip, approval 05231A, reference 200073811442`.
pub(super) fn card(facts: &CardFacts) -> String {
    let mut text = facts.brand.name().to_owned();
    if let Some(last4) = facts.last4 {
        text.push_str(&format!(" •••• {last4}"));
    }
    let entry = match facts.entry_mode {
        EntryMode::Unknown => None,
        EntryMode::Manual => Some("typed in"),
        EntryMode::Swipe => Some("swiped"),
        EntryMode::Contactless => Some("contactless"),
        EntryMode::Chip => Some("chip"),
        EntryMode::Fallback => Some("stripe after the chip failed"),
    };
    let more = [
        entry.map(str::to_owned),
        facts.auth_code.as_ref().map(|code| format!("approval {code}")),
        facts
            .reference
            .as_ref()
            .map(|number| format!("reference {number}")),
        facts.token.map(|token| format!("token {token:?}")),
    ];
    for part in more.into_iter().flatten() {
        text.push_str(", ");
        text.push_str(&part);
    }
    text
}

const fn command(command: PaymentCommand) -> &'static str {
    match command {
        PaymentCommand::Sale => "sale",
        PaymentCommand::Refund => "refund",
        PaymentCommand::Void => "void",
        PaymentCommand::Reversal => "reversal",
        PaymentCommand::TipAdjust => "tip adjustment",
        PaymentCommand::PreAuth => "pre-authorisation",
        PaymentCommand::AuthCompletion => "completion of a pre-authorisation",
        PaymentCommand::DeletePreAuth => "release of a pre-authorisation",
    }
}

const fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Approved => "approved in full",
        Outcome::Partial => "approved for less than was asked",
        Outcome::Declined => "declined",
        Outcome::Cancelled => "given up at the terminal or till",
        Outcome::Error => "failed for a technical reason",
        Outcome::Stored => "approved offline, kept in the terminal to be sent on",
    }
}

const fn state(state: ReportState) -> &'static str {
    match state {
        ReportState::Pending => "approved offline, not yet sent on",
        ReportState::Approved => "sent on and approved",
        ReportState::Declined => "sent on and refused: the money will not come",
        ReportState::Failed => "could not be sent on",
        ReportState::Voided => "taken back",
        ReportState::InBatch => "in the batch",
    }
}
