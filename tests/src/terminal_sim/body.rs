//! The JSON of a terminal's answer, field by field as `TransactionResponse` of the SDK reads it.

use serde_json::{Value, json};

use super::Behaviour;
use super::server::Approval;
use crate::cents::decimal;

/// A test number of the card networks (Visa), never issued.
const TEST_CARD: &str = "4111111111111111";

pub(super) fn control(message: &str) -> Value {
    json!({ "message": message, "data": "" })
}

/// Reads a decimal of dollars as cents; 0 when absent.
pub(super) fn cents(text: &Value) -> i64 {
    let text = text.as_str().unwrap_or("0");
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let scale = text
        .split_once('.')
        .map_or(100, |(_, fraction)| if fraction.len() == 1 { 10 } else { 1 });
    digits.parse::<i64>().unwrap_or(0) * scale
}

pub(super) fn failed(request: &Value, code: &str, text: &str) -> Value {
    json!({ "message": "MSG", "data": {
        "response": request["command"], "EcrId": request["EcrId"], "requestId": request["requestId"],
        "cmdResult": { "result": "Failed", "errorCode": code, "errorMessage": text },
    }})
}

pub(super) fn declined(request: &Value, number: u64, gateway: u64) -> Value {
    let reference = gateway.to_string();
    let mut message = failed(request, "HOST001", "HOST ERROR");
    message["data"]["data"] = json!({
        "host": { "responseId": reference, "tranNo": format!("{number:04}"), "gatewayResponseCode": "0",
            "gatewayResponseMessage": "Success", "responseCode": "05", "responseText": "DECLINE",
            "referenceNumber": reference },
        "payment": { "cardType": "VISA", "maskedPan": "411111******1111", "cardAcquisition": "CHIP" },
    });
    message
}

pub(super) fn pong(request: &Value) -> Value {
    json!({ "message": "MSG", "data": {
        "response": request["command"], "EcrId": request["EcrId"], "requestId": request["requestId"],
        "cmdResult": { "result": "Success" },
    }})
}

pub(super) fn approved(request: &Value, approval: &Approval, behaviour: &Behaviour) -> Value {
    let number = approval.number;
    let stored = *behaviour == Behaviour::Stored;
    let amount = decimal(approval.amount);
    let flag = |on: bool| if on { "1" } else { "0" };
    let mut host = json!({
        "responseId": if stored { String::new() } else { approval.gateway.to_string() }, "tranNo": format!("{number:04}"),
        "respDateTime": approval.at, "gatewayResponseCode": "0", "gatewayResponseMessage": "Success",
        "responseCode": "00", "responseText": if stored { "OFFLINE APPROVED" } else { "APPROVAL" },
        "approvalCode": if stored { String::new() } else { format!("{:05}A", number % 100_000) },
        "referenceNumber": if stored { String::new() } else { approval.gateway.to_string() },
        "AvsResultCode": "", "CvvResultCode": "", "baseAmount": amount, "tipAmount": "0.00", "taxAmount": "0.00",
        "cashBackAmount": "0.00", "surcharge": "0.00", "authorizedAmount": amount, "totalAmount": amount,
        "tokenRspCode": "0", "tokenRspMsg": "Success", "batchSeqNbr": "118", "batchId": "1004417",
        "invoiceNbr": approval.invoice, "partialApproval": flag(matches!(behaviour, Behaviour::Partial(_))),
        "storeAndForward": flag(stored), "txnDescriptor": "TILLWIRE TEST",
    });
    if stored {
        host["safReferenceNumber"] = json!(format!("P{number:08}"));
    }
    let mut payment = json!({
        "cardHolderName": "TEST CARD/HOLDER", "cardType": approval.brand, "cardGroup": "Credit",
        "maskedPan": format!("411111******{}", approval.last4), "expiryDate": "1228", "cardAcquisition": "CHIP",
        "signatureLine": "0", "QpsQualified": "1", "storeAndForward": flag(stored), "clerkId": "417",
        "transactionType": approval.command, "fallback": "0", "PinVerified": "0",
    });
    if *behaviour == Behaviour::LeaksCard {
        payment["clearPan"] = json!(TEST_CARD);
        payment["track2"] = json!(format!(";{TEST_CARD}=28121010000012300000?"));
        payment["cvv"] = json!("737");
    }
    if *behaviour == Behaviour::BrokenStrings {
        host["txnDescriptor"] = json!("TILLWIRE, TEST {1}");
    }
    json!({ "message": "MSG", "data": {
        "response": approval.command, "EcrId": request["EcrId"], "requestId": request["requestId"],
        "cmdResult": { "result": "Success" },
        "data": {
            "host": host, "payment": payment,
            "transaction": { "baseAmount": amount, "tipAmount": "0.00", "totalAmount": amount },
            "emv": { "4F": "A0000000031010", "50": "56495341", "9F06": "A0000000031010", "95": "0080008000",
                "9B": "E800", "9F26": "1A2B3C4D5E6F7081", "9F27": "40", "9F34": "1F0302" },
        },
    }})
}
