//! XML-RPC of the recordings, put into JSON: the request so that ids can be put into it, the answer so that it can be
//! compared. Written apart from the simulator's own, so that an error in one cannot agree with itself.

use serde_json::{Map, Value, json};
use std::collections::VecDeque;

/// Tags and texts in their order.
fn pieces(xml: &str) -> VecDeque<String> {
    let mut out = VecDeque::new();
    for part in xml.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        out.push_back(format!("<{tag}>"));
        // strings may be empty or hold line ends, which between tags mean nothing
        if !text.trim().is_empty() || matches!(tag, "string" | "name") {
            out.push_back(
                text.replace("&lt;", "<")
                    .replace("&gt;", ">")
                    .replace("&amp;", "&"),
            );
        }
    }
    out
}

fn take(pieces: &mut VecDeque<String>) -> String {
    pieces.pop_front().unwrap_or_default()
}

/// Reads a value, whose `<value>` is gone already.
fn value(pieces: &mut VecDeque<String>) -> Value {
    let read = match take(pieces).as_str() {
        "<array>" => {
            let mut items = Vec::new();
            take(pieces);
            while take(pieces) == "<value>" {
                items.push(value(pieces));
            }
            Value::Array(items)
        }
        "<struct>" => {
            let mut map = Map::new();
            while take(pieces) == "<member>" {
                take(pieces);
                let name = take(pieces);
                take(pieces);
                take(pieces);
                map.insert(name, value(pieces));
                take(pieces);
            }
            take(pieces);
            return Value::Object(map);
        }
        "<boolean>" => json!(take(pieces) == "1"),
        "<int>" => json!(take(pieces).parse::<i64>().unwrap()),
        "<double>" => json!(take(pieces).parse::<f64>().unwrap()),
        "<string>" => json!(take(pieces)),
        other => panic!("a value of {other}"),
    };
    // the end of its type, and of the value
    take(pieces);
    take(pieces);
    read
}

/// `service`, `method` and `args` of a recorded call.
pub(crate) fn call(url: &str, xml: &str) -> Value {
    // stand-ins for secrets are not escaped in the recordings
    let mut xml = xml.to_owned();
    for secret in [
        "API_KEY:admin",
        "API_KEY:posbridge",
        "API_KEY:readonly",
        "WRONG_KEY",
        "PASSWORD",
    ] {
        xml = xml.replace(&format!("<{secret}>"), &format!("&lt;{secret}&gt;"));
    }
    let mut pieces = pieces(&xml);
    let start = pieces.iter().position(|p| p == "<methodName>").unwrap();
    pieces.drain(..=start);
    let method = take(&mut pieces);
    let mut args = Vec::new();
    while let Some(piece) = pieces.pop_front() {
        if piece == "<value>" {
            args.push(value(&mut pieces));
        }
    }
    json!({ "service": url.rsplit('/').next(), "method": method, "args": args })
}

fn encode(out: &mut String, value: &Value) {
    let text = match value {
        Value::Bool(b) => format!("<boolean>{}</boolean>", u8::from(*b)),
        Value::Number(n) if n.is_f64() => format!("<double>{n}</double>"),
        Value::Number(n) => format!("<int>{n}</int>"),
        Value::String(s) => format!(
            "<string>{}</string>",
            s.replace('&', "&amp;").replace('<', "&lt;")
        ),
        Value::Array(items) => {
            let mut inner = String::new();
            items.iter().for_each(|item| encode(&mut inner, item));
            format!("<array><data>{inner}</data></array>")
        }
        Value::Object(map) => {
            let mut inner = String::new();
            for (name, value) in map {
                inner.push_str(&format!("<member><name>{name}</name>"));
                encode(&mut inner, value);
                inner.push_str("</member>");
            }
            format!("<struct>{inner}</struct>")
        }
        Value::Null => "<nil/>".into(),
    };
    out.push_str(&format!("<value>{text}</value>"));
}

/// The body of a call.
pub(crate) fn body(rpc: &Value) -> String {
    let mut params = String::new();
    for arg in rpc["args"].as_array().into_iter().flatten() {
        params.push_str("<param>");
        encode(&mut params, arg);
        params.push_str("</param>");
    }
    let method = rpc["method"].as_str().unwrap_or("");
    format!(
        "<?xml version='1.0'?>\n<methodCall><methodName>{method}</methodName><params>{params}</params></methodCall>"
    )
}

/// An answer as JSON-RPC would give it: a result, or an error with the number of its fault; the text is a server's own.
pub(crate) fn answer(xml: &str) -> Option<Value> {
    if !xml.starts_with("<?xml") {
        return None;
    }
    if let Some((_, after)) = xml.split_once("<name>faultCode</name>") {
        let code = after.split_once("<int>")?.1.split_once("</int>")?.0;
        return Some(json!({ "jsonrpc": "2.0", "error": { "code": code, "data": { "name": "fault" } } }));
    }
    let mut pieces = pieces(xml);
    let first = pieces.iter().position(|p| p == "<value>")?;
    pieces.drain(..=first);
    Some(json!({ "jsonrpc": "2.0", "result": value(&mut pieces) }))
}
