//! The four verbs that the uplink needs of a connection. What MQTT does beyond them is nobody's business.

use std::future::Future;

/// What a connection brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A message from the relay, not yet believed.
    Message(Vec<u8>),
    /// The connection is gone.
    Closed(String),
}

/// A connection to the relay. It queues nothing beyond what is under way: the journal is the queue.
pub trait Line: Send {
    /// Builds a new connection and listens on it; an earlier one is given up.
    fn connect(&mut self) -> impl Future<Output = anyhow::Result<()>> + Send;

    /// Hands a message over without waiting.
    ///
    /// # Errors
    /// When there is no connection or it takes nothing more; the machine sends again.
    fn send(&mut self, message: Vec<u8>) -> anyhow::Result<()>;

    /// The next thing that happens; never, while there is no connection. May be given up at any moment.
    fn next_event(&mut self) -> impl Future<Output = Event> + Send;

    /// Takes leave of the relay, or just goes when that takes longer than a second.
    fn close(&mut self) -> impl Future<Output = ()> + Send;
}
