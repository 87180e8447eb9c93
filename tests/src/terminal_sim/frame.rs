//! UPA frames as each side writes them.

use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

/// A frame as the .NET SDK writes it: a line break after every brace and comma, also inside of strings.
#[must_use]
pub fn pos_frame(message: &Value) -> Vec<u8> {
    let mut frame = vec![STX, b'\n'];
    for byte in message.to_string().bytes() {
        frame.push(byte);
        if matches!(byte, b'{' | b'}' | b',') {
            frame.extend(b"\r\n");
        }
    }
    frame.extend([b'\n', ETX, b'\n']);
    frame
}

/// A frame as a terminal writes it: indented by one.
#[must_use]
pub fn terminal_frame(message: &Value) -> Vec<u8> {
    let mut frame = vec![STX, b'\n'];
    let mut writer = Serializer::with_formatter(&mut frame, PrettyFormatter::with_indent(b" "));
    serde::Serialize::serialize(message, &mut writer).expect("a JSON value serialises into memory");
    frame.extend([b'\n', ETX, b'\n']);
    frame
}

/// Finds frames in a stream that may glue and split them anywhere.
#[derive(Debug, Default)]
pub struct Frames {
    inside: Option<Vec<u8>>,
}

impl Frames {
    /// Takes bytes as they come and returns the messages that they completed.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<Value> {
        let mut messages = Vec::new();
        for &byte in bytes {
            match (byte, &mut self.inside) {
                (STX, _) => self.inside = Some(Vec::new()),
                (ETX, inside) => {
                    messages.extend(inside.take().and_then(|json| serde_json::from_slice(&json).ok()));
                }
                (b'\r' | b'\n', _) | (_, None) => {}
                (byte, Some(json)) => json.push(byte),
            }
        }
        messages
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_acknowledgement_is_byte_for_byte_the_sdks() {
        let ack = json!({"message": "ACK", "data": ""});
        // key order is the map's (alphabetical), which JSON leaves open; braces, breaks and markers are not
        assert_eq!(
            pos_frame(&ack),
            b"\x02\n{\r\n\"data\":\"\",\r\n\"message\":\"ACK\"}\r\n\n\x03\n"
        );
        assert_eq!(
            terminal_frame(&ack),
            b"\x02\n{\n \"data\": \"\",\n \"message\": \"ACK\"\n}\n\x03\n"
        );
    }

    #[test]
    fn frames_are_found_however_they_are_cut() {
        let message = json!({"message": "MSG", "data": {"text": "Socks, 3 pack"}});
        let bytes = [pos_frame(&message), terminal_frame(&message)].concat();
        for size in 1..bytes.len() {
            let mut frames = Frames::default();
            let found: Vec<_> = bytes.chunks(size).flat_map(|piece| frames.push(piece)).collect();
            assert_eq!(found, [message.clone(), message.clone()]);
        }
    }
}
