//! XML-RPC on the wire: method calls in, responses and faults out. Only what clients of Odoo send: no dates, no base64.

use serde_json::{Map, Number, Value};
use std::fmt::Write as _;

/// What is still to be read.
struct Reader<'x>(&'x str);

impl<'x> Reader<'x> {
    /// Goes past a tag when it is the next thing.
    fn skip(&mut self, tag: &str) -> bool {
        match self.0.trim_start().strip_prefix(tag) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, tag: &str) -> Option<()> {
        self.skip(tag).then_some(())
    }

    /// The text up to a tag, which is gone past.
    fn until(&mut self, tag: &str) -> Option<&'x str> {
        let (text, rest) = self.0.split_once(tag)?;
        self.0 = rest;
        Some(text)
    }

    fn value(&mut self) -> Option<Value> {
        self.need("<value>")?;
        let value = if self.skip("<array>") {
            self.array()?
        } else if self.skip("<struct>") {
            self.members()?
        } else if self.skip("<int>") {
            self.until("</int>")?.trim().parse::<i64>().ok()?.into()
        } else if self.skip("<i4>") {
            self.until("</i4>")?.trim().parse::<i64>().ok()?.into()
        } else if self.skip("<boolean>") {
            (self.until("</boolean>")?.trim() == "1").into()
        } else if self.skip("<double>") {
            let number: f64 = self.until("</double>")?.trim().parse().ok()?;
            Number::from_f64(number).map(Value::Number)?
        } else if self.skip("<nil/>") {
            Value::Null
        } else if self.skip("<string>") {
            plain(self.until("</string>")?).into()
        } else {
            // a value without a type is a string
            return Some(plain(self.until("</value>")?).into());
        };
        self.need("</value>")?;
        Some(value)
    }

    fn array(&mut self) -> Option<Value> {
        let mut items = Vec::new();
        self.need("<data>")?;
        while !self.skip("</data>") {
            items.push(self.value()?);
        }
        self.need("</array>")?;
        Some(Value::Array(items))
    }

    fn members(&mut self) -> Option<Value> {
        let mut map = Map::new();
        while !self.skip("</struct>") {
            self.need("<member>")?;
            self.need("<name>")?;
            let name = plain(self.until("</name>")?);
            map.insert(name, self.value()?);
            self.need("</member>")?;
        }
        Some(Value::Object(map))
    }
}

fn plain(text: &str) -> String {
    text.replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// The method and the arguments of a call; nothing when it is none.
pub(crate) fn method_call(text: &str) -> Option<(String, Vec<Value>)> {
    let mut reader = Reader(text.split_once("<methodCall>")?.1);
    reader.need("<methodName>")?;
    let method = plain(reader.until("</methodName>")?);
    let mut args = Vec::new();
    if reader.skip("<params>") {
        while reader.skip("<param>") {
            args.push(reader.value()?);
            reader.need("</param>")?;
        }
    }
    Some((method, args))
}

fn write(out: &mut String, value: &Value) {
    out.push_str("<value>");
    // writing to a string does not fail
    let _ = match value {
        Value::Null => write!(out, "<nil/>"),
        Value::Bool(b) => write!(out, "<boolean>{}</boolean>", i32::from(*b)),
        Value::Number(n) if n.is_f64() => write!(out, "<double>{n}</double>"),
        Value::Number(n) => write!(out, "<int>{n}</int>"),
        Value::String(s) => write!(out, "<string>{}</string>", escaped(s)),
        Value::Array(items) => {
            out.push_str("<array><data>\n");
            items.iter().for_each(|item| write(out, item));
            write!(out, "</data></array>")
        }
        Value::Object(map) => {
            out.push_str("<struct>\n");
            for (name, value) in map {
                let _ = writeln!(out, "<member>\n<name>{}</name>", escaped(name));
                write(out, value);
                out.push_str("</member>\n");
            }
            write!(out, "</struct>")
        }
    };
    out.push_str("</value>\n");
}

pub(crate) fn response(value: &Value) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?>\n<methodResponse>\n<params>\n<param>\n");
    write(&mut out, value);
    out.push_str("</param>\n</params>\n</methodResponse>\n");
    out
}

pub(crate) fn fault(code: i64, message: &str) -> String {
    let mut out = String::from("<?xml version=\"1.0\"?>\n<methodResponse>\n<fault>\n");
    write(
        &mut out,
        &serde_json::json!({ "faultCode": code, "faultString": message }),
    );
    out.push_str("</fault>\n</methodResponse>\n");
    out
}
